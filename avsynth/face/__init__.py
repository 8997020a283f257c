"""Frames to faces: found, followed, measured, painted."""
