"""Menu Mend/Crop: crop around a mask, stitch the crop back, and pad for outpainting."""
