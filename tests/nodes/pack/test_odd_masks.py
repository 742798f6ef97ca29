"""Every odd mask through every node that takes one: the result a person means, or the exact words of the error.

A row of ODD is a mask and what it means for the picture it comes with; a row of NODES is how a node is called and what
its result must be. A new node that takes a mask has to join: `test_every_node_with_a_mask_is_in_the_table`.

Mutations seen to fail here: NaN let through; a mask not stretched to its picture; a 2-D mask refused; bools read as
255ths; an empty mask that crashes; alpha dropped; an input changed in place; a batch of masks cut to one picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

HEIGHT, WIDTH = 61, 83


def block(height: int = HEIGHT, width: int = WIDTH) -> Tensor:
    """A mask [1, H, W] with a rectangle in its middle."""
    mask = torch.zeros(1, height, width)
    mask[:, height // 4 : -(height // 4), width // 4 : -(width // 4)] = 1
    return mask


def picture(batch: int = 1, channels: int = 3, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(batch, HEIGHT, WIDTH, channels, generator=torch.Generator().manual_seed(0)).to(dtype)


def with_values(**places: float) -> Tensor:
    """The block with single pixels changed: corner is outside of it, middle inside."""
    mask = block()
    mask[0, 0, 0] = places.get("corner", 0)
    mask[0, HEIGHT // 2, WIDTH // 2] = places.get("middle", 1)
    return mask


@dataclass(frozen=True)
class Odd:
    """A row: what is connected, and what it stands for.

    mask: what is connected. image: the picture it comes with; None is a plain one.
    means: the mask [B, H, W] at the picture's size and batch. alone: the same without a picture; None where alike.
    error: instead of that, what every node must say.
    """

    mask: Any
    means: Any = None
    alone: Tensor | None = None
    error: str = ""
    image: Tensor | None = None

    @property
    def picture(self) -> Tensor:
        return picture() if self.image is None else self.image

    @property
    def by_itself(self) -> Tensor:
        return self.means if self.alone is None else self.alone


def stretched(mask: Tensor, height: int = HEIGHT, width: int = WIDTH) -> Tensor:
    """Bilinear, averaged where it shrinks: Pillow's resize."""
    resized = Image.fromarray(mask[0].numpy()).resize((width, height), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.asarray(resized).copy())[None]


