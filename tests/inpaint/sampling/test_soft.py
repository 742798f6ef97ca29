"""Soft masks as a schedule, by the rule itself.

Mutations seen to fail here: "kept" with >= instead of >; steps counted from 1; 0 lifted by the minimum; strength
the other way round; a call between two steps counted to the next one; the curve applied after the rule.
"""

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from inpaint.core.errors import InpaintError
from inpaint.sampling.soft import Soft, done, put_back, repaintable_mask, shaped

SIGMAS = torch.tensor([14.6, 8.0, 3.0, 1.0, 0.0])


def test_a_ramp_is_freed_from_its_high_end_on():
    mask = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0])
    steps = [repaintable_mask(mask, i / 4).tolist() for i in range(4)]
    assert steps == [[0, 0, 0, 0, 1], [0, 0, 0, 1, 1], [0, 0, 1, 1, 1], [0, 1, 1, 1, 1]]


@pytest.mark.slow
@given(st.lists(st.integers(0, 255), min_size=1, max_size=20), st.integers(1, 100))
def test_kept_if_and_only_if_one_minus_mask_is_more_than_i_of_n(values, steps):
    mask = torch.tensor(values) / 255
    for i in range(steps):
        kept = 1 - mask > i / steps
        assert torch.equal(repaintable_mask(mask, torch.tensor(i) / steps), (~kept).float())


def test_steps_are_found_by_their_noise():
    assert [done(sigma, SIGMAS).item() for sigma in SIGMAS[:-1]] == [0, 0.25, 0.5, 0.75]
    assert done(torch.tensor(5.0), SIGMAS) == 0.25  # a second look on the way from step 1 to step 2
    assert done(torch.tensor(20.0), SIGMAS) == 0
    assert done(torch.tensor(1e-3), SIGMAS) == 0.75
    assert done(torch.tensor(8.00001), SIGMAS) == 0.25  # the step's own noise, by another way


@pytest.mark.parametrize(("dtype", "steps"), [(torch.float16, 50), (torch.bfloat16, 20)], ids=str)
@pytest.mark.parametrize("shift", [1, 3, 8])
def test_half_precision_finds_the_same_steps(dtype, steps, shift):
    """Samplers hand the noise on in the latent's dtype. Flow models' schedules crowd near pure noise."""
    even = torch.linspace(1, 0, steps + 1)
    sigmas = shift * even / (1 + (shift - 1) * even)
    assert [round(done(sigma.to(dtype), sigmas).item() * steps) for sigma in sigmas[:-1]] == list(range(steps))


@given(
    st.floats(0, 1),
    st.sampled_from(["linear", "smooth", "power"]),
    st.floats(0.1, 10),
    st.floats(0, 1),
    st.floats(0, 1),
)
@example(1.0, "power", 0.3, 0.1, 1.0)
def test_nothing_frees_0_or_keeps_1(strength, curve, power, least, progress):
    soft = Soft(strength, curve, power, least)
    ends = torch.tensor([0.0, 1.0])
    assert torch.equal(repaintable_mask(ends, min(progress, 0.999), soft), ends)
    assert torch.equal(shaped(ends, soft), ends)


def test_curves():
    mask = torch.tensor([0.0, 0.25, 0.5, 1.0])
    assert shaped(mask, Soft(curve="smooth")).tolist() == [0, 0.15625, 0.5, 1]
    assert shaped(mask, Soft(curve="power", power=2)).tolist() == [0, 0.0625, 0.25, 1]
    assert shaped(mask, Soft(least=0.2)).tolist() == pytest.approx([0, 0.4, 0.6, 1])
    assert shaped(mask, Soft(curve="power", power=2, least=0.2)).tolist() == pytest.approx([0, 0.25, 0.4, 1])


def test_strength_mixes_the_rule_with_the_mask():
    mask = torch.tensor([0.25, 0.75])
    assert repaintable_mask(mask, 0.5, Soft(strength=0)).tolist() == [0.25, 0.75]
    assert repaintable_mask(mask, 0.5, Soft(strength=0.5)).tolist() == [0.125, 0.875]
    assert repaintable_mask(mask, 0.5, Soft(strength=1)).tolist() == [0, 1]


def test_the_mask_is_not_changed_and_keeps_its_dtype():
    mask = torch.rand(2, 1, 8, 8, dtype=torch.float16)
    before = mask.clone()
    assert repaintable_mask(mask, 0.5, Soft(0.5, "smooth", least=0.1)).dtype == torch.float16
    assert torch.equal(mask, before)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"strength": 1.5}, "strength: expected 0 to 1, got 1.5."),
        ({"least": -0.1}, "minimum_denoise: expected 0 to 1, got -0.1."),
        ({"power": 0}, "power: expected more than 0, got 0."),
        ({"curve": "cubic"}, "curve: expected one of linear, smooth, power, got cubic."),
    ],
)
def test_settings_out_of_range_are_named(setting, message):
    with pytest.raises(InpaintError, match=message):
        Soft(**setting)


def test_put_back_takes_the_original_where_the_mask_is_exactly_0():
    original, sampled = torch.full((1, 4, 1, 3), torch.nan), torch.ones(1, 4, 1, 3)
    original[..., 0] = -0.0
    result = put_back(sampled, original, torch.tensor([0.0, 1e-30, 1.0]).view(1, 1, 1, 3))
    assert torch.equal(result[..., 1:], sampled[..., 1:])
    assert torch.signbit(result[..., 0]).all()
