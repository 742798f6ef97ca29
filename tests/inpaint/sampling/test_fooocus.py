"""Fooocus' patch: the formulas against float64 and plain loops, and what its two files may look like.

Mutations seen to fail here: 256 steps for 255; low and high swapped; the steps changed in place; zeros at the border
instead of its own cells; mask and latent swapped; the feature of the first picture for all; a feature repeated picture
by picture; a batch that does not fit cut or spread; an entry of another layout let through.
"""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inpaint.core.errors import InpaintError
from inpaint.sampling.fooocus import HEAD_SHAPE, Delta, add_feature, change, check_fits, head_feature, read_patch

CPU = torch.device("cpu")
KEY = "diffusion_model.input_blocks.0.0.weight"


def steps(*shape, seed=0):
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def entry(*shape):
    """As in the file: the bounds are tensors."""
    return steps(*shape), torch.tensor(-0.01), torch.tensor(0.02)


def head():
    return {"head": torch.rand(HEAD_SHAPE, generator=torch.Generator().manual_seed(0))}


# ---- the change of a weight --------------------------------------------------------------------------------------


@settings(deadline=None)
@given(seed=st.integers(0, 99), low=st.floats(-1, 1, width=32), high=st.floats(-1, 1, width=32))
def test_a_change_is_the_formula_in_float64(seed, low, high):
    given_steps = steps(3, 5, seed=seed)
    before = given_steps.clone()
    made = change(given_steps, low, high, CPU)
    expected = given_steps.numpy().astype(np.float64) / 255 * (np.float64(high) - low) + low
    assert made.dtype == torch.float32
    np.testing.assert_allclose(made.numpy(), expected, rtol=0, atol=4 * 2**-24 * max(abs(low), abs(high), 2**-126))
    assert torch.equal(given_steps, before)


def test_the_ends_of_a_change():
    made = change(torch.tensor([0, 255], dtype=torch.uint8), -0.5, 0.25, CPU)
    assert made.tolist() == [-0.5, 0.25]


def test_small_steps_are_kept():
    """float16 holds nothing below 6e-8, and no step of this here."""
    made = change(torch.arange(256).to(torch.uint8), 0.0, 1e-6, CPU)
    assert len(made.unique()) == 256


def test_bounds_of_each_row():
    low, high = torch.tensor([[-1.0], [0.0]]), torch.tensor([[1.0], [2.0]])
    made = change(torch.tensor([[0, 255], [255, 0]], dtype=torch.uint8), low, high, CPU)
    assert made.tolist() == [[-1, 1], [2, 0]]


# ---- the head ----------------------------------------------------------------------------------------------------


