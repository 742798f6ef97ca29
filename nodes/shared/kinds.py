"""What people call the models behind each of the host's model classes."""

# Families by the host's names, under the names that people know. What is missing here is told by the host's name.
KINDS = {
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
