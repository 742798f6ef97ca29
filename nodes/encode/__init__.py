"""Menu Mend/Encode: prepare the inputs of each kind of inpainting model."""
