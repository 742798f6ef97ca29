"""Menu Mend/Load: estimate a model's memory without reading its weights."""

from comfy_api.latest import io, ui

from ... import host
from ...host.planning import HERE, IN_FILE, model_names, model_path, plan_for, report
from ...inpaint.vram.cards import CARDS
from ...inpaint.vram.chart import picture
from ...inpaint.vram.memory_plan import Job
from ..shared.choices import check_choices
from ..shared.widgets import all_advanced, budget_gib


class EstimateVram(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendEstimateVram",
            display_name="Estimate VRAM",
            category="Mend/Load",
            description="Says whether a model will fit at this size on this card, and what gives way where it does "
            "not. Nothing is loaded: only the file's header is read.",
            inputs=[
                io.Combo.Input(
                    "model_name",
                    options=model_names(),
                    tooltip="A file in models/checkpoints or models/diffusion_models.",
                ),
                _side("width", "Width"),
                _side("height", "Height"),
                io.Int.Input("batch_size", default=1, min=1, max=64, tooltip="Pictures that are sampled at once."),
                io.Combo.Input(
                    "gpu",
                    options=[HERE, *CARDS],
                    default=HERE,
                    tooltip="This computer with what is free on it now, or a card that you do not have.",
                ),
                *all_advanced(
                    io.Combo.Input(
                        "text_encoder",
                        options=[IN_FILE, *host.text_encoder_names()],
                        default=IN_FILE,
                        tooltip="For a diffusion model by itself: the file of its text encoder.",
                    ),
                    io.Combo.Input(
                        "text_encoder_2",
                        options=[IN_FILE, *host.text_encoder_names()],
                        default=IN_FILE,
                        tooltip="A second one, as Flux has.",
                    ),
                    io.Combo.Input(
                        "vae",
                        options=[IN_FILE, *host.vae_names()],
                        default=IN_FILE,
                        tooltip="For a diffusion model by itself: the file of its VAE.",
                    ),
                    budget_gib(),
                ),
            ],
            outputs=[
                io.String.Output(display_name="report", tooltip="What will be done and why, and a table in GiB."),
                io.Boolean.Output(display_name="fits", tooltip="Whether it fits in any way, at the size asked for."),
                io.Image.Output(display_name="image", tooltip="A bar for each phase against what is free."),
            ],
            is_output_node=True,
        )

    @classmethod
    def validate_inputs(
        cls,
        model_name: str | None,
        gpu: str | None,
        text_encoder: str | None = None,
        text_encoder_2: str | None = None,
        vae: str | None = None,
    ) -> bool | str:
        return check_choices(
            cls, model_name=model_name, gpu=gpu, text_encoder=text_encoder, text_encoder_2=text_encoder_2, vae=vae
        )

    @classmethod
    def fingerprint_inputs(cls, **inputs: object) -> float:
        """Always run again: free memory changes, and a file may be replaced. NaN equals nothing."""
        return float("nan")

    @classmethod
    def execute(
        cls,
        model_name: str,
        width: int,
        height: int,
        batch_size: int,
        gpu: str,
        text_encoder: str = IN_FILE,
        text_encoder_2: str = IN_FILE,
        vae: str = IN_FILE,
        budget_gb: float = 0.0,
    ) -> io.NodeOutput:
        path = model_path(model_name)
        texts = [host.model_path("text_encoders", name) for name in (text_encoder, text_encoder_2) if name != IN_FILE]
        vae_path = None if vae == IN_FILE else host.model_path("vae", vae)
        plan = plan_for(path, Job(width, height, batch_size), gpu, budget_gb, texts, vae_path)
        text = report(plan, [path, *texts, *([vae_path] if vae_path else [])], gpu)
        shown = picture(plan)
        return io.NodeOutput(text, plan.fits, shown, ui={**ui.PreviewImage(shown, cls=cls).as_dict(), "text": (text,)})


def _side(name: str, label: str) -> io.Int.Input:
    return io.Int.Input(
        name, default=1024, min=64, max=16384, step=8, tooltip=f"{label} of the picture, or of what is sampled of it."
    )
