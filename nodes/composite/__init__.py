"""Menu Mend/Composite: the repainted picture back over the original."""
