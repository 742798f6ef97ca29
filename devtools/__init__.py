"""Developer tooling: the private environment, a ComfyUI process, a client for its API. Not part of the shipped pack."""
