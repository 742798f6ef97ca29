"""Menu Mend/Sample: sampling under a mask."""
