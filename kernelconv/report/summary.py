"""The numbers of a comparison: one row per training-set size and model, over its seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isclose
from statistics import fmean, median, stdev
from typing import Any

import numpy as np

Results = Mapping[str, Any]
Row = dict[str, Any]


def summary_rows(results: Results) -> list[Row]:
    r"""Return one row per training-set size and model, in the order of the settings, over the finished seeds.

    With errors e_1 ... e_n of n seeds, the standard error is :math:`\sqrt{\sum (e_i - \bar e)^2 / (n - 1) / n}`;
    with one seed it is that of the test images, :math:`\sqrt{e (1 - e) / n_{test}}`.

    Parameters
    ----------
    results : dict
        What results.json holds, finished or not.

    Returns
    -------
    rows : list of dict
        Of every (training-set size, model) with at least one record:

        - ``train_size``, ``model``, ``n_seeds`` (finished seeds);
        - ``error`` and ``standard_error``, in %, and ``standard_error_of``, "seeds" or "test images";
        - ``best``, whether no model has a smaller error at this size (ties are all best);
        - ``n_features``, ``n_params`` (None if it has none), ``fit_seconds``, ``images_per_second``: medians;
        - ``relative_change``, a list of dicts ``strength``, ``mean``, ``low``, ``high``, each the mean over seeds.

    Raises
    ------
    ValueError
        If a record is outside of what the settings announce, occurs twice, or lacks a strength.

    Examples
    --------
    >>> record = {"model": "ckn", "train_size": 100, "n_features": 512, "n_params": None, "fit_seconds": 1.5,
    ...           "images_per_second": 2000.0, "relative_change": [{"strength": 0.2, "mean": 0.1, "low": 0.09,
    ...                                                              "high": 0.11}]}
    >>> results = {"settings": {"models": {"ckn": "..."}, "train_sizes": [100], "seeds": [0, 1], "n_test": 597,
    ...                         "deformation": {"strengths": [0.2]}},
    ...            "records": [{**record, "seed": 0, "test_error": 0.05}, {**record, "seed": 1, "test_error": 0.06}]}
    >>> (row,) = summary_rows(results)
    >>> print(f"{row['error']:.2f} ± {row['standard_error']:.2f} % of {row['n_seeds']} seeds")
    5.50 ± 0.50 % of 2 seeds
    """
    settings = results["settings"]
    cells = _cells(results)
    rows: list[Row] = []
    for size in settings["train_sizes"]:
        group = [_row(settings, cells[size, name]) for name in settings["models"] if (size, name) in cells]
        lowest = min((row["error"] for row in group), default=0.0)
        rows += [{**row, "best": isclose(row["error"], lowest, rel_tol=1e-9)} for row in group]
    return rows


def count_cells(results: Results) -> tuple[int, int]:
    """Return how many cells (model, training-set size, seed) are finished, and how many the settings ask for."""
    settings = results["settings"]
    wanted = len(settings["models"]) * len(settings["train_sizes"]) * len(settings["seeds"])
    return len(results["records"]), wanted


def middle_strength(results: Results) -> float:
    """Return the strength of deformation that stands for all where there is room for one: the middle one."""
    strengths = sorted(results["settings"]["deformation"]["strengths"])
    return strengths[len(strengths) // 2]


def change_at(row: Row, strength: float) -> dict[str, float]:
    """Return the relative change (strength, mean, low, high) of a row or record at one strength."""
    for change in row["relative_change"]:
        if change["strength"] == strength:
            return change
    have = ", ".join(f"{c['strength']:g}" for c in row["relative_change"]) or "none"
    raise ValueError(
        f"The record of {row['model']!r}, train_size={row['train_size']} holds no relative change at strength "
        f"{strength:g}, only {have}: it comes from a run with other settings. Give that run its own folder."
    )


def compared_rows(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of one size: of those with the most models finished, the largest."""
    sizes = [row["train_size"] for row in rows]
    size = max(sizes, key=lambda s: (sizes.count(s), s), default=None)
    return [row for row in rows if row["train_size"] == size]


