"""Menu Mend/Composite: paste the repainted area onto the original and change nothing else."""

from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ... import host
from ...host.planning import budget_of, tiled
from ...inpaint.compositing import composite_mask, paste
from ...inpaint.core.checks import check_image, match
from ...inpaint.core.geometry import Size
from ...inpaint.model_families.table import encoded_multiples
from ...inpaint.sampling.conditioning import check_decoded
from ...inpaint.sampling.window import ENCODED_WINDOW, framed, window_of_pixels
from ..shared.areas import AROUND, AUTO, WHOLE
from ..shared.choices import check_choices
from ..shared.notes import report_output, reported
from ..shared.widgets import advanced, pixels


def _paste_inputs() -> list[io.Input]:
    return [
        io.Image.Input(
            "image",
            tooltip="The original picture. Its pixels outside mask and soft edge are kept bit for bit, and so is "
            "alpha.",
        ),
        io.Mask.Input("mask", tooltip="The mask that was repainted. It is pasted in full."),
        pixels("feather", 8.0, "Width in pixels of the soft edge around the mask. 0 blends by the mask's own values."),
    ]


def _paste_outputs() -> list[io.Output]:
    return [
        io.Image.Output(display_name="image", tooltip="The original with the masked area repainted."),
        io.Mask.Output(
            display_name="composite_mask", tooltip="How much was pasted where. Exactly 0 where the original is kept."
        ),
        report_output(),
    ]


def _paste(image: Tensor, repainted: Tensor, weight: Tensor, *notes: str) -> io.NodeOutput:
    pasted = paste(image, repainted, weight)
    share = float((weight > 0).float().mean())
    messages = [f"Pasted over {share:.1%} of the picture. Largest change outside: {pasted.max_change_outside:g}."]
    if share == 1:
        messages = ["The mask and its soft edge cover the whole picture: no pixel of the original is kept."]
    if pasted.unusable:
        messages.append(
            f"{pasted.unusable:,} repainted pixels were NaN or infinite: the original pixels were kept there."
        )
    return reported(pasted.image, weight, messages=[*messages, *notes])


class DecodeComposite(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendDecodeComposite",
            display_name="Decode and Composite",
            category="Mend/Composite",
            description="Decodes the sampled latent and pastes only the masked area onto the original picture. "
            "Beyond its soft edge every pixel stays bit-identical: the VAE's losses never reach it.",
            inputs=[
                io.Vae.Input("vae", tooltip="The VAE that encoded the picture."),
                io.Latent.Input("latent", tooltip="From the sampler."),
                *_paste_inputs(),
                advanced(
                    io.Combo.Input(
                        "decode_area",
                        options=[AUTO, WHOLE, AROUND],
                        default=AUTO,
                        tooltip="What is decoded. around the mask: only what is pasted, in a time that follows the "
                        "mask's size. auto: that, if the picture was encoded around the mask, if the VAE makes the "
                        "same of it, or if the whole would be decoded in tiles.",
                    )
                ),
            ],
            outputs=_paste_outputs(),
        )

    @classmethod
    def validate_inputs(cls, decode_area: str | None = None) -> bool | str:
        return check_choices(cls, decode_area=decode_area)

    @classmethod
    def execute(
        cls,
        vae: Any,
        latent: dict[str, Any],
        image: Tensor,
        mask: Tensor,
        feather: float,
        decode_area: str = AUTO,
    ) -> io.NodeOutput:
        samples, ratio = host.decodable(vae, latent), host.vae_ratio(vae)
        image, mask = match(image, mask)
        height, width = image.shape[1:3]
        got = Size(samples.shape[-1] * ratio, samples.shape[-2] * ratio)
        check_decoded(got, Size(width, height), encoded_multiples(ratio))
        weight = composite_mask(mask, feather)
        if decode_area == AUTO:
            around = ENCODED_WINDOW in latent or host.decodes_window(vae, samples, budget_of(vae))
            decode_area = AROUND if around else WHOLE
        window = window_of_pixels(weight, ratio) if decode_area == AROUND else None
        if window is None:
            decoded, messages = host.decode(vae, samples, budget_of(vae)), []
            repainted = decoded.result
        else:
            decoded = host.decode_window(vae, samples, window, budget_of(vae))
            repainted = framed(decoded.result, window, ratio, got)
            messages = [
                f"Decoded {window.width}x{window.height} of {samples.shape[-1]}x{samples.shape[-2]} latent cells."
            ]
        messages += tiled("decoded", decoded)
        return _paste(image, repainted[:, :height, :width], weight, *messages)


class Composite(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendComposite",
            display_name="Composite Masked",
            category="Mend/Composite",
            description="Pastes the masked area of one picture onto another of the same size. Beyond the soft edge "
            "every pixel stays bit-identical.",
            inputs=[
                io.Image.Input("repainted", tooltip="The picture whose masked area is taken."),
                *_paste_inputs(),
            ],
            outputs=_paste_outputs(),
        )

    @classmethod
    def execute(cls, repainted: Tensor, image: Tensor, mask: Tensor, feather: float) -> io.NodeOutput:
        check_image(repainted, "repainted")
        image, mask = match(image, mask)
        return _paste(image, repainted, composite_mask(mask, feather))