EMPTY, FULL = torch.zeros(1, HEIGHT, WIDTH), torch.ones(1, HEIGHT, WIDTH)
RAMP = torch.linspace(0, 1, WIDTH).expand(1, HEIGHT, -1).contiguous()
ONE_EACH = torch.cat([block(), EMPTY, FULL])
NOT_A_MASK = r"^mask: expected \[B, H, W\], got {}\. Connect a MASK output, or convert an image with Image to Mask\.$"
MISFIT = "3 for 2 pictures"
ODD: dict[str, Odd] = {
    "plain": Odd(block(), block()),
    "empty": Odd(EMPTY, EMPTY),
    "full": Odd(FULL, FULL),
    "2-D": Odd(block()[0], block()),
    "channel first": Odd(block()[:, None], block()),
    "channel last": Odd(block()[..., None], block()),
    "one pixel": Odd(torch.ones(1, 1, 1), FULL, alone=torch.ones(1, 1, 1)),
    "64x64 placeholder": Odd(torch.zeros(1, 64, 64), EMPTY, alone=torch.zeros(1, 64, 64)),
    "64x64, full": Odd(torch.ones(64, 64), FULL, alone=torch.ones(1, 64, 64)),
    "smaller": Odd(block(30, 41), stretched(block(30, 41)), alone=block(30, 41)),
    "larger": Odd(block(244, 332), stretched(block(244, 332)), alone=block(244, 332)),
    "soft": Odd(RAMP, RAMP),
    "0.98 for 1": Odd(block() * 0.98, block() * 0.98),
    "a veil of 1/255": Odd(block().clamp(min=1 / 255), block()),
    "a veil of 3/255": Odd(block().clamp(min=3 / 255), block()),
    "a veil of 20/255": Odd(block().clamp(min=20 / 255), block()),
    "limited range": Odd((block() * 219 + 16) / 255, block()),
    "NaN": Odd(with_values(corner=torch.nan, middle=torch.nan), with_values(middle=0)),
    "infinite": Odd(with_values(corner=-torch.inf, middle=torch.inf), block()),
    "outside 0..1": Odd(with_values(corner=-3, middle=7), block()),
    "bool": Odd(block() > 0, block()),
    "uint8": Odd((block() * 255).to(torch.uint8), block()),
    "16 bit": Odd((block() * 65535).int(), block()),
    "uint16": Odd((block() * 65535).to(torch.uint16), block()),
    "uint32": Odd((block() * 255).to(torch.uint32), block()),
    "uint64": Odd((block() * 255).to(torch.int64).to(torch.uint64), block()),
    "float8": Odd(block().to(torch.float8_e4m3fn), block()),
    "int8": Odd(block().to(torch.int8), block()),
    "integers 0 and 1": Odd(block().long(), block()),
    "float16": Odd(block().half(), block()),
    "bfloat16": Odd(block().bfloat16(), block()),
    "float64": Odd(block().double(), block()),
    "transposed in memory": Odd(block().mT.contiguous().mT, block()),
    "read-only view": Odd(block().expand(1, -1, -1), block()),
    "RGBA picture": Odd(block(), block(), image=picture(channels=4)),
    "float16 picture": Odd(block(), block(), image=picture(dtype=torch.float16)),
    "one for many pictures": Odd(block(), block().expand(3, -1, -1), alone=block(), image=picture(3)),
    "many for one picture": Odd(ONE_EACH, ONE_EACH),
    "one each": Odd(ONE_EACH, ONE_EACH, image=picture(3)),
    MISFIT: Odd(
        ONE_EACH, error=r"^mask: expected 1 mask or 2 \(one per picture\), got 3\. Give one mask", image=picture(2)
    ),
    "1-D": Odd(torch.zeros(7), error=NOT_A_MASK.format(r"\[7\]")),
    "a picture": Odd(picture(), error=NOT_A_MASK.format(rf"\[1, {HEIGHT}, {WIDTH}, 3\]")),
    "no pixels": Odd(torch.zeros(1, 0, 5), error=NOT_A_MASK.format(r"\[1, 0, 5\]")),
    "no frames": Odd(torch.zeros(0, 5, 5), error=NOT_A_MASK.format(r"\[0, 5, 5\]")),
    "complex": Odd(torch.zeros(1, 5, 5, dtype=torch.complex64), error=NOT_A_MASK.format(r"\[1, 5, 5\] of complex64")),
    "sparse": Odd(block().to_sparse(), error=NOT_A_MASK.format(rf"\[1, {HEIGHT}, {WIDTH}\], sparse")),
    "numpy": Odd(block().numpy(), error=NOT_A_MASK.format("ndarray")),
    "no tensor": Odd([0, 1], error=NOT_A_MASK.format("list")),
}


# ---- how each node is called, and what has to come of it --------------------------------------------------------


def plausible(mask: Tensor, shape: torch.Size) -> None:
    assert mask.shape == shape
    assert mask.is_floating_point()
    assert bool(((mask >= 0) & (mask <= 1)).all())  # which NaN is not


def same(mask: Tensor, means: Tensor) -> None:
    plausible(mask, means.shape)
    torch.testing.assert_close(mask.float(), means.float(), rtol=0, atol=1e-5 if mask.dtype != torch.bfloat16 else 1e-2)


def clear_near_zero(mask):
    return torch.where(mask < 1.5 / 255, 0, mask)


