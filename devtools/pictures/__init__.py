"""Photographs, figures of likeness, and charts."""
