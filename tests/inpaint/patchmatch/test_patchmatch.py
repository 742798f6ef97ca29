"""PatchMatch against brute force over all patches, and pictures of which there is only one way to go on.

Mutations seen to fail here: one row or column of corners more or less; a worse find taken, or what is no source; no
search around finds; finds of neighbours not moved along; the shift in color free, counted once only, or unbounded; no
regard to how far away a source is; the mean color left in the axes, the last axes taken, or opponent colors mixed up;
no bell around a pixel, one layer only, the picture changed in place, or the middle of a patch taken at the border; a
coarse pixel usable where only half of it is, or known where any of it is; steps into the hole counted as grain, or no
grain; no smaller patches; votes not weighed by depth or by likeness, cast from beyond the border, without shade, or the
first of them taken; moves not doubled from level to level, or forgotten; the mean at the end; another seed, or the
global one; sources in the mask, outside the source, or not finite; no clamp; what was not finite overwritten; values
not brought to 0..1 and back; what the hole held let in; the source's soft edge taken; a window where the source is far
away, none where it is not, or one without any known pixel; progress of one frame only, or none between; filled only
from 0.5 on; the input changed in place; black where nothing is known.
"""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from inpaint.core.errors import InpaintError
from inpaint.patchmatch import fill_patchmatch
from inpaint.patchmatch.first_guess import peeled
from inpaint.patchmatch.levels import Level, levels_of
from inpaint.patchmatch.nearest import SHADE, SHADE_COUNTS, NearestPatches
from inpaint.patchmatch.patch import AWAY, Patch
from inpaint.patchmatch.votes import Votes


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=seeded(seed))


def box(shape: tuple[int, int], top: int, left: int, height: int, width: int) -> torch.Tensor:
    mask = torch.zeros(1, *shape)
    mask[:, top : top + height, left : left + width] = 1
    return mask


def disc(side: int, radius: float) -> torch.Tensor:
    y, x = torch.meshgrid(*[torch.arange(side) - side / 2] * 2, indexing="ij")
    return (torch.hypot(x, y) < radius).float()[None]


