"""Photographs, image quality measures, and charts."""
