"""Streams: learning from data larger than memory, in one pass, in pieces, on several machines."""

# ruff: noqa: I001, RUF022  by package, in the order in which one reads them

# Images
from kernelconv.streams.on_disk.folder import ImageFolder

# Features in files
from kernelconv.streams.store import transform_store
from kernelconv.streams.signal_store import transform_signal

# Anchors from a sample of a stream of images
from kernelconv.streams.sampling import ImageChunks

# Ridge regression in one pass
from kernelconv.streams.ridge import IncrementalRidge
from kernelconv.streams.ridge_classifier import IncrementalRidgeClassifier

# Any scikit-learn head with partial_fit
from kernelconv.streams.fit_stream import fit_stream

__all__ = [
    # Images
    "ImageFolder",
    # Features in files
    "transform_store",
    "transform_signal",
    # Anchors from a sample of a stream of images
    "ImageChunks",
    # Ridge regression in one pass
    "IncrementalRidge",
    "IncrementalRidgeClassifier",
    # Any scikit-learn head with partial_fit
    "fit_stream",
]
