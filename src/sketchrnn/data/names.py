"""What can be the name of a class, and in which spelling. No NumPy here."""

from __future__ import annotations

import unicodedata

from sketchrnn.errors import SketchRNNError

CLASS_NAME_LIMIT = 255  # characters


def is_class_name(name: object) -> bool:
    """Whether it is text that can be the name of a class; "" can, where it stands for none."""
    return isinstance(name, str) and name.isprintable() and len(name) <= CLASS_NAME_LIMIT


def check_class_name(name: str) -> None:
    """Raise SketchRNNError for what cannot be the name of a class, "" included."""
    if not name or not is_class_name(name):
        raise SketchRNNError(
            f"{name!r:.60} must be 1 to {CLASS_NAME_LIMIT} printable characters to be the name of a"
            " class; name another with --label, or rename the file"
        )


def normal_name(name: str) -> str:
    """A class name in one spelling (NFC): an accented letter is one character."""
    return unicodedata.normalize("NFC", name)
