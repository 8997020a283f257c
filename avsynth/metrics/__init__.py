"""Measures as functions of arrays: one definition each, with its source."""
