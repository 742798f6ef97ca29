"""Side-by-side timings: `python dev.py bench`. They print ratios and fail nothing. Not part of the shipped pack."""
