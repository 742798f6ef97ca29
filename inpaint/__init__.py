"""Inpainting operators on plain tensors: no host, no node, usable and tested alone."""