def test_the_feature_is_a_plain_convolution():
    random = torch.Generator().manual_seed(1)
    weight = torch.randn(HEAD_SHAPE, generator=random)
    latent, cells = torch.randn(2, 4, 5, 6, generator=random), (torch.rand(2, 1, 5, 6, generator=random) > 0.5).float()
    given_cells = np.concatenate([cells.numpy(), latent.numpy()], axis=1).astype(np.float64)
    padded = np.pad(given_cells, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    expected = np.zeros((2, 320, 5, 6))
    for y in range(5):
        for x in range(6):
            window = padded[:, :, y : y + 3, x : x + 3]
            expected[:, :, y, x] = np.einsum("bcij,ocij->bo", window, weight.numpy().astype(np.float64))
    made = head_feature(weight, cells, latent)
    assert made.dtype == torch.float32
    np.testing.assert_allclose(made.numpy(), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_latent_in_half_precision_is_worked_on_in_float32(dtype):
    latent, cells = torch.randn(1, 4, 3, 3).to(dtype), torch.ones(1, 1, 3, 3)
    half = head_feature(head()["head"].half(), cells, latent)
    full = head_feature(head()["head"].half().float(), cells, latent.float())
    assert half.dtype == torch.float32
    assert torch.equal(half, full)


@pytest.mark.parametrize(
    ("pictures", "latents", "conditionings"), [(1, 1, 1), (1, 3, 2), (2, 2, 2), (2, 4, 2), (3, 3, 1)]
)
def test_each_latent_gets_the_feature_of_its_picture(pictures, latents, conditionings):
    """The sampler lays the latents behind each other once for each conditioning."""
    feature = torch.randn(pictures, 4, 3, 5)
    h = torch.randn(conditionings * latents, 4, 3, 5).half()
    made = add_feature(h, feature, conditionings)
    assert made.dtype == torch.float16
    for place in range(len(h)):
        expected = h[place] + feature[place % latents % pictures].half()
        assert torch.equal(made[place], expected)


@pytest.mark.parametrize(
    ("shape", "conditionings", "message"),
    [
        (
            (2, 4, 3, 4),
            1,
            r"^Fooocus inpaint: expected a latent of 5 x 3 cells, the size of its picture, got 4 x 3\. Con",
        ),
        (
            (2, 4, 3, 5),
            2,
            r"^Fooocus inpaint: expected 2 latents \(one per picture\) or a multiple of that, got 1\. Connect",
        ),
        ((3, 4, 3, 5), 1, r"expected 2 latents .* got 3\."),
        ((1, 4, 3, 5), 2, r"expected 2 latents .* got 0\."),
    ],
)
def test_what_is_sampled_has_to_fit(shape, conditionings, message):
    with pytest.raises(InpaintError, match=message):
        add_feature(torch.zeros(shape), torch.zeros(2, 4, 3, 5), conditionings)


# ---- the files ---------------------------------------------------------------------------------------------------


def test_reads_what_the_files_hold():
    per_row = (steps(2, 3), torch.tensor([[-1.0], [0.0]]), torch.tensor(1.0, dtype=torch.float16))
    content = {KEY: entry(320, 4, 3, 3), "diffusion_model.out.2.weight": per_row, "version": "2.6"}
    patch = read_patch(head(), content)
    assert torch.equal(patch.head, head()["head"])
    assert patch.left_out == 1
    assert list(patch.deltas) == [KEY, "diffusion_model.out.2.weight"]
    first, second = patch.deltas.values()
    assert torch.equal(first.steps, entry(320, 4, 3, 3)[0])
    assert [first.low, first.high] == [pytest.approx(-0.01), pytest.approx(0.02)]
    assert isinstance(second.low, torch.Tensor)
    assert isinstance(second.high, torch.Tensor)
    assert (second.low.dtype, second.high.dtype) == (torch.float32, torch.float32)
    assert change(*second, CPU).shape == (2, 3)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ({KEY: entry(2)}, head(), r"^head, patch: h\.pth and p\.patch are swapped\. Exchange the two\.$"),
        ({KEY: entry(2)}, {KEY: entry(2)}, r"^h\.pth: expected Fooocus' inpaint head, got 1 entries, such as 'diffusi"),
        (torch.zeros(3), {KEY: entry(2)}, r"^h\.pth: expected Fooocus' inpaint head, got \[3\] of float32\. Download "),
        ({}, {KEY: entry(2)}, r"^h\.pth: expected Fooocus' inpaint head, got 0 entries, such as 'none'\."),
        (
            {"head": torch.zeros(320, 9, 3, 3)},
            {KEY: entry(2)},
            r"^h\.pth: .* head of \[320, 5, 3, 3\] .*\[320, 9, 3, 3\]",
        ),
        ({"head": torch.zeros(HEAD_SHAPE).int()}, {KEY: entry(2)}, r"^h\.pth: .* got \[320, 5, 3, 3\] of int32"),
        ({"head": torch.full(HEAD_SHAPE, torch.nan)}, {KEY: entry(2)}, r"^h\.pth: expected a head of .* finite floats"),
        (
            head(),
            head(),
            r"^p\.patch: expected Fooocus' inpaint patch, got 1 entries, such as 'head'\. Download fooocu",
        ),
        (head(), {}, r"^p\.patch: expected Fooocus' inpaint patch, got 0 entries"),
        (head(), {"lora_unet_down.weight": torch.zeros(2)}, r"^p\.patch: expected Fooocus' .*'lora_unet_down\.weight'"),
        (head(), [1], r"^p\.patch: expected Fooocus' inpaint patch, got a list\."),
        (
            head(),
            {KEY: torch.zeros(2)},
            r"^p\.patch: expected \(uint8 tensor, lowest, highest\) for 'diffusion_model.*wei",
        ),
        (head(), {KEY: entry(2)[:2]}, r"^p\.patch: expected \(uint8 tensor, lowest, highest\) .* got a tuple\."),
        (
            head(),
            {KEY: (torch.zeros(2), 0.0, 1.0)},
            r"^p\.patch: expected a uint8 tensor for .*, got \[2\] of float32\.",
        ),
        (head(), {KEY: (steps(2), None, 1.0)}, r"^p\.patch: expected finite bounds for .*, got a NoneType\."),
        (head(), {KEY: (steps(2), 0.0, torch.inf)}, r"^p\.patch: expected finite bounds for .*, got a float\."),
        (
            head(),
            {KEY: (steps(2, 3), torch.zeros(2), 1.0)},
            r"^p\.patch: expected finite bounds .*, got \[2\] of float32",
        ),
        (
            head(),
            {KEY: (steps(2), torch.zeros(1, 2), 1.0)},
            r"^p\.patch: expected finite bounds .*, got \[1, 2\] of fl",
        ),
    ],
)
def test_what_is_not_such_a_file_is_named(first, second, message):
    with pytest.raises(InpaintError, match=message):
        read_patch(first, second, "h.pth", "p.patch")


def test_what_a_model_has_of_it():
    patch = read_patch(head(), {KEY: entry(320, 4, 3, 3), "diffusion_model.gone.weight": entry(2)})
    fitting = check_fits(patch, {KEY: (320, 4, 3, 3), "diffusion_model.more.weight": (9,)})
    assert list(fitting) == [KEY]
    assert isinstance(fitting[KEY], Delta)


def test_a_model_that_it_does_not_fit():
    patch = read_patch(head(), {KEY: entry(320, 4, 3, 3)})
    with pytest.raises(
        InpaintError, match=r"^model: expected an SDXL model, got one that has none of the 1 weights that"
    ):
        check_fits(patch, {"diffusion_model.other.weight": (2,)})
    with pytest.raises(InpaintError, match=r"^model: expected .* of \[320, 4, 3, 3\], as in the patch, got \[320, 9"):
        check_fits(patch, {KEY: (320, 9, 3, 3)})
