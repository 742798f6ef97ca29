"""The small untrained edit models have the tensors of the host's own classes, by name, and the published VAEs' shapes.

Mutations seen to fail here: a key renamed, one left out, a layer of another width.
"""

from typing import Any

import pytest
import torch

from devtools.models.checkpoints import flux2_transformer
from devtools.models.checkpoints.flux2_transformer import flux2
from devtools.models.checkpoints.full_vaes import WAN_WIDTH, flux2_vae, wan_vae
from devtools.models.checkpoints.qwen_transformer import qwen_image
from devtools.models.checkpoints.random_weights import QuickMaker
from devtools.models.host_models import make_host_model


@pytest.fixture
def make():
    return QuickMaker(0)


def shapes(weights):
    return {name: tuple(tensor.shape) for name, tensor in weights.items()}


def test_flux2(host_nodes, make):
    tensors = make_host_model("Flux2").diffusion_model.state_dict()
    # Newer hosts have another name for the scales of the files.
    host = {name.replace("_norm.weight", "_norm.scale"): tensor for name, tensor in tensors.items()}
    ours = flux2(make, flux2_transformer.TEXT_WIDTH, guidance=True)
    assert set(ours) == set(host)
    klein = set(flux2(make, flux2_transformer.KLEIN_TEXT_WIDTH, guidance=False))
    assert set(ours) - klein == {name for name in host if name.startswith("guidance_in")}
    # The host's class has the width of FLUX.2 here, 6144.
    narrower = 6144 // flux2_transformer.HIDDEN
    heads = {"norm.query_norm.scale", "norm.key_norm.scale"}
    for name, tensor in ours.items():
        assert host[name].shape[0] in (tensor.shape[0] * narrower, 128), name
        if not any(name.endswith(head) for head in heads):
            assert host[name].shape[1] in (tensor.shape[1] * narrower, 128, 256, 15360), name


def test_qwen_image(host_nodes, make):
    assert shapes(qwen_image(make)) == shapes(make_host_model("QwenImage").diffusion_model.state_dict())


def test_vae_of_wan(host_nodes, make):
    from comfy.ldm.wan.vae import WanVAE

    with torch.device("meta"):
        host = WanVAE(
            dim=WAN_WIDTH,
            z_dim=16,
            dim_mult=[1, 2, 4, 4],
            num_res_blocks=2,
            attn_scales=[],
            temperal_downsample=[False, True, True],
            dropout=0.0,
        )
    assert shapes(wan_vae(make)) == shapes(host.state_dict())


def test_vae_of_flux2(host_nodes, make):
    from comfy.ldm.models.autoencoder import AutoencoderKL

    settings: dict[str, Any] = {
        "double_z": True,
        "z_channels": 32,
        "resolution": 256,
        "in_channels": 3,
        "out_ch": 3,
        "ch": 128,
    }
    settings |= {"ch_mult": [1, 2, 4, 4], "num_res_blocks": 2, "attn_resolutions": [], "dropout": 0.0}
    with torch.device("meta"):
        host = AutoencoderKL(ddconfig=settings | {"batch_norm_latent": True}, embed_dim=32)
    counted = {"bn.num_batches_tracked": ()}
    assert shapes(flux2_vae(make)) | counted == shapes(host.state_dict())


def test_no_two_rows_repeat(make):
    rows = make.normal(700, 3072)
    assert len({row.numpy().tobytes() for row in rows}) == len(rows)
    assert float(rows.float().std()) == pytest.approx(3072**-0.5, rel=0.01)
