"""Menu Mend/Composite: the repainted area pasted onto the original, and nothing else of it changed."""

from comfy_api.latest import io
from torch import Tensor

from .. import host
from ..inpaint.blend import Pasted, composite_mask, paste
from ..inpaint.checks import check_image, match
from ..inpaint.errors import InpaintError
from ..inpaint.geometry import Size


def _paste_inputs() -> list[io.Input]:
    return [
        io.Image.Input(
            "image", tooltip="The original picture. Its pixels outside the mask are kept bit for bit, and so is alpha."
        ),
        io.Mask.Input("mask", tooltip="Where to paste; the mask that was repainted. Nothing outside it changes."),
        io.Float.Input(
            "feather",
            default=8.0,
            min=0.0,
            max=512.0,
            step=0.5,
            tooltip="Width in pixels of the soft edge, which lies inside the mask. 0 blends by the mask's own values.",
        ),
    ]


def _image_output() -> io.Image.Output:
    return io.Image.Output(display_name="image", tooltip="The original with the masked area repainted.")


def _paste(image: Tensor, repainted: Tensor, mask: Tensor, feather: float) -> Pasted:
    image, mask = match(image, mask)
    return paste(image, repainted, composite_mask(mask, feather))


def _proof(pasted: Pasted) -> str:
    told = f"Largest change outside the mask: {pasted.max_change_outside:g}."
    if pasted.unusable:
        told += f"\n{pasted.unusable:,} repainted pixels were not numbers and were left as they were."
    return told


class DecodeComposite(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendDecodeComposite",
            display_name="Decode and Composite",
            category="Mend/Composite",
            description="Decodes the sampled latent and pastes only the masked area onto the original picture. "
            "Outside the mask every pixel stays bit-identical: the VAE's losses never reach it.",
            inputs=[
                io.Vae.Input("vae", tooltip="The VAE that encoded the picture."),
                io.Latent.Input("latent", tooltip="From the sampler."),
                *_paste_inputs(),
            ],
            outputs=[_image_output()],
        )

    @classmethod
    def execute(cls, vae, latent, image, mask, feather) -> io.NodeOutput:
        check_image(image)
        height, width = image.shape[1:3]
        decoded = host.decode(vae, latent["samples"])
        # The picture was padded at the right and bottom to fill whole latent cells.
        padded = Size(width, height).to_multiple(host.vae_ratio(vae))
        got = Size(decoded.pixels.shape[2], decoded.pixels.shape[1])
        if got != padded:
            raise InpaintError(
                f"latent: expected {padded.width}x{padded.height} pixels for an image of {width}x{height}, got "
                f"{got.width}x{got.height}. Connect the image that was encoded, at the size it had then."
            )
        pasted = _paste(image, decoded.pixels[:, :height, :width], mask, feather)
        told = _proof(pasted)
        if decoded.tile is not None:
            told += f"\nMemory ran out, so it was decoded in tiles of {decoded.tile} latent cells."
        return io.NodeOutput(pasted.image, ui={"text": (told,)})


class Composite(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendComposite",
            display_name="Composite Masked",
            category="Mend/Composite",
            description="Pastes the masked area of one picture onto another of the same size. Outside the mask every "
            "pixel stays bit-identical.",
            inputs=[
                io.Image.Input("repainted", tooltip="The picture whose masked area is taken."),
                *_paste_inputs(),
            ],
            outputs=[_image_output()],
        )

    @classmethod
    def execute(cls, repainted, image, mask, feather) -> io.NodeOutput:
        check_image(image)
        check_image(repainted, "repainted")
        pasted = _paste(image, repainted, mask, feather)
        return io.NodeOutput(pasted.image, ui={"text": (_proof(pasted),)})
