"""The one error this package raises for a person to read."""


class InpaintError(ValueError):
    """An input that cannot be used: the message names it, what was expected, what came, and what to do."""
