"""From a folder of pictures to a folder of results, through ComfyUI hosts.

client         ComfyUI's API
events         what a host says about a prompt
"""
