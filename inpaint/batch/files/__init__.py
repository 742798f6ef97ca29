"""Picture files that come back as they went in.

source       a picture with its mask: what a host is sent, and the file that its answer becomes
formats      the table of formats
picture      pixels as a file has them, upright, with what is to be written back beside them
pillow_file  reading with Pillow, which all formats share
jpeg_planes  JPEG's own planes, so that untouched blocks are stored as they were
png, jpeg, webp, tiff, bmp, gif, avif  what is special about each
channels     8-bit RGB of any pixels, and back
mask         a mask from any picture
placing      where a picture lies within a larger one
orientation  turning pixels upright
metadata     EXIF, XMP and Photoshop blocks that fit the new pixels
atomic       files that are whole or absent
"""
