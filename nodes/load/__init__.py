"""Menu Mend/Load: models, looked at before they are read, and what they will need."""
