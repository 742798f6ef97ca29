"""What nodes of several menu groups have in common.

choices        what an API client sent for a list of choices, checked
widgets        inputs that several nodes have
mask_preview   a mask read, fitted to its picture, and shown in the node
crops          inputs, outputs and reports of the crop nodes
file_stamps    whether a model file was replaced
"""
