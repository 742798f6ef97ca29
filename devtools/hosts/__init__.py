"""Run ComfyUI for tests: as a server, in this process, in a browser, and over its API."""
