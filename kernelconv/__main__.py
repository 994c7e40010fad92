"""`python -m kernelconv` is the `kernelconv` command."""

import sys

from kernelconv.cli import main

if __name__ == "__main__":
    sys.exit(main())
