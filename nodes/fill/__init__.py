"""Menu Mend/Fill: holes filled without a diffusion model."""
