"""Measurements that need an NVIDIA card: `python dev.py bench` runs them only by name."""
