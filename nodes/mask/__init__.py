"""Menu Mend/Mask: make, clean, split, combine and inspect masks."""
