"""Loading models: which file and dtype is taken, what is handed on, and how often the disk is read.

Mutations seen to fail here: two models held while the next is read; a budget that reads again; fp8 planned and not
loaded; the first file loaded where another was chosen; no refusal; the budget not handed on; one model kept for two
loaders; one kept for a loader that is gone; another model taken for a smaller file of it; a pickle read by an old
PyTorch; no second try, or no end to tries, where memory runs out.
"""

import gc
import os
import re
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from devtools.models.model_shapes import model_shapes, write_sparse
from inpaint.model_families.flux_models import FLUX
from inpaint.model_files.quantization import SVDQUANT, Quantization, gguf_quantization
from inpaint.model_files.stored_tensors import Stored

PARTS = {
    "model.diffusion_model.": ("diffusion_models", "model.diffusion_model."),
    "cond_stage_model.transformer.": ("text_encoders", "cond_stage_model.transformer."),
    "first_stage_model.": ("vae", "first_stage_model."),
}


@pytest.fixture
def kept(pack):
    """The models that loaders keep, held as the host's objects of the loaders hold them."""
    return pack("host").kept_models()


@pytest.fixture
def reads(kept, reads):
    """The files read, with what is loaded kept as in a workflow."""
    return reads


@pytest.fixture(scope="module")
def split_files(base, small_checkpoint):
    """The small checkpoint as separate files, as newer models come."""
    tensors = load_file(base / "models" / "checkpoints" / small_checkpoint)
    written = []
    for start, (folder, prefix) in PARTS.items():
        part = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(start)}
        path = base / "models" / folder / "small.safetensors"
        save_file(part, path)
        written.append(path)
    yield {"model_name": "small.safetensors", "text_encoder": "small.safetensors", "vae_name": "small.safetensors"}
    for path in written:
        path.unlink()


@pytest.fixture
def copy_of_checkpoint(base, small_checkpoint):
    folder = base / "models" / "checkpoints"
    shutil.copy(folder / small_checkpoint, folder / "copy.safetensors")
    yield "copy.safetensors"
    (folder / "copy.safetensors").unlink()


@pytest.mark.slow
def test_another_budget_reads_nothing_again(run, reads, pack, small_checkpoint):
    first = run("MendLoadCheckpoint", ckpt_name=small_checkpoint)
    second = run("MendLoadCheckpoint", ckpt_name=small_checkpoint, budget_gb=6.0)
    assert reads == [small_checkpoint]
    facts_of = pack("host").facts_of
    assert [facts_of(output.outputs[0]).budget for output in (first, second)] == [None, 6 * 2**30]
    assert [facts_of(output.outputs[2]).budget for output in (first, second)] == [None, 6 * 2**30]
    assert first.outputs[0].model is second.outputs[0].model, "the same weights"
    run("MendLoadCheckpoint", ckpt_name=small_checkpoint, precision="bf16")
    assert reads == [small_checkpoint] * 2


@pytest.mark.slow
def test_a_file_that_was_replaced_is_read_again(run, reads, base, copy_of_checkpoint):
    run("MendLoadCheckpoint", ckpt_name=copy_of_checkpoint)
    os.utime(base / "models" / "checkpoints" / copy_of_checkpoint, ns=(1, 1))
    run("MendLoadCheckpoint", ckpt_name=copy_of_checkpoint)
    assert reads == [copy_of_checkpoint] * 2