def clean_mask(run, odd):
    nothing = {"threshold": 0, "snap_tolerance": 0, "fill_holes": False, "min_area": 0, "grow": 0}
    (left,) = run("MendCleanMask", mask=odd.mask, image=odd.picture, **nothing).outputs
    same(left, odd.means)
    (cleaned,) = run("MendCleanMask", mask=odd.mask, image=odd.picture).outputs
    plausible(cleaned, odd.means.shape)
    assert bool(((cleaned == 0) | (cleaned == 1)).all())
    assert bool((cleaned[odd.means >= 0.5] == 1).all())
    (by_itself,) = run("MendCleanMask", mask=odd.mask, **nothing).outputs
    same(by_itself, clear_near_zero(odd.by_itself))


def inspect_mask(run, odd):
    ran = run("MendInspectMask", mask=odd.mask, image=odd.picture, repair=True)
    mended, report, _ = ran.outputs
    assert report == ran.text
    plausible(mended.expand(odd.means.shape), odd.means.shape)
    # A pixel of NaN in the middle is a pinhole, and mended.
    assert int(((mended >= 0.5) != (odd.means >= 0.5)).sum()) <= 1
    (left, *_) = run("MendInspectMask", mask=odd.mask, image=odd.picture).outputs
    same(left, odd.by_itself)


def grow_and_feather(run, odd):
    (left,) = run("MendGrowFeatherMask", mask=odd.mask, image=odd.picture, grow=0, feather=0).outputs
    same(left, odd.means)
    (made,) = run("MendGrowFeatherMask", mask=odd.mask, image=odd.picture).outputs
    plausible(made, odd.means.shape)
    assert bool((made[odd.means >= 0.5] >= 0.5).all())


def inpaint_masks(run, odd):
    three = run("MendInpaintMasks", mask=odd.mask, image=odd.picture, grow=0, feather=0, composite_feather=0).outputs
    for mask in three:
        same(mask, (odd.means >= 0.5).float())
    for mask in run("MendInpaintMasks", mask=odd.mask, image=odd.picture).outputs:
        plausible(mask, odd.means.shape)


def split_mask(run, odd):
    regions, count = run("MendSplitMask", mask=odd.mask, min_area=0).outputs
    assert len(regions) == max(count, 1)
    same(regions.amax(dim=0), clear_near_zero(odd.by_itself).amax(dim=0))


def combine_masks(run, odd):
    nothing = torch.zeros(1, 9, 9)
    (added,) = run("MendCombineMasks", mask=odd.mask, other=nothing, operation="add").outputs
    same(added, odd.by_itself)
    size = odd.by_itself.shape[1:]
    (added,) = run("MendCombineMasks", mask=torch.zeros(1, *size), other=odd.mask, operation="add").outputs
    same(added, odd.by_itself)


def preview_mask(run, odd):
    (shown,) = run("MendPreviewMask", image=odd.picture, mask=odd.mask, outline=False).outputs
    kept = odd.means == 0
    assert shown.shape == (*odd.means.shape, 3)
    assert shown.isfinite().all()
    torch.testing.assert_close(shown[kept], odd.picture[..., :3].expand(*odd.means.shape, -1)[kept])
    assert not torch.equal(shown[~kept], odd.picture[..., :3].expand(*odd.means.shape, -1)[~kept]) or kept.all()


def untouched_outside(image: Tensor, odd: Odd) -> None:
    given = odd.picture.expand(len(odd.means), -1, -1, -1)
    assert image.shape == given.shape
    assert image.dtype == given.dtype
    kept = odd.means == 0
    assert torch.equal(image[kept], given[kept])
    assert torch.equal(image[..., 3:], given[..., 3:])
    assert image.isfinite().all()
    if not kept.all():
        assert not torch.equal(image[~kept], given[~kept])


def fill(run, odd):
    for method in ("harmonic", "neutral", "color", "edge", "blur", "noise", "telea", "navier-stokes", "patchmatch"):
        untouched_outside(run("MendFillMasked", image=odd.picture, mask=odd.mask, method=method).outputs[0], odd)
    untouched_outside(run("MendFillMasked", image=odd.picture, mask=odd.mask, fade_width=9.0).outputs[0], odd)


