"""Small model files that the host loads like real ones."""
