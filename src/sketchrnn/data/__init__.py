"""Drawings in files and in batches. No torch here."""