def tiled(tile: torch.Tensor, height: int, width: int) -> torch.Tensor:
    return tile.repeat(height // len(tile) + 1, width // tile.shape[1] + 1, 1)[None, :height, :width]


# Patches


def test_a_patch_is_where_its_corner_is_and_holds_what_is_there():
    picture, patch = noise(9, 8, 2), Patch(3, 2)
    rows, columns = patch.grid(9, 8)
    assert (rows, columns) == (7, 7)
    corners = torch.arange(rows * columns)
    places = patch.places(corners, 8)
    assert torch.equal(patch.at(places, 9, 8), corners)
    assert torch.equal(patch.first_pixels(corners, 8), places[:, 0] * 8 + places[:, 1])
    for corner, (row, column) in enumerate(places.tolist()):
        expected = picture[row : row + 3, column : column + 2].flatten()
        assert torch.equal(patch.values(picture, corners[corner : corner + 1])[0], expected)
    beyond = torch.tensor([[-4, 3], [99, 99]])
    assert patch.places(patch.at(beyond, 9, 8), 8).tolist() == [[0, 3], [6, 6]]


def test_patches_touch_what_lies_in_them():
    area = noise(9, 8) < 0.1
    touching = Patch(3, 2).touching(area)
    for row, column in np.ndindex(touching.shape):
        assert touching[row, column] == area[row : row + 3, column : column + 2].any()


# The nearest-neighbour field


def unlike(picture: np.ndarray, one: tuple[int, int], other: tuple[int, int], patch: Patch) -> float:
    """By the definition: colors apart from their mean, the mean with its free shift, and how far away."""
    pixels = patch.height * patch.width
    cuts = [
        picture[row : row + patch.height, column : column + patch.width].astype(np.float64)
        for row, column in (one, other)
    ]
    apart = cuts[0] - cuts[1]
    red, green, blue = mean = apart.mean(axis=(0, 1))
    rest = ((apart - mean) ** 2).sum()
    opponents = [(red + green + blue) / 3**0.5, (red - green) / 2**0.5, (red + green - 2 * blue) / 6**0.5]
    shades = sum(
        (SHADE_COUNTS * value + np.sign(value) * max(abs(value) - free, 0)) ** 2
        for value, free in zip(opponents, SHADE, strict=True)
    )
    far = ((one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2) / max(picture.shape[:2]) ** 2
    return (rest + pixels * shades) / (3 * pixels) + AWAY**2 * far


@pytest.mark.slow
def test_found_patches_are_about_as_near_as_the_nearest_of_all():
    """Patches of 2 x 2 pixels have fewer numbers than there are axes: distances are exact but for half precision."""
    rng = np.random.default_rng(0)
    picture = ndimage.gaussian_filter(rng.random((40, 48, 3)), (1.5, 1.5, 0)) + 0.02 * rng.random((40, 48, 3))
    picture = ((picture - picture.min()) / np.ptp(picture)).astype(np.float32)
    patch, hole = Patch(2, 2), torch.zeros(40, 48, dtype=torch.bool)
    hole[12:24, 20:32] = True
    wanted = patch.touching(hole)
    sources, corners = ~wanted, wanted.flatten().nonzero()[:, 0]
    nearest = NearestPatches(torch.from_numpy(picture), sources, corners, patch, seeded())
    nearest.look_at(torch.from_numpy(picture))
    before = nearest.distance.mean()
    for _ in range(40):
        nearest.improve()

    places = patch.places(corners, 48).tolist()
    found = patch.places(nearest.found, 48).tolist()
    assert bool(sources.flatten()[nearest.found].all())
    best = []
    for place, match, distance in list(zip(places, found, nearest.distance.tolist(), strict=True))[::9]:
        assert distance == pytest.approx(unlike(picture, place, match, patch), rel=0.02, abs=1e-5)
        best.append(min(unlike(picture, place, other, patch) for other in sources.nonzero().tolist()))
    mean = float(nearest.distance[::9].mean())
    assert mean < 1.1 * np.mean(best)
    assert before > 3 * mean


def test_the_shade_makes_up_for_a_difference_in_mean_color_within_bounds():
    picture = noise(30, 30, 3) * 0.2 + 0.4
    patch, corners = Patch(3, 3), torch.tensor([28 * 27 + 27])
    sources = torch.zeros(28, 28, dtype=torch.bool)
    sources[0, 0] = True
    nearest = NearestPatches(picture, sources, corners, patch, seeded())
    source = picture[:3, :3]
    for shift, expected in [
        ([0.04, 0.04, 0.04], [0.04, 0.04, 0.04]),
        ([0.9, 0.9, 0.9], [SHADE[0] / 3**0.5] * 3),
        ([0.01, -0.01, 0.0], [0.01, -0.01, 0.0]),
        ([0.2, -0.2, 0.0], [SHADE[1] / 2**0.5, -SHADE[1] / 2**0.5, 0.0]),
        ([-0.1, -0.1, 0.2], [-SHADE[2] / 6**0.5, -SHADE[2] / 6**0.5, 2 * SHADE[2] / 6**0.5]),
    ]:
        changed = picture.clone()
        changed[-3:, -3:] = source + torch.tensor(shift)
        nearest.look_at(changed)
        torch.testing.assert_close(nearest.shade()[0], torch.tensor(expected), rtol=0, atol=2e-3)


# The first guess


def test_the_first_guess_goes_on_with_stripes():
    picture = tiled(noise(1, 6, 5), 30, 40)[0]
    hole = torch.zeros(30, 40, dtype=torch.bool)
    hole[8:20, 12:26] = hole[:6, :5] = hole[26:, 30:] = True
    patch = Patch(7, 7)
    poisoned = picture.masked_fill(hole[..., None], 0.123)
    filled = peeled(poisoned, hole, ~patch.touching(hole), patch, seeded())
    torch.testing.assert_close(filled, picture)
    assert bool((poisoned[hole] == 0.123).all())


# Levels


def test_levels_get_coarser_until_the_hole_is_small_and_never_mix_in_what_is_unknown():
    colors, hole = noise(200, 230, 3), disc(200, 70)[0] > 0
    hole = torch.nn.functional.pad(hole, (0, 30))
    usable = ~hole
    usable[:, 100:] = False
    levels = levels_of(colors.masked_fill(hole[..., None], 50), hole, usable, 7)
    assert [level.hole.shape[1] for level in levels] == [230, 115, 58]
    for fine, coarse in pairwise(levels):
        assert coarse.picture[~coarse.hole].max() <= 7
        for row, column in ((3, 4), (20, 25), (10, 14), (3, 55)):
            block = np.s_[2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
            assert coarse.hole[row, column] == fine.hole[block].any()
            assert coarse.usable[row, column] == fine.usable[block].all()


def test_the_grain_is_that_of_the_surroundings():
    colors = torch.full((120, 120, 3), 0.5)
    colors[:, 60:] += 0.2 * (torch.arange(60) % 2)[:, None]
    hole = torch.zeros(120, 120, dtype=torch.bool)
    hole[40:80, 70:110] = True
    right, down = levels_of(colors.masked_fill(hole[..., None], 0), hole, ~hole, 7)[0].picture[..., 3:].unbind(-1)
    torch.testing.assert_close(right[10:110:10, 66], torch.full((10,), 7 * 0.2), rtol=0.3, atol=0)
    assert float(right[:, :40].abs().max()) < 1e-6
    assert float(down.abs()[~hole].max()) < 1e-6


# Votes


def test_votes_are_weighed_and_one_of_them_can_be_taken():
    """A row of pixels with one of them unknown: three patches of three pixels say what it is."""
    picture = torch.arange(12.0).reshape(1, 12, 1).expand(-1, -1, 5).contiguous()
    hole = torch.zeros(1, 12, dtype=torch.bool)
    hole[0, 8] = True
    level = Level(picture, hole, ~hole, Patch(1, 3))
    votes = Votes(level, torch.tensor([6, 7, 8]))
    found = torch.tensor([0, 2, 4])  # whose third, second and first pixel are 2, 3 and 4
    shade = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.5, 0.0, 0.0]])
    distance = torch.tensor([0.3, 0.3, 0.0])
    doubt = np.log(1.1) * np.array([0.0, 1.0, 0.0])  # how deep the patches' middles are
    weight = np.exp(-doubt - np.array([0.3, 0.3, 0.0]) / (0.7 * 0.2))
    expected = (weight * [2, 3, 4]).sum() / weight.sum()
    mean = votes.mean(found, distance, shade)
    assert mean[0, 1:].tolist() == pytest.approx([expected] * 4, rel=1e-4)
    assert float(mean[0, 0]) == pytest.approx(expected + 0.5 * weight[2] / weight.sum(), rel=1e-4)
    assert votes.weightiest(found, distance, shade).tolist() == [[4.5, 4, 4, 4, 4]]


