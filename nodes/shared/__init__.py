"""Code shared by nodes of several menu groups.

inputs         check every node's inputs by their types
notes          report what the checks noted
choices        check the options that an API client sent
widgets        inputs that several nodes have
mask_preview   read a mask, fit it to its picture, and show it in the node
crop_inputs    inputs, outputs and reports of the crop nodes
file_stamps    detect a replaced model file
family_labels  display names of model families
types          custom link types
"""
