"""Display names of model families, by the host's model classes."""

# A class without an entry is reported under the host's name.
FAMILY_LABELS = {
    "SD15": "SD 1.5",
    "SD20": "SD 2",
    "SD3": "SD 3",
    "Flux": "FLUX.1",
    "FluxSchnell": "FLUX.1 schnell",
    "FluxInpaint": "FLUX.1 Fill",
    "Flux2": "FLUX.2",
    "QwenImage": "Qwen-Image",
    "ZImage": "Z-Image",
    "Lumina2": "Lumina 2",
    "HunyuanImage21": "HunyuanImage 2.1",
}
