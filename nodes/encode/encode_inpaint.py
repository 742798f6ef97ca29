"""Menu Mend/Encode: encode a picture and its mask into a model's inpainting inputs."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from comfy_api.latest import io
from torch import Tensor

from ... import host
from ...host.planning import budget_of, tiled
from ...inpaint.core.checks import match
from ...inpaint.core.errors import InpaintError
from ...inpaint.core.geometry import Box
from ...inpaint.masks import grow_cells, in_pixels, pool
from ...inpaint.model_families.latents import LatentShape
from ...inpaint.model_families.sizes import encoded_multiple, patch_cells
from ...inpaint.model_families.vae_check import check_vae
from ...inpaint.sampling import conditioning
from ...inpaint.sampling.window import ENCODED_WINDOW, EncodedWindow, plan_window
from ..shared.areas import AROUND, WHOLE
from ..shared.choices import check_choices
from ..shared.lost_pixels import brought_back, unmasked_input
from ..shared.widgets import all_advanced, count
from .reference_pictures import AS_IT_IS, HOLES, decision, encoded_further, reference_inputs, referring

AUTO = "auto"
# Options for the masked area's content before sampling, each with its line of the report.
CONTENTS = {
    "original": "",
    "neutral": "The masked area starts grey: sample with denoise 1.0.",
    "noise": "The masked area starts as noise: sample with a denoise of 0.9 or more.",
    "empty": "The masked area starts empty: sample with denoise 1.0.",
    "already filled": "The masked area keeps its fill: sample with a denoise of 0.4 to 0.9. Lower keeps more of it.",
}
# Seed of the noise content. It must differ from the sampler's seed, which varies the result.
NOISE_SEED = 0x4D656E64
# Contents generated as latents, in the model's sampling scale.
LATENT_CONTENTS: dict[str, Callable[[torch.Size], Tensor]] = {
    "noise": lambda shape: torch.randn(shape, generator=torch.Generator().manual_seed(NOISE_SEED)),
    "empty": torch.zeros,
}
# Contents that must not show in the result.
PLACEHOLDERS = ("neutral", *LATENT_CONTENTS)
MASK_TIMES = (
    "ComfyUI's samplers set this model's noise level of a frame by the share of it that is masked. Use Masked Sampler, "
    "which does not, or mask most of a frame."
)


class EncodeInpaint(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendEncodeInpaint",
            display_name="Encode for Inpainting",
            category="Mend/Encode",
            description="Prepares picture and mask for sampling, for every kind of model. It finds out by itself "
            "whether the model has inpainting inputs of its own (9-channel SD 1.5, SD 2, SDXL; Flux Fill) and sets "
            "them.",
            inputs=[
                io.Model.Input("model", tooltip="The model that will sample. It is only looked at, not changed."),
                io.Conditioning.Input("positive", tooltip="What should be there."),
                io.Conditioning.Input("negative", tooltip="What should not."),
                io.Vae.Input("vae", tooltip="The VAE that belongs to the model."),
                io.Image.Input(
                    "image", tooltip="The picture. Any size: it is padded at the right and bottom, never moved."
                ),
                io.Mask.Input("mask", tooltip="White (1) is repainted. A soft mask repaints in part."),
                io.Combo.Input(
                    "masked_content",
                    options=[AUTO, *CONTENTS],
                    default=AUTO,
                    tooltip="What the masked area holds before sampling. auto: neutral for models with inpainting "
                    "inputs, original for all others. original: the picture. neutral: grey, one VAE pass for all "
                    "inputs (needs denoise 1.0). noise: random latents. empty: latents of zeros. already filled: the "
                    "picture, whose masked area was filled before.",
                ),
                io.Boolean.Input(
                    "noise_mask",
                    default=True,
                    tooltip="Hold the latents outside the mask while sampling. Only models with inpainting inputs "
                    "can do without; for all others it must stay on.",
                ),
                *all_advanced(
                    count(
                        "widen_by_cells",
                        1,
                        "With neutral content, widen the noise mask by this many latent cells: the VAE lets the grey "
                        "bleed into the cells beside the mask.",
                        most=8,
                    ),
                    unmasked_input(),
                    io.Latent.Input(
                        "sound",
                        optional=True,
                        tooltip="For models that sample a video with its sound (LTX-2, MiniMax H3): the sound, which "
                        "is kept. Without it, MiniMax H3 makes the sound.",
                    ),
                    io.Combo.Input(
                        "encode_area",
                        options=[WHOLE, AROUND],
                        default=WHOLE,
                        tooltip="around the mask: only the mask and its surroundings are encoded in full, the rest "
                        "roughly. Masked Sampler and Decode and Composite then work there too: the time follows the "
                        "mask's size, not the picture's.",
                    ),
                    *reference_inputs(),
                ),
            ],
            outputs=[
                io.Conditioning.Output(
                    display_name="positive", tooltip="With the model's inpainting inputs, if it has any."
                ),
                io.Conditioning.Output(
                    display_name="negative", tooltip="With the model's inpainting inputs, if it has any."
                ),
                io.Latent.Output(display_name="latent", tooltip="For the Masked Sampler, or any other."),
            ],
            hidden=[io.Hidden.prompt],
        )

    @classmethod
    def validate_inputs(
        cls,
        masked_content: str | None,
        encode_area: str | None = None,
        reference: str | None = None,
        reference_hole: str | None = None,
    ) -> bool | str:
        return check_choices(
            cls,
            masked_content=masked_content,
            encode_area=encode_area,
            reference=reference,
            reference_hole=reference_hole,
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        positive: list,
        negative: list,
        vae: Any,
        image: Tensor,
        mask: Tensor,
        masked_content: str,
        noise_mask: bool,
        widen_by_cells: int = 1,
        unmasked_image: Tensor | None = None,
        sound: dict[str, Any] | None = None,
        encode_area: str = WHOLE,
        reference: str = AUTO,
        reference_hole: str = AS_IT_IS,
        picture_2: Tensor | None = None,
        picture_3: Tensor | None = None,
        picture_4: Tensor | None = None,
    ) -> io.NodeOutput:
        inputs = host.model_inputs(model)
        if inputs.latents is not None:
            check_vae(inputs.latents, inputs.label, LatentShape(*host.vae_latents(vae)))
        if masked_content == AUTO:
            masked_content = "original" if inputs.inpaint is None else "neutral"
        lost = ""
        if masked_content == "original":
            whole, lost = brought_back(*match(image, mask), unmasked_image, cls.hidden.prompt)
            image = image if whole is None else whole
        neutral = masked_content == "neutral"
        multiple = encoded_multiple(inputs.family, host.vae_ratio(vae))
        prepared = conditioning.prepare(image, mask, multiple, filled=masked_content == "already filled")
        batch = conditioning.common_batch(len(prepared.hidden), positive=positive, negative=negative)
        if sound is not None:
            host.check_sound(model, inputs.label, sound, batch)

        further = [picture for picture in (picture_2, picture_3, picture_4) if picture is not None]
        decided = decision(
            *(model, inputs.label, reference, (positive, negative), prepared, host.vae_ratio(vae)),
            further=sum(len(picture) for picture in further),
        )
        window = None
        if encode_area == AROUND:
            _check_around(inputs, noise_mask, nested=sound is not None or host.needs_sound(model))
            window = _window(prepared.soft, host.vae_ratio(vae), widen_by_cells * neutral, patch_cells(inputs.family))
        # What the latent starts from, what the model is shown beside it, and the references: often the same picture.
        start = prepared.hidden if neutral else prepared.pixels
        shown = prepared.hidden if inputs.inpaint or inputs.shown_latent else start
        referred = HOLES[reference_hole](prepared) if decided.this else []
        (samples, shown_latent, *these), tiles = _encoded_once(vae, [start, shown, *referred], window)
        further_latents, further_tiles = encoded_further(model, vae, further if decided.further else [])
        samples, *these = (conditioning.repeat_to(latent, batch) for latent in (samples, *these))
        samples, cells, hidden_cells = _content(model, samples, prepared, masked_content, widen_by_cells)

        # FLUX.1 Fill folds the mask's pixels into channels itself. Others take one value per cell.
        hidden_mask = prepared.hard[:, None] if inputs.inpaint == "fill" else hidden_cells
        values = _shown(inputs, shown_latent, hidden_mask)
        prompts, references = referring(model, (positive, negative), decided, these, further_latents)
        if window is not None:
            # References that cannot be cut are refused here already.
            for prompt in prompts:
                host.cut_conditioning(model, prompt, window, tuple(samples.shape[-2:]), "encode_area")
        # Pictures that an image-to-video model was given before stay.
        prompts = [host.set_conditioning(prompt, values, keep=inputs.inpaint is None) for prompt in prompts]
        # For later stages of samplers, which pass on nothing else of a latent.
        positive, negative = (host.with_original(prompt, samples) for prompt in prompts)
        held = conditioning.repeat_to(cells, batch) if noise_mask else None
        latent, heard = _latent(model, samples, held, sound, host.vae_ratio(vae))
        if window is not None:
            latent[ENCODED_WINDOW] = EncodedWindow(window, tuple(samples.shape[-2:]))
        messages = [f"{inputs.label}: {_inpaint_method(model, inputs)}", *_repainted(cells, noise_mask, masked_content)]
        if noise_mask and cells.any():
            messages += [MASK_TIMES] if inputs.mask_times else []
            messages += [] if window is None else [_around(window, samples)]
        messages += [*references, heard, lost, *tiles, *further_tiles]
        return io.NodeOutput(positive, negative, latent, ui={"text": ("\n".join(filter(None, messages)),)})


def _encoded_once(vae: Any, pictures: Sequence[Tensor], window: Box | None) -> tuple[list[Tensor], list[str]]:
    """Encode pictures of one size. One that is there several times is encoded once.

    Returns:
        The latent of each; lines for the report.
    """
    distinct = list({id(picture): picture for picture in pictures}.values())
    pixels = torch.cat(distinct) if len(distinct) > 1 else distinct[0]
    if window is None:
        encoded = host.encode(vae, pixels, budget_of(vae))
    else:
        encoded = host.encode_window(vae, pixels, window, budget_of(vae))
    parts = encoded.result.split([len(picture) for picture in distinct])
    latents = {id(picture): latent for picture, latent in zip(distinct, parts, strict=True)}
    return [latents[id(picture)] for picture in pictures], tiled("encoded", encoded)


def _content(
    model: Any, samples: Tensor, prepared: conditioning.Prepared, content: str, widen: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Put the chosen content into the masked area, and bring the mask to the latent's cells.

    Args:
        samples: the encoded picture, one for each prompt and mask.
        content: one of `CONTENTS`.
        widen: cells by which the noise mask is widened with neutral content.

    Returns:
        The latents; the noise mask and the hidden area, [N, 1, (1,) h, w] each.
    """
    cells, hidden = (pool(mask, (len(mask), *samples.shape[1:])) for mask in (prepared.soft, prepared.hard))
    if content in LATENT_CONTENTS:
        made = host.from_model_scale(model, LATENT_CONTENTS[content](samples.shape))
        samples = conditioning.replace_masked(samples, made, conditioning.repeat_to(hidden, len(samples)))
    if content in PLACEHOLDERS:
        # Placeholder content is repainted in full: a soft mask value would leave part of it in the result.
        cells = torch.maximum(cells, hidden)
    if content == "neutral":
        cells = grow_cells(cells, widen)
    return samples, cells, hidden