def with_network(run, odd):
    """A network for pictures of 16 pixels, so that most masks are filled in several crops, and some are reduced."""
    network = run.network
    hard = {"grow": 0, "feather": 0}
    filled, weight, _ = run("MendInpaintWithNetwork", network=network, image=odd.picture, mask=odd.mask, **hard).outputs
    untouched_outside(filled, odd)
    same(weight, odd.means)
    filled, weight, _ = run("MendInpaintWithNetwork", network=network, image=odd.picture, mask=odd.mask).outputs
    plausible(weight, odd.means.shape)
    assert bool((weight[odd.means > 0] == 1).all())
    assert torch.equal(filled[weight == 0], odd.picture.expand_as(filled)[weight == 0])


def composite(run, odd):
    other = 1 - picture()
    pasted, weight, _ = run("MendComposite", repainted=other, image=odd.picture, mask=odd.mask, feather=0).outputs
    untouched_outside(pasted, odd)
    same(weight, odd.means)
    pasted, weight, _ = run("MendComposite", repainted=other, image=odd.picture, mask=odd.mask).outputs
    plausible(weight, odd.means.shape)
    assert bool((weight[odd.means > 0] == 1).all())


def keep_unedited(run, odd):
    """An edited picture that has nothing in common with the original: the mask alone says what is put back."""
    kept = {"original": odd.picture, "edited": 1 - picture(), "feather": 0, "blend": "feather", "more": 0}
    for rest in ({}, {"align": False, "match_color": False}):
        pasted, weight, *_ = run("MendKeepUnedited", **kept, **rest, mask=odd.mask).outputs
        untouched_outside(pasted, odd)
        same(weight, odd.means)
    _, weight, *_ = run("MendKeepUnedited", **kept, mask=odd.mask, mask_use="only inside").outputs
    assert not weight.any()


def encoded(run, image, mask):
    loaded = run.model
    positive, _, latent = run(
        "MendEncodeInpaint",
        **{name: getattr(loaded, name) for name in ("model", "vae", "positive", "negative")},
        image=image,
        mask=mask,
    ).outputs
    return positive, latent


def encode(run, odd):
    positive, latent = encoded(run, odd.picture, odd.mask)
    noise_mask, (_, values) = latent["noise_mask"][..., ::8, ::8], positive[0]
    cells = torch.nn.functional.max_pool2d(
        torch.nn.functional.pad(odd.means.float(), (0, -WIDTH % 8, 0, -HEIGHT % 8))[:, None], 8
    )
    # The default of an inpainting model: what is grey is repainted in full, and a cell around it.
    full = torch.where(values["concat_mask"] > 0, 1.0, cells)
    repainted = torch.nn.functional.max_pool2d(full, 3, stride=1, padding=1)
    torch.testing.assert_close(noise_mask.float(), repainted, rtol=0, atol=1e-2)
    assert torch.equal(noise_mask == 0, repainted == 0)
    assert latent["samples"].shape == (len(odd.means), 4, *cells.shape[2:])
    assert bool(((values["concat_mask"] == 0) | (values["concat_mask"] == 1)).all())
    assert latent["samples"].isfinite().all()
    assert values["concat_latent_image"].isfinite().all()


def control_image(run, odd):
    for kind, hidden in (("SD 1.5 inpaint", -1), ("Flux AliMama", 0)):
        marked, hole = run("MendInpaintControlImage", image=odd.picture, mask=odd.mask, control_net=kind).outputs
        same(hole, (odd.means >= 0.5).float())
        image = odd.picture.expand(len(odd.means), -1, -1, -1)[..., :3]
        assert marked.dtype == image.dtype
        assert torch.equal(marked, torch.where(hole[..., None] > 0, hidden, image))


