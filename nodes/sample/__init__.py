"""Menu Mend/Sample: sample under a mask."""
