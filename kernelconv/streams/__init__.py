"""Streams: learning from what no memory holds, in one pass, in pieces, on many machines."""

# Heads in one pass
from kernelconv.streams.ridge import IncrementalRidge
from kernelconv.streams.ridge_classifier import IncrementalRidgeClassifier

__all__ = [
    # Heads in one pass
    "IncrementalRidge",
    "IncrementalRidgeClassifier",
]
