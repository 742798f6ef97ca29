"""Set up a checkout's private environment. Uses only the standard library."""
