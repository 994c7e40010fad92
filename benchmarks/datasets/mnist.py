"""MNIST (LeCun, Bottou, Bengio & Haffner 1998): 60,000 training and 10,000 test images of 28 x 28."""

from kernelconv.comparison import Split, load_split

SIZES = (300, 1000, 2000, 5000, 10_000, 20_000, 40_000, 60_000)


def load() -> Split:
    """Return the split."""
    return load_split("mnist")


def draws(size: int) -> int:
    """Return the number of class-balanced subsets: ten at 300 and 1,000, five up to 10,000, three above."""
    return 10 if size <= 1000 else 5 if size <= 10_000 else 3
