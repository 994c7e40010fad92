"""Streams: learning from data larger than memory, in one pass, in pieces, on several machines."""

# ruff: noqa: I001, RUF022  by room, in the order in which one reads them

# Images
from kernelconv.streams.on_disk.folder import ImageFolder

# Features in files
from kernelconv.streams.store import transform_store
from kernelconv.streams.signal_store import transform_signal

# Anchors of images of unknown number
from kernelconv.streams.sampling import ImageChunks

# Heads in one pass
from kernelconv.streams.ridge import IncrementalRidge
from kernelconv.streams.ridge_classifier import IncrementalRidgeClassifier

# A head learned from a stream
from kernelconv.streams.fit_stream import fit_stream

__all__ = [
    # Images
    "ImageFolder",
    # Features in files
    "transform_store",
    "transform_signal",
    # Anchors of images of unknown number
    "ImageChunks",
    # Heads in one pass
    "IncrementalRidge",
    "IncrementalRidgeClassifier",
    # A head learned from a stream
    "fit_stream",
]
