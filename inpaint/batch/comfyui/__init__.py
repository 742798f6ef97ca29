"""Pictures through ComfyUI hosts.

engine       the engine
workflow     a workflow in API form, and where pictures enter and leave it
mask_reach   whether a workflow uses the mask
hosts        the hosts before a run: who answers, and what they have
host_nodes   the nodes of a host, and what their inputs take
node_inputs  the inputs of a workflow's nodes that can be set
worker       one picture through one host
client       ComfyUI's API
events       what a host says about a prompt
"""