# The fill


@pytest.mark.parametrize("tile", [(1, 9), (8, 1), (6, 7), (11, 13)])
def test_what_repeats_goes_on(tile):
    image = tiled(noise(*tile, 3, seed=sum(tile)), 90, 100)
    mask = box((90, 100), 30, 32, 26, 30)
    filled = fill_patchmatch(image.masked_fill(mask[..., None] > 0, 0.7), mask)
    torch.testing.assert_close(filled, image, rtol=0, atol=4e-3)


def test_an_edge_between_two_textures_goes_on():
    image = torch.cat([0.1 + 0.2 * noise(1, 55, 120, 3), 0.7 + 0.2 * noise(1, 65, 120, 3, seed=1)], dim=1)
    mask = disc(120, 25)
    filled = fill_patchmatch(image, mask)
    above, below = filled[:, :55][mask[:, :55] > 0], filled[:, 55:][mask[:, 55:] > 0]
    assert float((above < 0.5).float().mean()) > 0.97
    assert float((below > 0.5).float().mean()) > 0.97


def test_texture_stays_as_sharp_as_it_was():
    image = noise(1, 128, 128, 3, seed=3)
    image = (image + image.roll(1, 1) + image.roll(1, 2)) / 3
    mask = disc(128, 30)
    filled = fill_patchmatch(image, mask)
    inside = mask[..., 1:] * mask[..., :-1] > 0
    steps = [picture.diff(dim=2).abs()[inside].mean() for picture in (image, filled)]
    assert 0.85 < float(steps[1] / steps[0]) < 1.1


