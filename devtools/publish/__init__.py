"""Generate shipped files: API forms of the workflows, and screenshots of nodes."""
