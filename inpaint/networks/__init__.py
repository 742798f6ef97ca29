"""Networks that fill holes of a picture in one pass: LaMa, MI-GAN, MAT.

kinds    from a file to a network, told by the names and shapes of its tensors
lama, migan, mat    one architecture each
network  what a network is to the rest
grouping  which holes are filled together, and where each crop is taken
apply    the holes of pictures, one after the other
"""

from .apply import Filled, fill_with
from .kinds import load_network
from .network import Grid, Network

__all__ = ["Filled", "Grid", "Network", "fill_with", "load_network"]
