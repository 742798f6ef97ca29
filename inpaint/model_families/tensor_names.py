"""Names and shapes of the tensors of a file, and what they say about it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

# Published Flux files name this tensor `scale`; newer hosts save it as `weight`.
KEY_NORM = r"^double_blocks\.0\.img_attn\.norm\.key_norm\.(scale|weight)$"


class TensorNames:
    """Names and shapes of the tensors under one prefix of a file. The prefix is removed from the names."""

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], prefix: str = "") -> None:
        self.shapes = {k.removeprefix(prefix): v for k, v in shapes.items() if k.startswith(prefix)}

    def has(self, *names: str) -> bool:
        """Whether all these tensors exist."""
        return all(name in self.shapes for name in names)

    def some(self, pattern: str) -> str | None:
        """Return the first name that matches a regular expression, or None."""
        return next(filter(re.compile(pattern).search, self.shapes), None)

    def size(self, name: str | None, axis: int) -> int:
        """Return the length of one axis, or 0 if there is no such tensor or axis."""
        shape = self.shapes.get(name or "", ())
        return shape[axis] if axis < len(shape) else 0

    def unet(self, width: int, context: int) -> bool:
        """Whether this is a UNet (original or diffusers names). A ControlNet lacks an output layer and does not match.

        Args:
            width: output channels of the first layer.
            context: channels of the text embedding.
        """
        first, last = ("conv_in", "conv_out") if self.has("conv_in.weight") else ("input_blocks.0.0", "out.2")
        if not self.has(f"{last}.weight") or self.size(f"{first}.weight", 0) != width:
            return False
        return self.size(self.some(r"attn2\.to_k\.weight$"), 1) == context

    def unet_inputs(self) -> int:
        """Return the number of input channels of a UNet."""
        return self.size("input_blocks.0.0.weight", 1) or self.size("conv_in.weight", 1)

    def flux(self, inputs: int = 0) -> bool:
        """Whether this is a Flux model with this many input channels; 0 = any number."""
        found = self.some(KEY_NORM) is not None and self.has("final_layer.linear.weight", "img_in.weight")
        # SVDQuant files have the names of diffusers.
        found = found or self.has("single_transformer_blocks.0.mlp_fc1.qweight", "x_embedder.weight")
        return found and inputs in (0, self.size("img_in.weight", 1) or self.size("x_embedder.weight", 1))

    def hunyuan(self) -> bool:
        """Whether this is a HunyuanVideo or HunyuanImage model."""
        return self.some(r"^txt_in\.individual_token_refiner\.") is not None


def has(*names: str) -> Callable[[TensorNames], bool]:
    """Return a test for files that have all these tensors."""
    return lambda tensors: tensors.has(*names)
