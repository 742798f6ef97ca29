"""Networks that fill holes of a picture in one pass: LaMa, MI-GAN, MAT.

kinds    from a file to a network, told by the names and shapes of its tensors
lama, migan, mat    one architecture each
network  what a network is to the rest
parts    which holes are filled together, and where each crop is taken
fill     the holes of pictures, one after the other
"""

from .fill import Filled, fill_with
from .kinds import load_network
from .network import Grid, Network

__all__ = ["Filled", "Grid", "Network", "fill_with", "load_network"]
