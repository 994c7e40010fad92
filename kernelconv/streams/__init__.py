"""Streams: learning from what no memory holds, in one pass, in pieces, on many machines."""

# Heads in one pass
# A head learned from a stream
from kernelconv.streams.fit_stream import fit_stream
from kernelconv.streams.ridge import IncrementalRidge
from kernelconv.streams.ridge_classifier import IncrementalRidgeClassifier

__all__ = [
    # Heads in one pass
    "IncrementalRidge",
    "IncrementalRidgeClassifier",
    # A head learned from a stream
    "fit_stream",
]
