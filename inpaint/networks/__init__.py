"""Networks that fill holes of a picture in one pass: LaMa, MI-GAN, MAT.

architectures      find the architecture of a file by its tensor names, and load it
lama, migan, mat   one architecture each
network            the interface of a network, and loading of its weights
grouping           which holes are filled together, and where each crop is taken
apply              fill the holes of pictures, one crop after the other
"""

from .apply import Filled, fill_with
from .architectures import load_network
from .network import Grid, Network

__all__ = ["Filled", "Grid", "Network", "fill_with", "load_network"]
