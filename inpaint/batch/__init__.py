"""From a folder of pictures to a folder of results, through ComfyUI hosts: the command `mend-batch`.

options        the command line
run            a whole run, from the options to the report
plan           what a run has to make
pairs          which picture goes with which mask
files          pictures read, sent and written so that they come back as they went in
workflow       a workflow in API form, and where pictures enter and leave it
mask_reach     whether a workflow uses the mask
hosts          the hosts before a run: who answers, and what they have
host_nodes     the nodes of a host, and what their inputs take
settings       what is set for each picture: prompts, seeds, values
manifest       what is done, in a file that survives anything
crew           which host gets which picture
worker         one picture through one host
client         ComfyUI's API
events         what a host says about a prompt
progress       what a person sees meanwhile
report         what is left behind at the end
contact_sheet  pictures before and after on one sheet
"""
