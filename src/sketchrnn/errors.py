"""The one exception for input that we cannot use."""


class SketchRNNError(ValueError):
    """Bad input. The message is one line: what is wrong, where, and what to do.

    The command line prints it and exits with code 2; it never shows a traceback for it.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))
