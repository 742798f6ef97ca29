"""Menu Mend/Encode: what each kind of inpainting model is given."""
