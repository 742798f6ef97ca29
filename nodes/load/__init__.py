"""Menu Mend/Load: load models, and plan their memory before any weight is read."""
