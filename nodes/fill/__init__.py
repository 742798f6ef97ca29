"""Menu Mend/Fill: fill holes without a diffusion model."""