def test_fading_light_goes_on_without_a_seam():
    y, x = torch.meshgrid(*[torch.linspace(0, 1, 150)] * 2, indexing="ij")
    image = torch.stack([0.2 + 0.5 * x, 0.3 + 0.3 * x + 0.1 * y, 0.4 + 0.2 * y], dim=-1)[None]
    mask = disc(150, 30)
    filled = fill_patchmatch(image, mask)
    assert float((filled - image).abs().max()) < 0.04
    for dim in (1, 2):
        assert float(filled.diff(dim=dim).abs().max()) < 0.02


def test_a_grey_picture_stays_grey():
    image = noise(1, 80, 80, 1).expand(-1, -1, -1, 3)
    filled = fill_patchmatch(image, disc(80, 18))
    assert float((filled - filled.mean(dim=-1, keepdim=True)).abs().max()) < 2e-3


@settings(max_examples=30, deadline=None)
@given(
    st.tuples(st.integers(1, 2), st.integers(1, 24), st.integers(1, 24)),
    st.sampled_from([3, 4]),
    st.sampled_from([torch.float16, torch.float32, torch.float64]),
    st.sampled_from([0.0, 0.1, 0.6, 0.95, 1.0]),
    st.integers(3, 9),
    st.integers(0, 2**32 - 1),
)
def test_known_pixels_and_alpha_are_bit_identical(shape, channels, dtype, density, patch, seed):
    generator = seeded(seed)
    image = torch.rand(*shape, channels, generator=generator).to(dtype)
    mask = torch.rand(shape, generator=generator) * (torch.rand(shape, generator=generator) < density)
    before = image.clone(), mask.clone()
    filled = fill_patchmatch(image, mask, patch=patch)
    assert filled.dtype == dtype
    assert torch.equal(filled[mask == 0], image[mask == 0])
    assert torch.equal(filled[..., 3:], image[..., 3:])
    assert torch.equal(image, before[0])
    assert torch.equal(mask, before[1])
    for old, new, hole in zip(image, filled, mask > 0, strict=True):
        known = old[..., :3][~hole]
        if not len(known):
            assert bool((new[..., :3] == 0.5).all())
        elif hole.any():
            low, high = known.float().amin(dim=0), known.float().amax(dim=0)
            assert bool((new[..., :3][hole].float() >= low).all())
            assert bool((new[..., :3][hole].float() <= high).all())


def test_nothing_masked_is_the_picture_and_everything_masked_is_grey():
    image = noise(2, 15, 16, 4)
    assert torch.equal(fill_patchmatch(image, torch.zeros(2, 15, 16)), image)
    filled = fill_patchmatch(image, torch.ones(2, 15, 16))
    assert bool((filled[..., :3] == 0.5).all())
    assert torch.equal(filled[..., 3], image[..., 3])


def test_holes_at_borders_and_of_single_pixels_are_filled():
    image = tiled(noise(5, 4, 3), 60, 60)
    mask = box((60, 60), 0, 0, 9, 14) + box((60, 60), 50, 20, 10, 7) + box((60, 60), 30, 40, 1, 1)
    filled = fill_patchmatch(image.masked_fill(mask[..., None] > 0, 0), mask)
    torch.testing.assert_close(filled, image, rtol=0, atol=4e-3)


def test_where_no_whole_patch_is_known_smaller_ones_are_taken():
    image = torch.full((1, 40, 40, 3), 0.2)
    image[:, 20:] = 0.9
    mask = torch.ones(1, 40, 40)
    mask[:, :, ::6] = 0
    filled = fill_patchmatch(image.masked_fill(mask[..., None] > 0, 0.5), mask)
    torch.testing.assert_close(filled, image, rtol=0, atol=5e-3)


def test_what_the_hole_held_plays_no_part():
    image = noise(2, 40, 40, 3)
    mask = torch.cat([disc(40, 8) * 0.01, box((40, 40), 20, 20, 20, 20)])
    poisoned = image.clone()
    poisoned[mask > 0] = torch.nan
    poisoned[0, 20, 20] = torch.inf
    assert torch.equal(fill_patchmatch(poisoned, mask), fill_patchmatch(image, mask))


