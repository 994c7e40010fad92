"""Accuracy of a fixed head on corrupted images, and the change of their features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kernelconv._check import check_choice, check_rng, check_sequence
from kernelconv._numbers import same_labels
from kernelconv._types.parameters import RandomState
from kernelconv.deformations import CORRUPTIONS, corrupt
from kernelconv.stability.bootstrap import bootstrap_interval
from kernelconv.stability.measures import relative_change
from kernelconv.stability.plan import measured_images
from kernelconv.stability.report import StabilityReport, StabilityRow
from kernelconv.stability.representation import Head, Phi, as_head, as_representation, features


def measure_corruptions(
    phi: Phi,
    X: ArrayLike,
    y: ArrayLike,
    head: Head,
    *,
    corruptions: Sequence[str] = tuple(CORRUPTIONS),
    severities: Sequence[int] = (1, 3, 5),
    random_state: RandomState = None,
) -> StabilityReport:
    """Measure the accuracy of a fixed head on corrupted images, and how far their features move.

    Parameters
    ----------
    phi : callable, object with ``transform`` or ``forward``, or torch.nn.Module
        As in `measure_stability`.
    X : array-like, shape (n, h, w) or (n, h, w, c)
        At least two images with grey levels in [0, 1].
    y : array-like, shape (n,)
        Labels.
    head : object with ``predict``, or callable
        From features (n, d) to labels.
    corruptions : sequence of str
        Keys of `CORRUPTIONS`.
    severities : sequence of int
        From 1 to 5.
    random_state : None, int or numpy Generator
        The same int gives every representation the same corrupted images.

    Returns
    -------
    StabilityReport
        Measures ``"accuracy"`` and ``"relative_change"``; the corruption is the family, its severity the strength.

    Raises
    ------
    ValueError
        As `corrupt` and `measure_stability`; or if `y` does not hold one label per image.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.stability import measure_corruptions
    >>> X = np.linspace(0, 1, 8).reshape(8, 1, 1) * np.ones((8, 6, 6))
    >>> bright = lambda rows: (rows.mean(1) > 0.5).astype(int)
    >>> report = measure_corruptions(lambda x: x + 1, X, bright(X.reshape(8, -1)), lambda rows: bright(rows - 1),
    ...                              corruptions=["inverse"], severities=[5], random_state=0)
    >>> report.select("accuracy")[0].mean
    0.0
    """
    x, labels = measured_images(X), np.asarray(y)
    if labels.shape != (len(x),):
        raise ValueError(f"y must hold one label an image, ({len(x)},), got shape {labels.shape}.")
    represent, predict = as_representation(phi), as_head(head)
    for name in check_sequence(corruptions, "corruptions"):
        check_choice(name, "each of corruptions", tuple(CORRUPTIONS))
    check_sequence(severities, "severities")
    phi_x = features(represent, x)
    rows = []
    for name, rng in zip(corruptions, check_rng(random_state).spawn(len(corruptions)), strict=True):
        corrupt_rng, bootstrap_rng = rng.spawn(2)
        for severity in severities:
            found = features(represent, corrupt(x, name, severity, corrupt_rng), "phi(corrupted X)")
            values = {
                "accuracy": same_labels(predict(found), labels).astype(float),
                "relative_change": relative_change(phi_x, found),
            }
            for measure, v in values.items():
                low, high = bootstrap_interval(v, bootstrap_rng)
                same: dict[str, Any] = {"n_images": len(x), "n_draws": 1, "within_theorem": False}
                same["samples"] = np.stack([v, np.ones_like(v)])
                rows.append(
                    StabilityRow(name, float(severity), "severity", measure, float(v.mean()), low, high, **same)
                )
    return StabilityReport(tuple(rows))
