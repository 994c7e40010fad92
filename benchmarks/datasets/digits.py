"""scikit-learn's digits: 1,797 images of 8 x 8, a third of them to test on; what the tests run the comparison on."""

from kernelconv.comparison import Split, load_split

SIZES = (30, 100, 300)


def load() -> Split:
    """Return the split."""
    return load_split("digits")


def draws(size: int) -> int:
    """Return the number of class-balanced subsets."""
    return 2