def test_known_pixels_that_are_not_finite_are_kept_and_play_no_part():
    image, mask = noise(1, 40, 40, 3), disc(40, 8)
    image[0, 3, 4] = torch.nan
    image[0, 20, 11, 1] = torch.inf
    filled = fill_patchmatch(image, mask)
    assert torch.equal(filled[mask == 0].nan_to_num(), image[mask == 0].nan_to_num())
    assert bool(filled[mask > 0].isfinite().all())
    other = image.clone()
    other[0, 3, 4] = torch.inf
    assert torch.equal(fill_patchmatch(other, mask)[mask > 0], filled[mask > 0])


@pytest.mark.slow
def test_known_pixels_far_from_all_holes_play_no_part_unless_they_are_the_only_ones():
    image, mask = noise(1, 20, 600, 3), box((20, 600), 5, 10, 8, 8)
    far = image.clone()
    far[:, :, 18 + 256 :] = 0.5
    assert torch.equal(fill_patchmatch(far, mask)[mask > 0], fill_patchmatch(image, mask)[mask > 0])
    image[:, :, : 18 + 256] = torch.nan
    assert bool(fill_patchmatch(image, mask)[mask > 0].isfinite().all())


def test_texture_is_taken_only_from_the_source():
    """Red stripes around the hole, blue ones far away: with the blue ones as the source nothing is red."""
    image = 0.3 * noise(1, 60, 420, 3)
    image[:, :, :300, 0] += 0.7
    image[:, :, 300:, 2] += 0.7
    mask, source = box((60, 420), 20, 10, 20, 20), box((60, 420), 0, 310, 60, 100)
    filled = fill_patchmatch(image, mask)[mask > 0]
    assert float(filled[:, 0].min()) > 0.6
    assert float(filled[:, 2].max()) < 0.4
    filled = fill_patchmatch(image, mask, source)[mask > 0]
    assert float(filled[:, 0].max()) <= 0.3
    assert float(filled[:, 2].min()) >= 0.7


def test_of_a_source_the_far_part_counts_as_much_as_the_near_one():
    image = 0.3 * noise(1, 40, 420, 3)
    image[..., 1] += 0.7
    image[:, 2:14, 60:72] = torch.tensor([1.0, 0.1, 0.1])
    mask, source = box((40, 420), 12, 10, 16, 16), box((40, 420), 2, 60, 12, 12) + box((40, 420), 0, 310, 40, 100)
    assert float(fill_patchmatch(image, mask, source)[mask > 0][:, 0].max()) < 0.5


def test_what_is_masked_is_no_source():
    image, mask = noise(1, 40, 40, 3) * 0.5, disc(40, 8)
    image[mask > 0] = 1
    everything = torch.ones_like(mask)
    assert torch.equal(fill_patchmatch(image, mask, everything), fill_patchmatch(image, mask))
    half = torch.where(torch.arange(40) < 20, 0.49, 0.5).expand_as(mask)
    image[:, :, :20, 0] = 0.9
    assert float(fill_patchmatch(image, mask, half)[mask > 0][:, 0].max()) <= 0.5


def test_a_source_without_known_pixels_is_refused_where_there_is_a_hole():
    image = noise(3, 20, 20, 3)
    mask = torch.cat([torch.zeros(1, 20, 20), disc(20, 5), disc(20, 5)])
    source = torch.stack([torch.zeros(20, 20), torch.ones(20, 20), mask[2]])
    with pytest.raises(InpaintError) as error:
        fill_patchmatch(image, mask, source)
    assert str(error.value) == (
        "source: expected known pixels to take texture from, got none in picture 3 of 3. "
        "Mark an area outside of the mask."
    )
    fill_patchmatch(image[:2], mask[:2], source[:2])


