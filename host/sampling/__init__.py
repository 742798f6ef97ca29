"""Sampling with a mask, by the host's samplers.

samplers        the lists of samplers and schedulers, and one run of a sampler
memory_use      the memory that a sampling takes
inputs          the inputs that a MODEL takes in addition to noisy latents
latents         LATENTs as the host's KSampler reads them
masked          patches of a MODEL for soft masks
sound           latents of models that sample a video with its sound
stages          samplings that continue from a latent with noise left
coherent        the coherent sampler
window          sampling in a window of the latent
fooocus         Fooocus' inpaint patch
remove_object   Attentive Eraser
"""
