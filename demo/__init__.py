"""How the small trained model of the demo came about: its networks, its pictures, its training, and how good it is."""
