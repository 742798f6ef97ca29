"""The maths of masked sampling, as functions on tensors. host/ connects them to the host's samplers.

conditioning       masked picture, conditioning mask and masked latents for inpainting models
control_image      the control image that each inpainting ControlNet expects
fooocus            Fooocus' inpaint patch for SDXL
soft               soft masks as a schedule: the step from which on a pixel may change
soft_blend         soft inpainting as in A1111
coherent           inpainting with models that were not trained for it (DInG)
attentive_eraser   object removal without a prompt
stages             samplings that continue from a latent with noise left
window             the part of a latent that has to be sampled
halves             a batch split in two, for a retry after memory ran out
"""