def apply_fooocus(run, odd):
    given = {"model": run.sdxl, "patch": run.fooocus_patch, "vae": run.model.vae, "image": odd.picture}
    (patched,) = run("MendApplyFooocusInpaint", mask=odd.mask, **given).outputs
    (meant,) = run("MendApplyFooocusInpaint", mask=odd.means, **given).outputs
    (added,), (expected,) = (
        [patch.feature for patch in model.model_options["transformer_options"]["patches"]["input_block_patch"]]
        for model in (patched, meant)
    )
    assert added.shape == (len(odd.means), 320, 8, 11)
    assert added.isfinite().all()
    assert torch.equal(added, expected)


def decode(run, odd):
    _, latent = encoded(run, picture(len(odd.picture)), block())
    latent = {"samples": latent["samples"] * 0.5}
    vae = run.model.vae
    pasted, weight, _ = run(
        "MendDecodeComposite", vae=vae, latent=latent, image=odd.picture, mask=odd.mask, feather=0
    ).outputs
    untouched_outside(pasted, odd)
    same(weight, odd.means)


def sample(run, odd):
    """The mask comes by the host's own Set Latent Noise Mask."""
    loaded = run.model
    positive, latent = encoded(run, picture(len(odd.means)), block())
    (latent,) = run("SetLatentNoiseMask", samples=latent, mask=odd.mask).outputs
    prompts = {"positive": positive, "negative": positive}
    sampler = partial(run, "MendMaskedSampler", model=loaded.model, seed=1, steps=1, cfg=1.0, latent=latent, **prompts)
    if odd.mask.ndim == 4 and odd.mask.shape[-1] == 1:  # of which the host's node makes masks of one column
        with pytest.raises(ValueError, match=rf"noise mask: expected one mask, .* got {odd.mask.shape[1]}"):
            sampler()
        return
    (sampled,) = sampler().outputs
    before, after = latent["samples"], sampled["samples"]
    assert after.shape == before.shape
    assert after.isfinite().all()
    cells = torch.nn.functional.adaptive_max_pool2d(odd.by_itself.float()[:, None], before.shape[2:])
    repainted = (cells > 0).expand_as(before)
    torch.testing.assert_close(after[~repainted], before[~repainted], rtol=0, atol=1e-4)
    assert not torch.equal(after[repainted], before[repainted]) or not repainted.any()


def soft_inpaint(run, odd):
    """The mask is only looked at. At the first of the steps shown what is fully masked is free, and nothing else."""
    patched, steps = run("MendSoftInpaint", model=run.model.model, mask=odd.mask, steps_shown=4).outputs
    meant = clear_near_zero(odd.by_itself)[:1]
    assert patched is not run.model.model
    plausible(steps, torch.Size((4, *meant.shape[1:])))
    same(steps[:1], (meant >= 1).float())


def remove_object(run, odd):
    remove = partial(run, "MendRemoveObject", model=run.model.model, mask=odd.mask)
    if odd.means is None:
        remove()
    hard = odd.by_itself >= 0.5
    if hard.flatten(1).all(dim=1).any():
        with pytest.raises(ValueError, match="leaves part of the picture unmasked, got a full one"):
            remove()
        return
    (patched,) = remove().outputs
    assert (patched is run.model.model) == (not hard.any())


def soft_composite(run, odd):
    before = torch.zeros(1 if odd.means is None else len(odd.by_itself), 4, 8, 11)
    latents = {"before": {"samples": before}, "after": {"samples": before + 1000}}
    (made,) = run("MendSoftCompositeMask", model=run.model.model, mask=odd.mask, **latents).outputs
    meant = odd.by_itself.float()
    if meant.shape[1:] != (HEIGHT, WIDTH):  # stretched to the picture that the latents stand for
        meant = stretched(meant, 64, 88)
    # Where a stretched edge ends, rounding decides.
    same(torch.where((meant > 0) & (meant < 1e-3), 1, made), (meant > 0).float())


