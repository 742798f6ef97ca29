"""Menu Mend/Mask: masks made, cleaned, split, combined and looked at."""