def _latent(
    model: Any, samples: Tensor, held: Tensor | None, sound: dict[str, Any] | None, ratio: int
) -> tuple[dict[str, Any], str]:
    """Make the latent of the encoded pictures, with its sound where the model samples one, and a line for the report.

    Args:
        held: the noise mask in cells; None for none.
        ratio: pixels per latent cell, along each side.
    """
    if host.needs_sound(model) or sound is not None:
        latent = host.with_sound(samples, held, sound)
        return latent, "The sound is made." if sound is None or held is None else "The sound is kept."
    latent = {"samples": samples}
    if held is not None:
        latent["noise_mask"] = in_pixels(held, ratio)
    return latent, ""


def _repainted(cells: Tensor, noise_mask: bool, content: str) -> list[str]:
    """Say how much is repainted, and what is there before."""
    if not noise_mask:
        return [CONTENTS[content], "No noise mask: the whole latent is repainted."]
    if not cells.any():
        return ["The mask is empty: nothing will be repainted."]
    return [CONTENTS[content], f"{float((cells > 0).float().mean()):.1%} of the latent is repainted."]


def _check_around(inputs: host.ModelInputs, noise_mask: bool, nested: bool) -> None:
    """Check that Masked Sampler will be able to sample around the mask."""
    if not noise_mask:
        raise InpaintError(
            'noise_mask: expected it on for encode_area "around the mask", got it off, which repaints the whole '
            'picture. Switch it on, or choose "whole picture".'
        )
    if nested or inputs.own_pictures:
        raise InpaintError(
            f"encode_area: expected a model that can be sampled in a window, got {inputs.label}, which has "
            f'{"sound" if nested else "picture inputs of its own"}. Choose "whole picture".'
        )


