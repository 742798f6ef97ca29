"""From a folder of pictures to a folder of results: the command `mend-batch`.

options        the command line
run            a whole run, from the options to the report
plan           what a run has to make
pairs          which picture goes with which mask
files          pictures read, sent and written so that they come back as they went in
engine         what makes pictures, as a run sees it
engines        the engines, by what --engine calls them
comfyui        pictures through ComfyUI hosts
local          pictures without ComfyUI, in processes of this computer
settings       what is set for each picture: prompts, seeds, values
values         what a setting takes
table          a table of settings
manifest       what is done, in a file that survives anything
crew           which host or process gets which picture
progress       what a person sees meanwhile
report         what is left behind at the end
contact_sheet  pictures before and after on one sheet
"""
