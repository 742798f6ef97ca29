"""Around the mask, from Encode for Inpainting to Decode and Composite: what is worked on, and as in the whole.

Mutations seen to fail here: no margin; the window a cell off; a VAE that works on each place alone decoded whole; a
picture encoded around the mask decoded whole; a window of another size or a larger one sampled; the cells around grey
left out of the window; own statistics of group norms kept.
"""

import pytest
import torch

from devtools.models.stand_in_vae import make_stand_in_vae

HEIGHT, WIDTH = 320, 448
AROUND, WHOLE = "around the mask", "whole picture"


@pytest.fixture(autouse=True)
def _inference():
    """As the host's executor has it."""
    with torch.inference_mode():
        yield


@pytest.fixture
def picture():
    """Waves of many lengths."""
    y, x = torch.meshgrid(torch.linspace(0, 1, HEIGHT), torch.linspace(0, 1, WIDTH), indexing="ij")
    waves = [torch.sin(40 * y * (1 + x)), torch.cos(25 * x + 9 * y), torch.sin(60 * x * y)]
    return (torch.stack(waves, dim=-1)[None] * 0.3 + 0.5).clamp(0, 1)


@pytest.fixture
def mask():
    """5 by 5 cells. Its window has 8 cells more to every side, on a grid of 8: columns 8 to 32, rows 0 to 24."""
    mask = torch.zeros(1, HEIGHT, WIDTH)
    mask[0, 40:80, 136:176] = 1
    return mask