def test_what_does_not_fit_is_refused():
    image, mask = torch.zeros(2, 8, 9, 3), torch.zeros(2, 8, 9)
    with pytest.raises(InpaintError) as error:
        fill_patchmatch(image, mask, torch.zeros(1, 8, 9))
    assert str(error.value) == (
        "source: expected [2, 8, 9] to fit the image, got [1, 8, 9]. "
        "Resize it to the image, and give one mask per picture."
    )
    for patch in (2, 16):
        with pytest.raises(InpaintError) as error:
            fill_patchmatch(image, mask, patch=patch)
        assert str(error.value) == f"patch: expected 3 to 15 pixels, got {patch}. 7 suits most pictures."
    with pytest.raises(InpaintError, match=r"^mask: expected \[2, 8, 9\] to fit the image, got \[2, 9, 8\]"):
        fill_patchmatch(image, torch.zeros(2, 9, 8))
    with pytest.raises(InpaintError, match=r"^image: expected \[B, H, W, 3 or 4\] of floats, got \[8, 9, 3\]"):
        fill_patchmatch(torch.zeros(8, 9, 3), torch.zeros(1, 8, 9))


def test_the_seed_decides_and_the_global_state_is_left_alone():
    image, mask = noise(1, 50, 50, 3), disc(50, 12)
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first = fill_patchmatch(image, mask, seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(6)
    assert torch.equal(fill_patchmatch(image, mask, seed=1), first)
    assert not torch.equal(fill_patchmatch(image, mask, seed=2), first)


def test_frames_are_filled_as_if_each_were_alone():
    image = noise(3, 40, 45, 4) * torch.tensor([1.0, 0.1, 5.0])[:, None, None, None]
    mask = torch.stack([torch.zeros(40, 45), box((40, 45), 5, 5, 12, 20)[0], box((40, 45), 25, 0, 15, 15)[0]])
    together = fill_patchmatch(image, mask, mask.roll(20, 2), seed=3)
    for index in range(3):
        alone = np.s_[index : index + 1]
        assert torch.equal(together[alone], fill_patchmatch(image[alone], mask[alone], mask.roll(20, 2)[alone], seed=3))


def test_the_range_of_values_does_not_matter():
    image, mask = noise(1, 40, 40, 3), disc(40, 9)
    torch.testing.assert_close(fill_patchmatch(image * 256, mask), fill_patchmatch(image, mask) * 256)


def test_half_precision_gives_the_same_as_single():
    image, mask = noise(1, 40, 40, 4).half(), disc(40, 9).half()
    assert torch.equal(fill_patchmatch(image, mask), fill_patchmatch(image.float(), mask.float()).half())


def test_progress_is_told_and_can_end_the_work():
    image, mask = noise(2, 60, 60, 3), disc(60, 15).expand(2, -1, -1)
    progress = []
    fill_patchmatch(image, mask, progress=lambda done, total: progress.append((done, total)))
    assert {total for _, total in progress} == {200}
    done = [done for done, _ in progress]
    assert done == sorted(done)
    assert done[-1] == 200
    assert len(set(done)) > 20
    threads = torch.get_num_threads()

    class CancelledError(Exception):
        pass

    def cancel(done: float, total: int) -> None:
        if done > 20:
            raise CancelledError

    with pytest.raises(CancelledError):
        fill_patchmatch(image, mask, progress=cancel)
    assert torch.get_num_threads() == threads


def test_holes_far_apart_are_filled_as_if_each_were_alone():
    image = noise(1, 24, 700, 3)
    near, far = torch.zeros(1, 24, 700), torch.zeros(1, 24, 700)
    near[:, 8:14, 10:16], far[:, 8:14, 690:696] = 1, 1
    both = fill_patchmatch(image, near + far)
    assert torch.equal(both[near > 0], fill_patchmatch(image, near)[near > 0])
    assert torch.equal(both[far > 0], fill_patchmatch(image, far)[far > 0])
    progress: list[tuple[int, int]] = []
    fill_patchmatch(image, near + far, progress=lambda *parts: progress.append(parts))
    assert progress == sorted(progress)
    assert progress[-1] == (100, 100)


@pytest.mark.parametrize("outlier", [20.0, -3e38, 3e38])
def test_a_value_far_out_does_not_spoil_the_rest(outlier):
    image, hole = tiled(noise(5, 7, 3), 60, 63), box((60, 63), 20, 20, 14, 14)
    plain = fill_patchmatch(image, hole)
    image[0, 2, 2] = outlier
    filled = fill_patchmatch(image, hole)
    assert (filled - plain)[hole > 0].abs().max() < 0.02
