"""A ComfyUI to test with: as a server, in this process, in a browser, over its API."""
