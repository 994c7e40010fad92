"""Targets: stores of features, folders of images, images in chunks."""

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.pipeline import make_pipeline

from fuzzing import parameters as p
from fuzzing.arrays import InputSpec
from fuzzing.target import Target
from kernelconv import streams as s
from kernelconv.networks import ConvKernelNetwork, Scattering1D, Scattering2D

MADE = "a folder made at the call"
PLACE = p.Kind(lambda value: None if isinstance(value, str | os.PathLike) else False)


def _images(rng: np.random.Generator) -> np.ndarray:
    return 1.0 + rng.integers(0, 7, (7, 5, 6))


def _store(source: Any, target: Any, **settings: Any) -> Any:
    """Return the features of images, all of which are of the shape that the estimator knows."""
    folder = Path(tempfile.mkdtemp(dir="."))
    shape = source.shape[1:] if hasattr(source, "shape") else (5, 6)
    scattering = Scattering2D(J=1, L=2).fit(np.ones((1, *shape)))
    place = folder / "out.npy" if isinstance(target, str) and target == MADE else target
    return np.array(s.transform_store(scattering, source, place, **settings))


def _signal(source: Any, target: Any, **settings: Any) -> Any:
    """Return the scattering of a long signal."""
    place = Path(tempfile.mkdtemp(dir=".")) / "out.npy" if isinstance(target, str) and target == MADE else target
    return np.array(s.transform_signal(Scattering1D(J=1), source, place, **settings))


def _line(rng: np.random.Generator) -> np.ndarray:
    return 1.0 + rng.integers(0, 7, 300)


def _folder(path: Any, size: Any, max_bytes: Any) -> Any:
    from PIL import Image

    if isinstance(path, str) and path == MADE:
        path = tempfile.mkdtemp(dir=".")
        for i in range(3):
            Image.fromarray(np.full((4, 5), 50 * i, np.uint8)).save(f"{path}/{i}.png")
    return s.ImageFolder(path, size, max_bytes=max_bytes)[:2]


def _chunks(chunks: Any) -> Any:
    network = ConvKernelNetwork(n_anchors=3, n_patches=20, random_state=0)
    return network.fit(s.ImageChunks([chunks])).anchors_


def _learned(source: Any, labels: Any, checkpoint: Any, **settings: Any) -> Any:
    """Return the coefficients of a head that is learned from a stream."""
    shape = source.shape[1:] if hasattr(source, "shape") else (5, 6)
    scattering = Scattering2D(J=1, L=2).fit(np.ones((1, *shape)))
    place = (
        Path(tempfile.mkdtemp(dir=".")) / "sums.npz"
        if isinstance(checkpoint, str) and checkpoint == MADE
        else checkpoint
    )
    pipeline = make_pipeline(scattering, s.IncrementalRidgeClassifier(alphas=1.0, cv=None))
    return s.fit_stream(pipeline, source, labels, checkpoint=place, **settings)[-1].coef_


def _stream(rng: np.random.Generator) -> dict[str, Any]:
    return {"source": _images(rng), "labels": np.arange(7) % 3, "chunk": 3, "classes": None, "checkpoint": MADE} | {
        "progress": False
    }


TARGETS = [
    Target(
        "streams.fit_stream",
        _learned,
        _stream,
        {"source": InputSpec("X|source|images?", (3, 4), channels_last=True)},
        {"chunk": p.count(), "checkpoint": p.one_of(PLACE, p.NONE), "progress": p.FLAG, "labels": p.ANYTHING}
        | {"classes": p.ANYTHING},
        weight=3,
    ),
    Target(
        "streams.transform_store",
        _store,
        lambda rng: {"source": _images(rng), "target": MADE, "chunk": 3, "progress": False},
        {"source": InputSpec("X|source|images?", (3, 4), channels_last=True)},
        {"target": PLACE, "chunk": p.count(), "progress": p.FLAG},
        keeps_dtype=True,
        degree={"source": 1},
        weight=3,
    ),
    Target(
        "streams.transform_signal",
        _signal,
        lambda rng: {"source": _line(rng), "target": MADE, "length": None, "block": None, "progress": False},
        {"source": InputSpec("source|samples?", (1, 2))},
        {
            "target": PLACE,
            "length": p.one_of(p.NONE, p.Kind(lambda value: None if p.count().right(value) else False)),
            "block": p.one_of(p.NONE, p.count()),
            "progress": p.FLAG,
        },
        keeps_dtype=True,
        degree={"source": 1},
        weight=3,
    ),
    Target(
        "streams.ImageFolder",
        _folder,
        lambda rng: {"path": MADE, "size": None, "max_bytes": None},
        {},
        {"path": PLACE, "size": p.one_of(p.NONE, p.pair()), "max_bytes": p.one_of(p.NONE, p.count(120))},
    ),
    Target(
        "streams.ImageChunks",
        _chunks,
        lambda rng: {"chunks": _images(rng)},
        {"chunks": InputSpec("chunks?|images?", (3, 4), channels_last=True)},
        keeps_dtype=True,
    ),
]
