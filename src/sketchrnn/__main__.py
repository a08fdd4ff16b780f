"""`python -m sketchrnn`."""

import sys

from sketchrnn.cli import main

if __name__ == "__main__":
    sys.exit(main())
