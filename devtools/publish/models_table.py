"""Write the tables of models in the help: `python -m devtools.publish.models_table`.

docs/models.md has all families; web/docs/MendEncodeInpaint.md has those that take reference pictures. Both come from
the table of model families, and a test compares them with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from devtools.setup.environment import ROOT
from inpaint.model_families.family import Family, InpaintInputs, References
from inpaint.model_families.sampling import sampling_in_words
from inpaint.model_families.table import FAMILIES

ALL, EDITING = ROOT / "docs" / "models.md", ROOT / "web" / "docs" / "MendEncodeInpaint.md"
BEGIN, END = "<!-- models: made by devtools/publish/models_table.py -->", "<!-- end of models -->"
HEAD = (
    "| Model | What *Encode for Inpainting* does | What to connect | Steps, guidance | Denoise |",
    "| --- | --- | --- | --- | --- |",
)
NONE = "-"


@dataclass(frozen=True)
class Model:
    """One line of the table: a family, or a variant that differs from it."""

    label: str
    """Name of the model."""
    family: Family
    """Its row in the table of families."""
    inpaint: InpaintInputs
    """Native inpainting inputs."""
    references: References | None
    """How it takes reference pictures."""
    usual: str
    """Steps and guidance."""

    @property
    def edits(self) -> bool:
        """Whether it takes reference pictures that this pack makes."""
        return self.references is not None and not self.references.pictures

    def does(self) -> str:
        """What the node does."""
        if self.inpaint == "channels":
            return "gives it the mask, and the picture without the masked area"
        if self.inpaint == "fill":
            return "gives it the mask in full resolution, and the picture without the masked area"
        if self.references is None:
            return "sets the noise mask"
        if not self.edits:
            return "sets the noise mask; pictures come by ComfyUI's own nodes"
        method = f", by the method *{self.references.asks_for}*" if self.references.asks_for else ""
        given = f"the picture as a reference{method}"
        if self.references.edits:
            return f"sets the noise mask, and {given}"
        return f"sets the noise mask, and {given}, if *edit* or *kontext* is in the file's name or *reference* says so"

    def connect(self) -> str:
        """What to connect besides model, prompts, picture and mask."""
        parts = [f"VAE: {self.family.latents.files}"]
        references = self.references
        if references is not None and self.edits:
            if references.read_by:
                alone, with_vae = "without a VAE", "with its VAE, and a crop of the model's own size"
                vae = with_vae if references.read_with_vae else alone
                parts.append(f"the picture to *{references.read_by}* too, {vae}")
            if references.most != 1:
                most = f"; {references.most} references at most" if references.most else ""
                parts.append(f"*picture_2* to *picture_4*: what else it is to see{most}")
        return ". ".join(f"{part[0].upper()}{part[1:]}" for part in parts)

    def denoise(self) -> str:
        """Which denoise to sample with."""
        if self.inpaint is not None:
            return "1"
        less = "less keeps more of what is there"
        if self.references is None or not self.edits:
            return f"1; {less}"
        return "1" if self.references.edits else f"1 with a reference; without, {less}"

    def line(self) -> str:
        """The line of the table."""
        return f"| {self.label} | {self.does()} | {self.connect()} | {self.usual or NONE} | {self.denoise()} |"


def models() -> Iterator[Model]:
    """Yield the models of all families: each family, and those variants that differ from it in what the table says."""
    for family in FAMILIES:
        usual = sampling_in_words(family.id, family.label)
        yield Model(family.label, family, family.inpaint, family.references, usual)
        for variant in family.variants:
            own = variant.inpaint is not None or variant.own_inputs
            references = None if own else variant.references or family.references
            own_usual = sampling_in_words(family.id, variant.label)
            if (variant.inpaint, references, own_usual) != (family.inpaint, family.references, usual):
                yield Model(variant.label, family, variant.inpaint, references, own_usual)


def table(edits_only: bool) -> str:
    """Return the table as Markdown. edits_only: of those that take reference pictures."""
    lines = [model.line() for model in models() if model.edits or not edits_only]
    return "\n".join([*HEAD, *lines])


def written(path: Path, edits_only: bool) -> str:
    """Return a file's text with today's table between its marks."""
    text = path.read_text(encoding="utf-8")
    pattern = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    if len(pattern.findall(text)) != 1:
        raise SystemExit(f"{path}: expected the marks of the table once, {BEGIN} and {END}")
    return pattern.sub(lambda _: f"{BEGIN}\n\n{table(edits_only)}\n\n{END}", text)


FILES = {ALL: False, EDITING: True}


def main() -> None:
    for path, edits_only in FILES.items():
        path.write_text(written(path, edits_only), encoding="utf-8", newline="\n")
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
