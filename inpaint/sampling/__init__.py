"""What sampling with a mask needs, as formulas on tensors; host/ carries them to the host's samplers.

conditioning       the tensors that inpainting models are given
control_image      the picture with a hole that each inpainting ControlNet wants
fooocus            Fooocus' inpaint patch for SDXL
soft               soft masks as a schedule: from which step on a pixel may change
soft_blend         soft inpainting as A1111 does it
coherent           fills with models that were never trained to inpaint
attentive_eraser   objects removed without a prompt
window             the part of a latent that has to be sampled
halves             a batch in two halves, for when memory runs out
native_size        the size that a model was trained at
latent_formats     which VAE belongs to which model
"""
