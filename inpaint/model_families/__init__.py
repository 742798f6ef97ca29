"""Model families: one row each, with everything that the pack asks of a family.

family         what a row holds
tensor_names   what the tensors of a file say
vaes, latents  the kinds of VAE, and the latent formats they make
unets, flux_models, image_models, pixel_models, video_models   the rows
not_ours       models that the pack is not made for
sizes          the sizes of pictures that a model asks for
vae_check      whether a VAE belongs to a model
table          all rows, and the lookups by tensors and by ComfyUI's class
"""

from .family import Family, Memory, References, Variant
from .table import FAMILIES, UNKNOWN, family_of, identify, label_of

__all__ = ["FAMILIES", "UNKNOWN", "Family", "Memory", "References", "Variant", "family_of", "identify", "label_of"]