@pytest.mark.slow
def test_the_last_model_goes_before_the_next_comes(
    run, reads, kept, pack, small_checkpoint, copy_of_checkpoint, monkeypatch
):
    run("MendLoadCheckpoint", ckpt_name=small_checkpoint)
    held = []
    monkeypatch.setattr(pack("host"), "load_checkpoint", lambda path, weights: held.append(kept.node_ids()) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run("MendLoadCheckpoint", ckpt_name=copy_of_checkpoint)
    assert held == [[]]
    gc.collect()


@pytest.fixture
def run_as(host_nodes):
    """Runs a checkpoint loader as one node of a workflow: `run_as("2", {"1", "2"}, ckpt_name=...)`."""

    def run_as(own, workflow, **inputs):
        hidden = {"UNIQUE_ID": own, "PROMPT": {key: {} for key in workflow}}
        # Newer hosts look for them one level down.
        hidden["hidden_inputs"] = {**hidden}
        node = host_nodes.NODE_CLASS_MAPPINGS["MendLoadCheckpoint"].PREPARE_CLASS_CLONE(hidden)
        return node.execute(**inputs).result

    return run_as


@pytest.mark.slow
def test_two_loaders_of_a_workflow_read_once_each(run_as, reads, small_checkpoint, copy_of_checkpoint):
    both, names = {"1", "2"}, {"1": small_checkpoint, "2": copy_of_checkpoint}
    first = {own: run_as(own, both, ckpt_name=name)[0].model for own, name in names.items()}
    for own, name in names.items():
        assert run_as(own, both, ckpt_name=name, budget_gb=20.0)[0].model is first[own]
    assert reads == [small_checkpoint, copy_of_checkpoint]
    assert run_as("3", {*both, "3"}, ckpt_name=small_checkpoint)[0].model is first["1"], "the same file twice"
    assert len(reads) == 2


@pytest.mark.slow
def test_a_loader_that_left_the_workflow_keeps_nothing(
    run_as, reads, kept, pack, small_checkpoint, copy_of_checkpoint, monkeypatch
):
    run_as("1", {"1"}, ckpt_name=small_checkpoint)
    held = []
    load = pack("host").load_checkpoint
    monkeypatch.setattr(pack("host"), "load_checkpoint", lambda *asked: held.append(kept.node_ids()) or load(*asked))
    run_as("2", {"2"}, ckpt_name=copy_of_checkpoint)
    assert held == [[]]
    assert kept.node_ids() == ["2"]


def test_facts_are_facts(run, reads, pack, base, small_checkpoint):
    model, _, vae = run("MendLoadCheckpoint", ckpt_name=small_checkpoint, budget_gb=8.0).outputs
    size = (base / "models" / "checkpoints" / small_checkpoint).stat().st_size
    label = "SD 1.5 inpainting (9-channel)"
    expected = pack("inpaint.vram.memory_plan").Facts(
        small_checkpoint, "sd15", label, size, "F32", "F32", "F32", 8 * 2**30
    )
    assert pack("host").facts_of(model) == pack("host").facts_of(vae) == expected
    assert pack("host").facts_of(model.clone()) == expected, "patches keep them"


@pytest.mark.parametrize(
    ("precision", "dtype"), [("fp16", torch.float16), ("bf16", torch.bfloat16), ("fp8 e4m3", torch.float8_e4m3fn)]
)
def test_a_precision_that_is_asked_for(run, reads, pack, small_checkpoint, precision, dtype):
    model, _, _ = run("MendLoadCheckpoint", ckpt_name=small_checkpoint, precision=precision).outputs
    assert model.model.get_dtype() == dtype
    facts = pack("host").facts_of(model)
    assert (facts.weights, facts.compute) == (pack("host.models.dtypes").NAMES[dtype], "F32")


@pytest.fixture
def slight_rest(pack, monkeypatch):
    """As if VAE and text encoder needed next to nothing, so that what fits is a matter of the diffusion model."""
    monkeypatch.setattr(pack("inpaint.vram.requirements"), "text_encoder_bytes", lambda dtypes: 0)
    without_vae_work(pack, monkeypatch)


def without_vae_work(pack, monkeypatch):
    vaes = pack("inpaint.model_families.vaes")
    monkeypatch.setattr(pack("host.planning"), "vae_here", lambda vae: vaes.Vae(vaes.Work(1, 1), vaes.Work(1, 1)))


@pytest.fixture
def as_on_a_card(pack, monkeypatch):
    """As if weights could wait elsewhere, which those of a CPU cannot."""
    here = pack("host").this_computer
    monkeypatch.setattr(pack("host.memory"), "this_computer", lambda: here()._replace(offloads=True))


@pytest.mark.slow
def test_fp8_where_nothing_else_fits(run, reads, slight_rest, as_on_a_card, pack, small_checkpoint, monkeypatch):
    """A budget between the weights in fp32 and in fp8, with the 1.2 GiB that the host keeps free, on a slow bus."""
    whole = run("MendLoadCheckpoint", ckpt_name=small_checkpoint)
    weights = whole.outputs[0].model_size() / 2**30
    assert "Fits: no weights are offloaded." in whole.text
    fast = run("MendLoadCheckpoint", ckpt_name=small_checkpoint, budget_gb=weights / 2 + 1.2)
    assert re.search(r"(?s)Fits with some weights offloaded\.\n.*: about 0\.0\d s more per step", fast.text)
    assert fast.outputs[0].model.get_dtype() == torch.float32
    monkeypatch.setattr(pack("inpaint.vram.memory_plan"), "BUS_RATE", 1e6)
    tight = run("MendLoadCheckpoint", ckpt_name=small_checkpoint, budget_gb=weights / 2 + 1.2)
    assert "Fits with the weights cast to fp8: half the memory, a little less exact." in tight.text
    assert tight.outputs[0].model.get_dtype() == torch.float8_e4m3fn
    tighter = run("MendLoadCheckpoint", ckpt_name=small_checkpoint, budget_gb=weights / 8 + 1.2)
    assert "Fits with some weights offloaded." in tighter.text
    assert "The weights are cast to fp8" in tighter.text
    assert tighter.outputs[0].model.get_dtype() == torch.float8_e4m3fn
    asked = run("MendLoadCheckpoint", ckpt_name=small_checkpoint, budget_gb=weights / 2 + 1.2, precision="fp32")
    assert "Fits with some weights offloaded." in asked.text
    assert asked.outputs[0].model.get_dtype() == torch.float32


def test_a_cpu_offloads_nothing(run, reads, slight_rest, InpaintError, small_checkpoint):
    with pytest.raises(InpaintError, match=r"Does not fit at 512x512: .* 1\.21 GiB are free"):
        run("MendLoadCheckpoint", ckpt_name=small_checkpoint, budget_gb=1.21, precision="fp32")


def test_a_large_text_encoder_does_not_narrow_the_model(run, reads, pack, as_on_a_card, small_checkpoint, monkeypatch):
    monkeypatch.setattr(pack("inpaint.vram.requirements"), "text_encoder_bytes", lambda dtypes: 2**40)
    without_vae_work(pack, monkeypatch)
    ran = run("MendLoadCheckpoint", ckpt_name=small_checkpoint)
    assert ran.outputs[0].model.get_dtype() == torch.float32
    assert " of the text encoder are offloaded: about " in ran.text


def test_the_best_of_these_files(run, reads, slight_rest, base, small_checkpoint):
    """SD 1.5 of true size, of which nothing is there but a header, and the small one."""
    shapes = {f"model.diffusion_model.{name}": shape for name, shape in model_shapes("SD 1.5 inpainting").items()}
    path = write_sparse(base / "models" / "checkpoints" / "true-size.safetensors", shapes)
    ran = run("MendLoadCheckpoint", ckpt_name=path.name, other_files=f" {small_checkpoint} ,", budget_gb=3.0)
    assert f"Fits with another file: {small_checkpoint}." in ran.text
    roomy = run("MendLoadCheckpoint", ckpt_name=small_checkpoint, other_files=path.name, budget_gb=3.0)
    assert "Fits with" not in roomy.text
    assert reads == [small_checkpoint]
    path.unlink()


def test_files_of_another_model(run, reads, base, InpaintError, small_checkpoint, small_general_checkpoint):
    """Another family, or the same one without its inpainting inputs."""
    shapes = {f"model.diffusion_model.{name}": shape for name, shape in model_shapes("SDXL").items()}
    path = write_sparse(base / "models" / "checkpoints" / "true-sdxl.safetensors", shapes)
    for name, label in {path.name: "SDXL", small_general_checkpoint: "SD 1.5"}.items():
        expected = rf"^{name}: expected the same model as {small_checkpoint} \(.*9-channel\)\), got {label}\. Choose"
        with pytest.raises(InpaintError, match=expected):
            run("MendLoadCheckpoint", ckpt_name=small_checkpoint, other_files=name)
    assert reads == []
    path.unlink()


def test_other_files_that_are_not_there(run, reads, InpaintError, small_checkpoint):
    with pytest.raises(InpaintError, match=r"^gone\.safetensors: no such file in models/checkpoints"):
        run("MendLoadCheckpoint", ckpt_name=small_checkpoint, other_files="gone.safetensors")
    assert reads == []


def test_refused_before_anything_is_read(run, reads, InpaintError, small_checkpoint):
    with pytest.raises(
        InpaintError, match=r"Does not fit at 512x512: it needs at least .*, 512\.0 MiB are free\. Close"
    ):
        run("MendLoadCheckpoint", ckpt_name=small_checkpoint, budget_gb=0.5)
    assert reads == []


def test_more_than_memory_and_swap_is_refused(run, reads, pack, InpaintError, small_checkpoint, monkeypatch):
    monkeypatch.setattr(pack("host.memory"), "ram", lambda: (10**8, 10**8, 10**7))
    with pytest.raises(InpaintError, match=r"RAM and swap together are 104\.9 MiB: it cannot be opened"):
        run("MendLoadCheckpoint", ckpt_name=small_checkpoint)
    assert reads == []


def test_short_memory_is_told(run, reads, pack, small_checkpoint, monkeypatch):
    monkeypatch.setattr(pack("host.memory"), "ram", lambda: (2**40, 10**6, 0))
    ran = run("MendLoadCheckpoint", ckpt_name=small_checkpoint)
    assert ran.text.endswith(" MiB of RAM, 1.0 MiB are available: loading will be slow.")


@pytest.mark.slow
def test_separate_files_give_what_the_checkpoint_gives(run, reads, small_checkpoint, split_files):
    whole = run("MendLoadCheckpoint", ckpt_name=small_checkpoint).outputs
    ran = run("MendLoadModel", **split_files)
    assert reads[1:] == ["small.safetensors"] * 3
    for one, other in ((whole[0].model.diffusion_model, ran.outputs[0].model.diffusion_model),):
        states = one.state_dict(), other.state_dict()
        assert states[0].keys() == states[1].keys()
        assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    texts = [run("CLIPTextEncode", clip=clip, text="a meadow").outputs[0][0][0] for clip in (whole[1], ran.outputs[1])]
    assert torch.equal(*texts)
    picture = torch.rand(1, 64, 64, 3, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.equal(whole[2].encode(picture), ran.outputs[2].encode(picture))
    assert "9-channel" in ran.text
    run("MendLoadModel", **split_files, budget_gb=5.0)
    assert len(reads) == 4


@pytest.mark.parametrize(
    ("quantization", "text"),
    [
        (
            gguf_quantization({"w": Stored("Q4_K", (1,), 1)}),
            r"ComfyUI cannot load GGUF Q4_K files\. Use the loader of a GG",
        ),
        (SVDQUANT, r"ComfyUI cannot load SVDQuant files\. Use the Nunchaku nodes\."),
        (Quantization("fp2", "fp2"), r"this version of ComfyUI cannot load fp2 weights\. Update ComfyUI, or choose"),
    ],
)
def test_files_are_left_to_those_who_can(run, reads, base, pack, InpaintError, monkeypatch, quantization, text):
    path = base / "models" / "diffusion_models" / "q.safetensors"
    path.write_bytes(b"")
    header = pack("inpaint.model_files.checkpoint")
    found = header.CheckpointHeader(path, "safetensors", 4, FLUX, FLUX.variants[0], quantization)
    plain = header.CheckpointHeader(path, "safetensors", 4, FLUX, FLUX.variants[0])
    load = pack("nodes.load.load_model")
    monkeypatch.setattr(load, "read_header", lambda file: found if "q." in str(file) else plain)
    for file, others in (("q.safetensors", []), ("m.safetensors", ["q.safetensors"])):
        with pytest.raises(InpaintError, match=r"^q\.safetensors: " + text):
            load._choose(file, others, "auto", 0.0)
    path.unlink()


# What a file comes without


@pytest.fixture(scope="module")
def without_vae(base, small_checkpoint):
    """The small checkpoint without its VAE, and as an old pickle without its text encoder too."""
    folder = base / "models" / "checkpoints"
    tensors = load_file(folder / small_checkpoint)
    some = {name: tensor for name, tensor in tensors.items() if not name.startswith("first_stage_model.")}
    save_file(some, folder / "no-vae.safetensors")
    unet = {name: tensor for name, tensor in tensors.items() if name.startswith("model.diffusion_model.")}
    torch.save(unet, folder / "unet.ckpt", _use_new_zipfile_serialization=False)
    yield "no-vae.safetensors", "unet.ckpt"
    for name in ("no-vae.safetensors", "unet.ckpt"):
        (folder / name).unlink()


def test_a_checkpoint_without_a_vae(run, reads, InpaintError, without_vae, inpaint_model):
    ran = run("MendLoadCheckpoint", ckpt_name=without_vae[0])
    assert "No VAE in this file. Load one from a separate file." in ran.text
    vae, picture = ran.outputs[2], torch.rand(1, 64, 64, 3)
    asked = r"^vae: expected a VAE, got that of a checkpoint without one\. Load a VAE file with ComfyUI's Load VAE"
    with pytest.raises(InpaintError, match=asked):
        run(
            "MendEncodeInpaint",
            model=inpaint_model.model,
            positive=inpaint_model.positive,
            negative=inpaint_model.negative,
            vae=vae,
            image=picture,
            mask=torch.ones(1, 64, 64),
        )
    latent = {"samples": torch.zeros(1, 4, 8, 8)}
    with pytest.raises(InpaintError, match=asked):
        run("MendDecodeComposite", vae=vae, latent=latent, image=picture, mask=torch.ones(1, 64, 64))


def test_an_old_pickle_says_after_loading_what_it_is_without(run, reads, without_vae):
    ran = run("MendLoadCheckpoint", ckpt_name=without_vae[1])
    assert ran.text.endswith("No text encoder and no VAE in this file. Load them from separate files.")


def test_an_old_pickle_among_separate_files_is_loaded(run, reads, base, split_files):
    path = base / "models" / "vae" / "old.pt"
    torch.save(load_file(base / "models" / "vae" / split_files["vae_name"]), path, _use_new_zipfile_serialization=False)
    ran = run("MendLoadModel", **{**split_files, "vae_name": "old.pt"})
    assert "old.pt: legacy PyTorch pickle: its contents are unknown until it is loaded." in ran.text
    assert "Fits" not in ran.text
    path.unlink()


# Pickles, and memory that runs out while loading


@pytest.fixture(scope="module")
def pickled(base, small_checkpoint):
    """The small checkpoint as a pickle with a single entry, as trainers write it."""
    path = base / "models" / "checkpoints" / "nested.ckpt"
    torch.save({"model": load_file(base / "models" / "checkpoints" / small_checkpoint)}, path)
    yield path.name
    path.unlink()


@pytest.mark.slow
def test_a_pickle_with_a_single_entry(run, reads, pickled, small_checkpoint):
    texts = [run("MendLoadCheckpoint", ckpt_name=name).text for name in (pickled, small_checkpoint)]
    assert texts[0].splitlines()[1:5] == texts[1].splitlines()[1:5]
    assert texts[0].startswith("SD 1.5 inpainting (9-channel)")


@pytest.mark.slow
@pytest.mark.parametrize(("version", "refused"), [("2.5.1+cu121", True), ("1.13.0", True), ("2.6.0", False)])
def test_pickles_are_not_read_by_an_old_pytorch(
    run, reads, InpaintError, pickled, small_checkpoint, monkeypatch, version, refused
):
    monkeypatch.setattr(torch, "__version__", version)
    run("MendLoadCheckpoint", ckpt_name=small_checkpoint)
    if not refused:
        run("MendLoadCheckpoint", ckpt_name=pickled)
        return
    with pytest.raises(InpaintError, match=r"^nested\.ckpt: expected PyTorch 2\.6 or newer, .* Update PyTorch"):
        run("MendLoadCheckpoint", ckpt_name=pickled)
    assert reads == [small_checkpoint]


@pytest.mark.parametrize("tries", [1, 2])
@pytest.mark.parametrize("phase", ["MendLoadCheckpoint", "text encoder", "vae"])
def test_memory_that_runs_out_while_loading(
    run, reads, pack, InpaintError, small_checkpoint, split_files, monkeypatch, phase, tries
):
    import comfy.model_management as management
    import comfy.sd

    without_vae_work(pack, monkeypatch)  # planning makes a VAE without weights too

    made_room, errors = [], [torch.OutOfMemoryError("CUDA out of memory.") for _ in range(tries)]
    monkeypatch.setattr(management, "unload_all_models", lambda: made_room.append(1))
    name = {"MendLoadCheckpoint": "load_checkpoint_guess_config", "text encoder": "load_clip", "vae": "VAE"}[phase]
    real = getattr(comfy.sd, name)

    def load(*arguments, **named):
        if errors:
            raise errors.pop(0)
        return real(*arguments, **named)

    monkeypatch.setattr(comfy.sd, name, load)
    asked = {"ckpt_name": small_checkpoint} if phase == "MendLoadCheckpoint" else split_files
    node = "MendLoadCheckpoint" if phase == "MendLoadCheckpoint" else "MendLoadModel"
    if tries == 1:
        assert len(run(node, **asked).outputs) == 3
    else:
        with pytest.raises(
            InpaintError, match=r"safetensors: memory ran out while loading, with no other model loaded"
        ):
            run(node, **asked)
    assert (made_room, errors) == ([1], [])
    assert len(run(node, **asked).outputs) == 3, "it goes on"


def test_another_error_while_loading_is_not_taken_for_it(run, reads, small_checkpoint, monkeypatch):
    import comfy.sd

    tries = []
    monkeypatch.setattr(comfy.sd, "load_checkpoint_guess_config", lambda *a, **n: tries.append(1) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run("MendLoadCheckpoint", ckpt_name=small_checkpoint)
    assert tries == [1]


def test_models_of_other_loaders_carry_no_facts_and_work(run, pack, inpaint_model):
    import comfy.model_patcher

    plain = comfy.model_patcher.ModelPatcher(torch.nn.Linear(2, 2), torch.device("cpu"), torch.device("cpu"))
    assert pack("host").facts_of(plain) is None
    assert pack("host.planning").budget_of(object()) is None
