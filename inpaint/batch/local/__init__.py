"""Pictures without ComfyUI, in processes of this computer.

engine     the engine
kinds      what can run in a process: fills, networks; a row each
worker     one process, and the thread that feeds it
process    what runs in it
job        what it is given and what it returns
fills      holes filled from their surroundings
networks   holes filled by LaMa, MI-GAN, MAT
cleaning   the mask of a task
models     model files by their content

Only `process` and what it opens imports torch, so that the command itself stays small.
"""
