"""Drawings in files and in batches. No torch here."""

from typing import Literal

HELD_OUT_SHARE = 0.05
"""The share of drawings to validate with, and the share to test with, unless asked otherwise."""

Padding = Literal["full", "sampled", "similar"]
"""How many steps of padding the decoder is trained on (`data.padding`)."""
