"""The area of a picture that a node works on: all of it, or what lies around the mask."""

AUTO, WHOLE, AROUND = "auto", "whole picture", "around the mask"
