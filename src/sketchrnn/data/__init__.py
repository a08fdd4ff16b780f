"""Drawings in files and in batches. No torch here."""

HELD_OUT_SHARE = 0.05
"""The share of drawings to validate with, and the share to test with, unless asked otherwise."""
