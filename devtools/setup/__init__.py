"""The private environment of a checkout, with the standard library alone."""
