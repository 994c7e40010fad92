"""A run of fit_stream that tests kill: python tests/streamed.py FOLDER WORKERS, which writes FOLDER/head.npz."""

import sys
import time
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import make_pipeline

from kernelconv import load_digits_images
from kernelconv.streams import IncrementalRidgeClassifier, fit_stream

CHUNK, N_CHUNKS = 20, 25


class Slow(TransformerMixin, BaseEstimator):
    """Square roots of pixels, taking its time."""

    def __init__(self, seconds=0.05):
        self.seconds = seconds

    def fit(self, X, y=None):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def transform(self, X):
        time.sleep(self.seconds)
        return np.sqrt(X.reshape(len(X), -1))


def run(folder, workers=None, client=None, seconds=0.05):
    """Learn a head, and keep what it has learned."""
    x, y = load_digits_images()
    n = CHUNK * N_CHUNKS - 7
    pipeline = make_pipeline(Slow(seconds), IncrementalRidgeClassifier())
    given = {"chunk": CHUNK, "checkpoint": Path(folder) / "sums.npz", "workers": workers, "client": client}
    head = fit_stream(pipeline, x[:n], y[:n], **given)[-1]
    np.savez(Path(folder) / "head.npz", coef=head.coef_, **head.state())
    return head


def added(folder):
    """How many chunks the checkpoint in a folder holds."""
    import json

    try:
        with np.load(Path(folder) / "sums.npz") as file:
            return json.loads(file["stream"].tobytes())["progress"]["chunks"]
    except FileNotFoundError:
        return 0


if __name__ == "__main__":
    run(sys.argv[1], int(sys.argv[2]))
