"""From a folder of pictures to a folder of results, through ComfyUI hosts.

pairs          which picture goes with which mask
files          pictures read, sent and written so that they come back as they went in
contact_sheet  pictures before and after on one sheet
"""
