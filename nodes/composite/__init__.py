"""Menu Mend/Composite: paste the repainted picture back over the original."""