def crop_and_stitch(run, odd):
    """At the picture's own scale nothing of the mask is lost, and what is painted black comes back under it alone."""
    crops, masks, stitch, *_ = run("MendCropForInpaint", image=odd.picture, mask=odd.mask, size="keep").outputs
    torch.testing.assert_close(masks.double().sum((1, 2)), odd.means.double().sum((1, 2)), rtol=1e-2, atol=1e-2)
    plain = {"color_match": "none", "blend": "feather", "feather": 0}
    untouched_outside(run("MendStitchCrop", stitch=stitch, image=crops * 0, **plain).outputs[0], odd)


def stitch_by_mask(run, odd):
    crop, _, stitch, *_ = run("MendCropForInpaint", image=picture(), mask=block(), size="keep").outputs
    image, weight, _ = run("MendStitchCrop", stitch=stitch, image=crop * 0, mask=odd.mask).outputs
    plausible(weight, torch.Size((len(odd.by_itself), HEIGHT, WIDTH)))
    assert torch.equal(image[weight == 0], picture().expand(len(image), -1, -1, -1)[weight == 0])


def regions(run, odd):
    settings = {"size": "keep", "max_regions": 4096, "context_factor": 4, "mask_batch": "one picture per mask"}
    crops, masks, stitch, _ = run("MendCropRegions", image=odd.picture, mask=odd.mask, **settings).outputs
    torch.testing.assert_close(masks.double().sum(), odd.means.double().sum(), rtol=1e-2, atol=1e-2)
    plain = {"color_match": "none", "blend": "feather", "feather": 0}
    untouched_outside(run("MendStitchRegions", stitch=stitch, image=crops * 0, **plain).outputs[0], odd)


def outpaint(run, odd):
    image, _, conditioning = run(
        "MendPadForOutpaint", image=odd.picture, mask=odd.mask, left=8, right=0, feather=0
    ).outputs
    assert torch.equal(image[:, :, 8:], odd.picture.expand(len(image), -1, -1, -1))
    same(conditioning[..., 8:], (odd.means >= 0.5).float())


def seam_score(run, odd):
    scored = run("MendSeamScore", image=odd.picture, mask=odd.mask)
    assert scored.outputs == run("MendSeamScore", image=odd.picture, mask=odd.means).outputs
    assert ("No seam to measure" in scored.text) == (scored.outputs == (1.0, 0.0))


def inpaint_report(run, odd):
    reported = run("MendInpaintReport", image=odd.picture, mask=odd.mask)
    assert reported.outputs == run("MendInpaintReport", image=odd.picture, mask=odd.means).outputs
    assert ("the mask is empty" in reported.text) == (not bool(odd.means.any()))


def with_diffusers(run, odd):
    settings = {"task": "replace", "prompt": "a fox", "negative_prompt": "", "seed": 0, "strength": 0.0}
    settings |= {"steps": 1, "megapixels": 0.01, "grow": 0.0}
    pair = {"image": odd.picture, "mask": odd.mask}
    made, weight, _ = run("MendDiffusersInpaint", pipeline=run.pipeline, **pair, **settings).outputs
    plausible(weight, odd.means.shape)
    assert torch.equal(made[weight == 0], odd.picture.expand_as(made)[weight == 0])


NODES: dict[str, Callable[[Any, Odd], None]] = {
    "MendInpaintReport": inpaint_report,
    "MendCropForInpaint": crop_and_stitch,
    "MendStitchCrop": stitch_by_mask,
    "MendCropRegions": regions,
    "MendPadForOutpaint": outpaint,
    "MendSeamScore": seam_score,
    "MendSoftInpaint": soft_inpaint,
    "MendRemoveObject": remove_object,
    "MendSoftCompositeMask": soft_composite,
    "MendCleanMask": clean_mask,
    "MendInspectMask": inspect_mask,
    "MendGrowFeatherMask": grow_and_feather,
    "MendInpaintMasks": inpaint_masks,
    "MendSplitMask": split_mask,
    "MendCombineMasks": combine_masks,
    "MendPreviewMask": preview_mask,
    "MendFillMasked": fill,
    "MendInpaintWithNetwork": with_network,
    "MendDiffusersInpaint": with_diffusers,
    "MendComposite": composite,
    "MendKeepUnedited": keep_unedited,
    "MendEncodeInpaint": encode,
    "MendInpaintControlImage": control_image,
    "MendApplyFooocusInpaint": apply_fooocus,
    "MendDecodeComposite": decode,
    "MendMaskedSampler": sample,
}
# These see no picture, so that the number of masks cannot be wrong.
WITHOUT_PICTURE = (
    *("MendSplitMask", "MendCombineMasks", "MendSoftInpaint", "MendRemoveObject", "MendSoftCompositeMask"),
    "MendStitchCrop",
)


