"""Models of the host: found, loaded, and held.

files       the host's model folders and its loaders
detection   what the host takes a file or a MODEL for
networks    LaMa, MI-GAN and MAT, held as the host holds its models
dtypes      the dtypes the host takes on this computer
budget      an upper limit on the card's memory that holds while sampling
"""