def _window(mask: Tensor, ratio: int, widen: int, patch: int) -> Box | None:
    """Return the window that Masked Sampler will choose; None for the whole picture.

    Args:
        mask: [B, H, W] at the size that is encoded.
        ratio: pixels per latent cell.
        widen: cells by which the noise mask is widened.
        patch: the model's, in cells.
    """
    height, width = mask.shape[1:]
    cells = pool(mask, (len(mask), 1, height // ratio, width // ratio))
    return plan_window(grow_cells(cells, widen), patch=patch)


def _around(window: Box, samples: Tensor) -> str:
    height, width = samples.shape[-2:]
    return (
        f"Encoded around the mask: {window.width}x{window.height} of {width}x{height} latent cells. Sample with Masked "
        "Sampler, and decode with Decode and Composite."
    )


def _shown(inputs: host.ModelInputs, hidden: Tensor, mask: Tensor) -> dict[str, Tensor]:
    """Return what a model is shown of the picture beside its latent.

    Args:
        inputs: the model's.
        hidden: latents of the picture without the masked area, if the model is shown it.
        mask: the masked area.
    """
    if inputs.inpaint is not None or inputs.shown_latent:
        # An image-to-video model would be shown the latent by the host, with what is to be repainted in it.
        return {"concat_latent_image": hidden, "concat_mask": mask}
    if inputs.own_pictures:
        # No picture is shown, so nothing of it is known. The host would tell the model the noise mask, and for some
        # models in a shape that they do not take.
        return {"concat_mask": torch.ones_like(mask)}
    return {}


def _inpaint_method(model: Any, inputs: host.ModelInputs) -> str:
    """Return one sentence on how a model inpaints."""
    if inputs.inpaint == "channels":
        return "inpainting model with 9 channels. It receives the mask and the picture without the masked area."
    if inputs.inpaint == "fill":
        return "it receives the mask in full resolution and the picture without the masked area."
    if host.has_fooocus(model):
        return "patched by Fooocus. The patch adds the mask and the picture without the masked area."
    if inputs.shown_latent:
        return (
            "its picture inputs are not for inpainting: they get the picture without the masked area. It inpaints "
            "through the noise mask."
        )
    if inputs.own_pictures:
        return "its picture and mask inputs are not for inpainting. It inpaints through the noise mask alone."
    return "general model. It inpaints through the noise mask alone."
