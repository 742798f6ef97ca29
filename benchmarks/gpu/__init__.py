"""Measurements that need an NVIDIA GPU: `python dev.py bench` runs them only by name."""
