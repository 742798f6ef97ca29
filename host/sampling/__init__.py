"""Sampling under a mask, with the host's own samplers.

samplers        the list of samplers and schedulers, and one run of one
inputs          what a MODEL takes beside its latents
masked          patches of a MODEL for soft masks
coherent        the coherent sampler
window          sampling in a window of the latent
fooocus         Fooocus' inpaint patch
remove_object   Attentive Eraser
"""
