"""Find, load and hold the host's models.

files        the host's model folders and its loaders
detection    what the host detects in a model file, and facts that a MODEL carries
vae_kinds    what the host says of a kind of VAE
held_network LaMa, MI-GAN and MAT, managed by the host like its own models
dtypes       the dtypes that the host uses on this computer
kept         the models of loaders, kept between runs as long as the host keeps the loaders
budget       a limit on the card's memory during sampling
"""
