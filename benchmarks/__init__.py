"""Side-by-side timings: `python dev.py bench`. They print ratios and never fail. Not part of the shipped pack."""
