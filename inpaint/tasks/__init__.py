"""Inpainting by task: what the node Inpaint does for each, as a chain of the pack's other nodes."""