class Runner:
    """Runs nodes; `model` is loaded when it is first asked for."""

    def __init__(self, run, request):
        self.run, self.request = run, request

    def __call__(self, node_id: str, **inputs: Any):
        return self.run(node_id, **inputs)

    @property
    def model(self):
        return self.request.getfixturevalue("inpaint_model")

    @property
    def sdxl(self):
        return self.request.getfixturevalue("bare_sdxl").model

    @property
    def network(self):
        return self.request.getfixturevalue("tiny_network")

    @property
    def pipeline(self):
        return self.request.getfixturevalue("pipeline")

    @property
    def fooocus_patch(self):
        """A head that sums up what it is given, and one weight that is changed by 0."""
        fooocus = self.request.getfixturevalue("pack")("inpaint.sampling.fooocus")
        nothing = fooocus.Delta(torch.zeros(4, 320, 3, 3, dtype=torch.uint8), 0.0, 0.0)
        return fooocus.Patch(torch.ones(fooocus.HEAD_SHAPE), {"diffusion_model.out.2.weight": nothing})


@pytest.fixture
def runner(run, request):
    return Runner(run, request)


def copy_of(mask: Any) -> Any:
    return mask.clone() if isinstance(mask, Tensor) else list(mask)


# The others are many, and each is much like one of these.
QUICK = ("plain", "empty", "2-D", "64x64 placeholder", "NaN", "one each")


@pytest.mark.parametrize("node", NODES)
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name, odd in ODD.items() if not odd.error],
)
def test_an_odd_mask_is_taken_as_it_is_meant(runner, node, name):
    odd = ODD[name]
    before = copy_of(odd.mask), odd.picture.clone()
    NODES[node](runner, odd)
    torch.testing.assert_close(odd.mask, before[0], rtol=0, atol=0, equal_nan=True)
    assert torch.equal(odd.picture, before[1])


@pytest.mark.parametrize("node", [node for node in NODES if node != "MendMaskedSampler"])
@pytest.mark.parametrize("name", [name for name, odd in ODD.items() if odd.error])
def test_what_is_no_mask_is_refused_in_words(runner, InpaintError, node, name):
    odd = ODD[name]
    if name == MISFIT and node in WITHOUT_PICTURE:
        odd = replace(odd, means=odd.mask)
        NODES[node](runner, odd)
    elif name == MISFIT and node == "MendInspectMask":
        ran = runner(node, mask=odd.mask, image=odd.picture, repair=True)
        assert "There are 3 masks for 2 pictures. Only the first 2 are used." in ran.text
        plausible(ran.outputs[0], torch.Size((2, HEIGHT, WIDTH)))
    else:
        with pytest.raises(InpaintError, match=odd.error):
            NODES[node](runner, odd)


def test_every_node_with_a_mask_is_in_the_table(host_nodes):
    with_mask = {
        name
        for name, node in host_nodes.NODE_CLASS_MAPPINGS.items()
        if name.startswith("Mend") and not getattr(node, "INPUT_IS_LIST", False)
        for group in ("required", "optional")
        for kind, *_ in node.INPUT_TYPES().get(group, {}).values()
        if kind == "MASK"
    }
    assert with_mask | {"MendMaskedSampler"} == NODES.keys()
