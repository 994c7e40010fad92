"""Work shared by the cells of one process: a representation is fitted once, and the same images represented once.

Several rows of a table read the features of one representation, and one that learns nothing is the same in every draw.
Work that is reused is reported with the CPU seconds of its computation, so that the times of a cell are those of a
cell computed alone.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import FeatureUnion, Pipeline

from kernelconv._parallel.blocks import n_threads
from kernelconv._parallel.clock import thread_seconds

#: Bytes of features that a thread keeps, and how many fitted estimators.
MOST_BYTES, MOST_FITTED = 2**30, 8


class Fitted(NamedTuple):
    """A fitted estimator, the digest of all that it learned (None: not known), and the CPU seconds of it."""

    estimator: Any
    digest: str | None
    seconds: float


class Shared:
    """Fits, transforms and predicts as the estimators do; what reads images is computed once and the latest are kept.

    `place` names images, and with them their labels: of equal places both are equal. Estimators are those that are
    given, not copies; one that cannot be pickled is not kept.
    """

    def __init__(self) -> None:
        self.fitted: OrderedDict[Hashable, Fitted] = OrderedDict()
        self.features: OrderedDict[Hashable, tuple[NDArray, float]] = OrderedDict()

    def fit(self, estimator: Any, x: NDArray, y: NDArray | None, place: Hashable) -> tuple[Any, float]:
        """Return an estimator of images fitted on (x, y), and the CPU seconds of it."""
        if isinstance(estimator, Pipeline):
            (name, first), *rest = [step for step in estimator.steps if step[1] not in (None, "passthrough")]
            first, seconds = self.fit(first, x, y, place)
            if not rest:
                return Pipeline([(name, first)]), seconds
            features, more = self.transform(first, x, place)
            after, last = _timed(lambda: Pipeline(rest).fit(features, y))
            return Pipeline([(name, first), *after.steps]), seconds + more + last
        if _is_plain_union(estimator):
            members = [(name, self.fit(part, x, y, place)) for name, part in estimator.transformer_list]
            return FeatureUnion([(name, part) for name, (part, _) in members]), sum(s for _, (_, s) in members)
        key = (_digest(estimator), place)
        known = self.fitted.get(key)
        if known is None:
            found, seconds = _timed(lambda: estimator.fit(x, y))
            known = Fitted(found, _digest(found), seconds)
        if key[0] is not None:
            self.fitted[key] = known
            self.fitted.move_to_end(key)
            while len(self.fitted) > MOST_FITTED:
                self.fitted.popitem(last=False)
        return known.estimator, known.seconds

    def transform(self, fitted: Any, x: NDArray, place: Hashable) -> tuple[NDArray, float]:
        """Return the features of images by what `fit` returned, and the CPU seconds of them."""
        if isinstance(fitted, Pipeline):
            features, seconds = self.transform(fitted[0], x, place)
            features, more = _timed(lambda: _through(fitted.steps[1:], features))
            return features, seconds + more
        if _is_plain_union(fitted):
            parts = [self.transform(part, x, place) for _, part in fitted.transformer_list]
            joined, more = _timed(lambda: np.hstack([features for features, _ in parts]))
            return joined, more + sum(seconds for _, seconds in parts)
        digest = next((known.digest for known in self.fitted.values() if known.estimator is fitted), None)
        if (digest, place) in self.features:
            self.features.move_to_end((digest, place))
            features, seconds = self.features[digest, place]
            return features.copy(), seconds
        found, seconds = _timed(lambda: fitted.transform(x))
        if digest is not None and found.nbytes <= MOST_BYTES:
            self.features[digest, place] = found.copy(), seconds  # what reads them may work in place
            while sum(features.nbytes for features, _ in self.features.values()) > MOST_BYTES:
                self.features.popitem(last=False)
        return found, seconds

    def predict(self, fitted: Any, x: NDArray, place: Hashable) -> tuple[NDArray, float]:
        """Return the predicted classes of images, and the CPU seconds of them."""
        if not isinstance(fitted, Pipeline):
            return _timed(lambda: fitted.predict(x))
        features, seconds = self.transform(fitted[:-1], x, place)
        predicted, more = _timed(lambda: fitted[-1].predict(features))
        return predicted, seconds + more


class _OfThread(threading.local):
    def __init__(self) -> None:
        self.shared, self.run = Shared(), ""


_kept = _OfThread()


def shared() -> Shared:
    """Return what the cells run by this thread have in common."""
    return _kept.shared


def shared_in(run: str) -> None:
    """Forget what cells of another run of a sweep had in common: the code of a class may have changed since."""
    if _kept.run != run:
        _kept.shared, _kept.run = Shared(), run


def cpu_clock() -> Callable[[], float]:
    """Return the clock of a cell's CPU seconds: of its thread where it has one, since others may run beside it."""
    return thread_seconds if n_threads() == 1 else time.process_time


def _timed(function: Callable[[], Any]) -> tuple[Any, float]:
    clock = cpu_clock()
    start = clock()
    return function(), clock() - start


def _digest(estimator: Any) -> str | None:
    """Return a digest of all that an estimator holds; None where it cannot be pickled."""
    try:
        return str(joblib.hash(estimator))
    except Exception:  # whatever the pickling of somebody's class raises
        return None


def _is_plain_union(estimator: Any) -> bool:
    """Return whether an estimator is a union of estimators, none weighted, dropped or passed through."""
    if not isinstance(estimator, FeatureUnion) or estimator.transformer_weights:
        return False
    return not any(isinstance(part, str) for _, part in estimator.transformer_list)


def _through(steps: list[tuple[str, Any]], features: NDArray) -> NDArray:
    for _, step in steps:
        features = step.transform(features)
    return features