@pytest.fixture
def seen(inpaint_model, monkeypatch):
    """Sizes that the VAE was given, in cells: "encode" and "decode", call by call."""
    calls: dict[str, list[tuple[int, int]]] = {"encode": [], "decode": []}
    for name, own in calls.items():
        work = getattr(inpaint_model.vae, name)

        def counted(given, own=own, work=work):
            height, width = (given.shape[1] // 8, given.shape[2] // 8) if given.shape[-1] == 3 else given.shape[-2:]
            own.append((width, height))
            return work(given)

        monkeypatch.setattr(inpaint_model.vae, name, counted)
    return calls


def _encoded(run, loaded, picture, mask, area=AROUND, **more):
    prompts = {"positive": loaded.positive, "negative": loaded.negative}
    return run(
        "MendEncodeInpaint",
        **{"model": loaded.model, "vae": loaded.vae, "image": picture, "mask": mask, "encode_area": area},
        **prompts,
        **more,
    )


def _sampled(run, loaded, encoded, area="auto", **more):
    positive, negative, latent = encoded.outputs
    return run(
        "MendMaskedSampler",
        **{"model": loaded.model, "positive": positive, "negative": negative, "latent": latent, "sample_area": area},
        **{"seed": 3, "steps": 1, "cfg": 1.0, "denoise": 0.5, **more},
    )


def _pasted(run, vae, latent, picture, mask, area="auto"):
    return run(
        "MendDecodeComposite", vae=vae, latent=latent, image=picture, mask=mask, **{"feather": 8.0, "decode_area": area}
    )


def test_one_choice_in_encode_sets_the_chain(run, inpaint_model, picture, mask, seen):
    """The result is that of the whole picture encoded and decoded, with the window sampled, and costs only the window
    and a small copy."""
    encoded = _encoded(run, inpaint_model, picture, mask, masked_content="original")
    sampled = _sampled(run, inpaint_model, encoded)
    pasted = _pasted(run, inpaint_model.vae, sampled.outputs[0], picture, mask)
    reports = [each.ui["text"][0] for each in (encoded, sampled, pasted)]
    assert "Encoded around the mask: 24x24 of 56x40 latent cells." in reports[0]
    assert "Sampled 24x24 of 56x40 latent cells." in reports[1]
    assert "Decoded 7x7 of 56x40 latent cells." in reports[2]
    assert "Largest change outside: 0." in reports[2]
    # The picture and the one without the masked area: each a small copy, which is as large here, and the window.
    assert seen["encode"] == [(56, 40), (40, 32)] * 2
    assert seen["decode"] == [(23, 19)]

    whole = _sampled(
        run, inpaint_model, _encoded(run, inpaint_model, picture, mask, WHOLE, masked_content="original"), AROUND
    )
    expected = _pasted(run, inpaint_model.vae, whole.outputs[0], picture, mask, WHOLE).outputs[0]
    difference = (pasted.outputs[0] - expected).abs().max() * 255
    assert difference < 0.5
    assert (expected - picture).abs().max() * 255 > 20


def test_grey_and_the_cells_around_it_lie_in_the_window(run, inpaint_model, picture, mask):
    encoded = _encoded(run, inpaint_model, picture, mask, masked_content="neutral", widen_by_cells=8)
    assert "Sampled 48x32 of 56x40" in _sampled(run, inpaint_model, encoded).ui["text"][0]


def test_outside_the_window_the_latent_is_rough(run, inpaint_model, monkeypatch, picture, mask, pack):
    """From a copy of a quarter of the size: what a whole picture decoded would show there resembles the picture."""
    monkeypatch.setattr(pack("host.vae_window"), "SMALL", 10)
    whole, around = (
        _encoded(run, inpaint_model, picture, mask, area, masked_content="original").outputs[2]["samples"]
        for area in (WHOLE, AROUND)
    )
    window = (slice(None), slice(None), slice(0, 24), slice(8, 32))
    assert torch.allclose(around[window], whole[window], atol=1e-3)
    differs = (around - whole).abs().amax(dim=1)[0]
    differs[0:24, 8:32] = 0
    assert differs.max() > 0.01
    assert differs.mean() < whole.std()


def test_batches_and_videos_of_one_frame(run, inpaint_model, picture, mask):
    pictures, masks = torch.cat([picture, picture.flip(2)]), torch.cat([mask, mask.roll(16, 1)])
    latent = _encoded(run, inpaint_model, pictures, masks, masked_content="original").outputs[2]
    single = _encoded(run, inpaint_model, picture, mask, masked_content="original").outputs[2]
    assert torch.allclose(latent["samples"][:1, :, :24, 8:32], single["samples"][..., :24, 8:32], atol=1e-3)

    frames = make_stand_in_vae(16, 8, frames=True)
    cells = torch.rand(2, 16, 1, 40, 56)
    around, whole = (
        _pasted(run, frames, {"samples": cells}, picture, mask, area).outputs[0] for area in (AROUND, WHOLE)
    )
    assert around.shape == whole.shape == (2, HEIGHT, WIDTH, 3)
    assert torch.equal(around, whole)


def test_what_cannot_be_sampled_there_is_refused(run, inpaint_model, picture, mask, InpaintError):
    with pytest.raises(InpaintError, match="noise_mask: expected it on"):
        _encoded(run, inpaint_model, picture, mask, noise_mask=False)
    encoded = _encoded(run, inpaint_model, picture, mask)
    for settings in ({"area": WHOLE}, {"context_cells": 12}):
        with pytest.raises(InpaintError, match="got one that was encoded only around its mask"):
            _sampled(run, inpaint_model, encoded, **settings)
    positive, negative, latent = encoded.outputs
    # As Crop Latent makes it, which keeps the keys it does not know.
    cropped = {**latent, "samples": latent["samples"][..., :40], "noise_mask": latent["noise_mask"][..., :320]}
    with pytest.raises(InpaintError, match="got one that was encoded only around its mask"):
        run("MendMaskedSampler", model=inpaint_model.model, positive=positive, negative=negative, latent=cropped)


def test_an_empty_mask_and_a_full_one_take_the_whole(run, inpaint_model, picture, mask):
    for given in (torch.zeros_like(mask), torch.ones_like(mask)):
        around, whole = (_encoded(run, inpaint_model, picture, given, area).outputs[2] for area in (AROUND, WHOLE))
        assert torch.equal(around["samples"], whole["samples"])
        assert "mend_encoded_window" not in around
        pasted = _pasted(run, inpaint_model.vae, around, picture, given, AROUND)
        assert "Decoded" not in pasted.ui["text"][0] or given.any()


class Normalized(torch.nn.Module):
    """Stands for a VAE with group norms: each cell is a block of pixels, by the spread of the whole."""

    def __init__(self):
        super().__init__()
        self.norm = torch.nn.GroupNorm(1, 4)

    def decode(self, cells):
        return self.norm(cells)[:, :3].repeat_interleave(8, dim=-1).repeat_interleave(8, dim=-2) / 4


@pytest.fixture
def normalized_vae():
    vae = make_stand_in_vae(4, 8)
    vae.first_stage_model = Normalized()
    return vae


@pytest.fixture
def uneven():
    """Cells of which those around the mask spread less than the others."""
    cells = torch.randn(1, 4, 40, 56, generator=torch.Generator().manual_seed(0))
    cells[..., :24, 8:32] *= 0.2
    return {"samples": cells}


def test_group_norms_see_the_whole(run, normalized_vae, uneven, picture, mask, monkeypatch, pack):
    """A window is divided by the spread of a small copy of the whole; without it, by its own."""
    around, whole = (_pasted(run, normalized_vae, uneven, picture, mask, area).outputs[0] for area in (AROUND, WHOLE))
    norms = pack("inpaint.networks.group_norms").GroupNorms
    monkeypatch.setattr(norms, "replaying", norms.recording)
    alone = _pasted(run, normalized_vae, uneven, picture, mask, AROUND).outputs[0]
    assert (around - whole).abs().max() < 1e-5
    assert (alone - whole).abs().max() > 0.1


def test_auto_decodes_a_window_where_nothing_is_lost(
    run, inpaint_model, normalized_vae, uneven, picture, mask, monkeypatch
):
    def report(vae, latent):
        return _pasted(run, vae, latent, picture, mask).ui["text"][0]

    assert "Decoded 7x7" in report(inpaint_model.vae, uneven)
    assert "Decoded" not in report(normalized_vae, uneven)
    window = _encoded(run, inpaint_model, picture, mask).outputs[2]["mend_encoded_window"]
    assert "Decoded 7x7" in report(normalized_vae, {**uneven, "mend_encoded_window": window})
    monkeypatch.setattr(normalized_vae, "memory_used_decode", lambda shape, dtype: 2**40 if shape[-1] > 50 else 1)
    assert "Decoded 7x7" in report(normalized_vae, uneven)
