"""Developer tools. Not part of the shipped pack.

setup: install and check the private environment
hosts: run ComfyUI as a server, in this process or in a browser, and call its API
models: write small model files that the host loads like real ones
pictures: photographs, image quality measures and charts
publish: generate shipped files, such as API forms of the workflows
stubs: type stubs of the host's modules
commands: the commands of dev.py
demo: `python dev.py demo`
structure: count the imports between files and folders, and find circular ones
whole_file: write files atomically
"""
