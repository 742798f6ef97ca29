"""Fills without a model, beside OpenCV's and scikit-image's: what they make of photographs, and how long they take."""
