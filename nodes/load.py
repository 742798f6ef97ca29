"""Menu Mend/Load: checkpoints, looked at before they are read."""

import os

from comfy_api.latest import io

from .. import host
from ..inpaint.checkpoint_header import read_header
from .choices import check_choices


class LoadCheckpoint(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendLoadCheckpoint",
            display_name="Load Inpaint Checkpoint",
            category="Mend/Load",
            description="Loads a checkpoint and says what it is: family, whether it was trained for inpainting, and "
            "the size of each part. The file's header is read first, so a broken or wrong file is named at once.",
            inputs=[
                io.Combo.Input(
                    "ckpt_name",
                    options=host.checkpoint_names(),
                    tooltip="A file in models/checkpoints. Both inpainting checkpoints and general ones work.",
                ),
            ],
            outputs=[
                io.Model.Output(display_name="model", tooltip="The diffusion model."),
                io.Clip.Output(display_name="clip", tooltip="The text encoder, for CLIP Text Encode."),
                io.Vae.Output(display_name="vae", tooltip="Between pictures and latents."),
            ],
        )

    @classmethod
    def validate_inputs(cls, ckpt_name: str | None) -> bool | str:
        return check_choices(cls, ckpt_name=ckpt_name)

    @classmethod
    def fingerprint_inputs(cls, ckpt_name: str | None) -> tuple[int, int] | None:
        """Load again where the file itself was replaced. A name that comes over a link is not known here."""
        if ckpt_name is None:
            return None
        stat = os.stat(host.checkpoint_path(ckpt_name))
        return stat.st_mtime_ns, stat.st_size

    @classmethod
    def execute(cls, ckpt_name: str) -> io.NodeOutput:
        path = host.checkpoint_path(ckpt_name)
        header = read_header(path)
        model, clip, vae = host.load_checkpoint(path)
        return io.NodeOutput(model, clip, vae, ui={"text": (header.summary(),)})
