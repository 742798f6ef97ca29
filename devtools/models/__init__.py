"""Small model files that the host takes for real ones."""