def most_confused(results: Results, row: Row, n_pairs: int) -> list[tuple[int, int, float]]:
    """Return the most frequent errors of one row: (true class, predicted class, test images per seed)."""
    records = [r for r in results["records"] if r["model"] == row["model"] and r["train_size"] == row["train_size"]]
    counts = np.sum([r["confusion"] for r in records], axis=0) / len(records)
    np.fill_diagonal(counts, 0)
    order = np.argsort(-counts, axis=None, kind="stable")[:n_pairs]
    pairs = [tuple(divmod(int(k), counts.shape[1])) for k in order]
    return [(i, j, float(counts[i, j])) for i, j in pairs if counts[i, j] > 0]


def log_scale(values: Sequence[float]) -> bool:
    """Say whether positive `values` are better drawn on a logarithmic axis: a factor of 3 or more between them."""
    return min(values) > 0 and max(values) >= 3 * min(values)


def cell_texts(rows: Sequence[Row], results: Results) -> list[dict[str, Any]]:
    """Return what a table shows of each row: numbers of one column have the same number of decimals."""
    fit_decimals = _decimals([row["fit_seconds"] for row in rows])
    n_seeds = len(results["settings"]["seeds"])
    return [
        {
            "model": row["model"],
            "note": "" if row["n_seeds"] == n_seeds else f"{row['n_seeds']} of {n_seeds} seeds",
            "error": f"{row['error']:.2f}",
            "standard_error": f"{row['standard_error']:.2f}",
            "n_features": f"{row['n_features']:,}",
            "n_params": "–" if row["n_params"] is None else f"{row['n_params']:,}",
            "fit_seconds": f"{row['fit_seconds']:,.{fit_decimals}f}",
            "images_per_second": f"{row['images_per_second']:,.0f}",
            "relative_change": {c["strength"]: f"{c['mean']:.3f}" for c in row["relative_change"]},
        }
        for row in rows
    ]


def _cells(results: Results) -> dict[tuple[int, str], list[Row]]:
    """Group the records by (train_size, model)."""
    settings = results["settings"]
    cells: dict[tuple[int, str], list[Row]] = {}
    for record in results["records"]:
        size, model, seed = record["train_size"], record["model"], record["seed"]
        cell = f"model={model!r}, train_size={size}, seed={seed}"
        if size not in settings["train_sizes"] or model not in settings["models"] or seed not in settings["seeds"]:
            raise ValueError(
                f"The results hold a record of {cell}, which their settings do not announce: they mix two "
                "comparisons. Give each comparison its own folder."
            )
        group = cells.setdefault((size, model), [])
        if any(other["seed"] == seed for other in group):
            raise ValueError(f"The results hold two records of {cell}. Keep one of them.")
        group.append(record)
    return cells


def _row(settings: Mapping[str, Any], records: list[Row]) -> Row:
    """Summarise the records of one cell of the table, which differ by their seed alone."""
    errors = [r["test_error"] for r in records]
    params = [r["n_params"] for r in records if r["n_params"] is not None]
    one = len(errors) == 1
    return {
        "train_size": records[0]["train_size"],
        "model": records[0]["model"],
        "n_seeds": len(records),
        "error": 100 * fmean(errors),
        "standard_error": 100 * standard_error(errors, settings["n_test"]),
        "standard_error_of": "test images" if one else "seeds",
        "n_features": int(median(r["n_features"] for r in records)),
        "n_params": int(median(params)) if params else None,
        "fit_seconds": median(r["fit_seconds"] for r in records),
        "images_per_second": median(r["images_per_second"] for r in records),
        "relative_change": [_mean_change(records, s) for s in settings["deformation"]["strengths"]],
    }


def binomial_error(error: float, n: int) -> float:
    """Return the standard error of a share `error` counted on `n` images."""
    return (error * (1 - error) / n) ** 0.5


def standard_error(errors: Sequence[float], n: int) -> float:
    """Return the standard error of the mean of `errors`, shares of `n` images; of one, that of counting the images."""
    return stdev(errors) / len(errors) ** 0.5 if len(errors) > 1 else binomial_error(errors[0], n)


def _mean_change(records: list[Row], strength: float) -> dict[str, float]:
    changes = [change_at(record, strength) for record in records]
    return {"strength": strength, **{key: fmean(c[key] for c in changes) for key in ("mean", "low", "high")}}


def _decimals(values: Sequence[float]) -> int:
    """Return how many decimals show the smallest of `values` to two or three digits."""
    smallest = min(values, default=0.0)
    return 0 if smallest >= 100 else 1 if smallest >= 10 else 2
