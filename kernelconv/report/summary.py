"""The numbers of a comparison: one row per training-set size and model, over its seeds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import isclose
from statistics import fmean, median, stdev
from typing import Any

import numpy as np

Results = Mapping[str, Any]
Row = dict[str, Any]

#: What a record holds at each strength of deformation, or None of it.
CHANGES = ("relative_change", "deformation_sensitivity")


def summary_rows(results: Results) -> list[Row]:
    r"""Return one row per training-set size and model, in the order of the settings, over the finished seeds.

    An error has two uncertainties, since training images and test images are both drawn. With errors e_1 ... e_n of n
    seeds, the standard error over draws is :math:`\sqrt{\sum (e_i - \bar e)^2 / (n - 1) / n}`. With the mean loss
    :math:`l_k` of test image k over the seeds, that over test images is :math:`\sqrt{var(l) / n_{test}}`; with one seed
    this is :math:`\sqrt{e (1 - e) / n_{test}}`.

    Parameters
    ----------
    results : dict
        What results.json holds, finished or not.

    Returns
    -------
    rows : list of dict
        Of every (training-set size, model) with at least one record:

        - ``train_size``, ``model``, ``label``, ``n_seeds`` (finished seeds), ``n_test`` (images it was tested on);
        - ``error``, ``over_draws`` (None with one seed) and ``over_images``, in %;
        - ``best``, whether no model tested on all images has a smaller error at this size (ties are all best);
        - ``n_features``, ``n_params`` (None where there are none), ``fit_seconds``, ``images_per_second``: medians;
        - ``relative_change`` and ``deformation_sensitivity``, lists of dicts ``strength``, ``mean``, ``low``, ``high``,
          each the mean over seeds, or None;
        - ``note``, the remarks in the records.

    Raises
    ------
    ValueError
        If a record is not one of those in the settings, occurs twice, lacks a strength, or contradicts itself.

    Examples
    --------
    >>> from kernelconv.report import summary_rows
    >>> record = {"model": "ckn", "train_size": 100, "n_features": 512, "n_params": None, "fit_seconds": 1.5,
    ...           "predict_seconds": 0.25, "relative_change": None, "deformation_sensitivity": None, "n_test": 100}
    >>> results = {"settings": {"models": {"ckn": "..."}, "train_sizes": [100], "seeds": [0, 1], "n_test": 100,
    ...                         "deformation": {"strengths": [0.2]}},
    ...            "records": [{**record, "seed": 0, "test_error": 0.01, "mistakes": [[7, 1, 2]]},
    ...                        {**record, "seed": 1, "test_error": 0.02, "mistakes": [[7, 1, 3], [9, 0, 1]]}]}
    >>> (row,) = summary_rows(results)
    >>> print(f"{row['error']:.2f} % ± {row['over_draws']:.2f} over draws, ± {row['over_images']:.2f} over test images")
    1.50 % ± 0.50 over draws, ± 1.11 over test images
    """
    settings = results["settings"]
    cells = _cells(results)
    rows: list[Row] = []
    for size in settings["train_sizes"]:
        group = [_row(settings, cells[size, name]) for name in settings["models"] if (size, name) in cells]
        errors = [row["error"] for row in group if row["n_test"] == settings["n_test"]]
        for row in group:
            whole = row["n_test"] == settings["n_test"]
            rows.append({**row, "best": whole and isclose(row["error"], min(errors), rel_tol=1e-9)})
    return rows


def count_cells(results: Results) -> tuple[int, int]:
    """Return how many cells (model, training-set size, seed) are finished, and how many the settings contain."""
    settings = results["settings"]
    every = len(settings["models"]) * len(settings["train_sizes"]) * len(settings["seeds"])
    # a model may be registered for fewer sizes or draws than others: then the settings say how many cells there are
    return len(results["records"]), settings.get("n_cells", every)


def label(settings: Mapping[str, Any], model: str) -> str:
    """Return the name that tables and figures show of a model: its label, and its name where two share a label."""
    labels = settings.get("labels", {})
    text = str(labels.get(model, model))
    shared = sum(str(labels.get(m, m)) == text for m in settings["models"]) > 1
    return f"{text} ({model})" if shared else text


def middle_strength(results: Results) -> float:
    """Return the strength of deformation that stands for all where there is room for one: the middle one."""
    strengths = sorted(results["settings"]["deformation"]["strengths"])
    return strengths[len(strengths) // 2]


def change_at(row: Mapping[str, Any], strength: float, measure: str) -> dict[str, float]:
    """Return a measure (strength, mean, low, high) of a row or record that has it, at one strength."""
    for change in row[measure]:
        if change["strength"] == strength:
            return change
    have = ", ".join(f"{c['strength']:g}" for c in row[measure]) or "none"
    raise ValueError(
        f"The record of {row['model']!r}, train_size={row['train_size']} holds no {measure.replace('_', ' ')} at "
        f"strength {strength:g}, only {have}: it comes from a run with other settings. Give that run its own folder."
    )


def compared_rows(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of one size: of those with the most models finished, the largest."""
    sizes = [row["train_size"] for row in rows]
    size = max(sizes, key=lambda s: (sizes.count(s), s), default=None)
    return [row for row in rows if row["train_size"] == size]


def most_confused(
    records: Sequence[Mapping[str, Any]], classes: Sequence[str], n_pairs: int
) -> list[tuple[str, str, float]]:
    """Return the most frequent mistakes of records: (true class, predicted class, test images per record)."""
    counts = np.zeros((len(classes), len(classes)))
    for record in records:
        for _, true, predicted in record["mistakes"]:
            counts[true, predicted] += 1 / len(records)
    order = np.argsort(-counts.round(9), axis=None, kind="stable")[:n_pairs]
    pairs = [divmod(int(k), len(classes)) for k in order]
    return [(classes[i], classes[j], float(counts[i, j])) for i, j in pairs if counts[i, j] > 0]


def over_draws(errors: Sequence[float]) -> float | None:
    """Return the standard error of the mean of `errors`, one a draw of training images; None of a single one."""
    return stdev(errors) / len(errors) ** 0.5 if len(errors) > 1 else None


def over_images(wrong: Iterable[Sequence[int]], n_test: int) -> float:
    """Return the standard error, over the test images, of the mean loss over draws; of one draw it is binomial.

    `wrong` holds, for each draw, the indices of the test images that were misclassified.

    Examples
    --------
    >>> round(over_images([[3]], 100), 12) == round((0.01 * 0.99 / 100) ** 0.5, 12)
    True
    """
    draws = list(wrong)
    losses = np.zeros(n_test)
    for indices in draws:
        losses[list(indices)] += 1 / len(draws)
    return float((losses.var() / n_test) ** 0.5)


def _cells(results: Results) -> dict[tuple[int, str], list[Mapping[str, Any]]]:
    """Group the records by (train_size, model)."""
    settings = results["settings"]
    cells: dict[tuple[int, str], list[Mapping[str, Any]]] = {}
    for record in results["records"]:
        size, model, seed = record["train_size"], record["model"], record["seed"]
        cell = f"model={model!r}, train_size={size}, seed={seed}"
        if size not in settings["train_sizes"] or model not in settings["models"] or seed not in settings["seeds"]:
            raise ValueError(
                f"The results hold a record of {cell}, which their settings do not announce: they mix two "
                "comparisons. Give each comparison its own folder."
            )
        if round(record["test_error"] * record["n_test"]) != len(record["mistakes"]):
            raise ValueError(
                f"The record of {cell} has a test error of {record['test_error']:g} on {record['n_test']} images, and "
                f"{len(record['mistakes'])} mistakes: it was edited. Run this cell again."
            )
        group = cells.setdefault((size, model), [])
        if any(other["seed"] == seed for other in group):
            raise ValueError(f"The results hold two records of {cell}. Keep one of them.")
        if group and group[0]["n_test"] != record["n_test"]:
            raise ValueError(f"The record of {cell} was tested on other images than those of other seeds.")
        group.append(record)
    return cells


def _row(settings: Mapping[str, Any], records: list[Mapping[str, Any]]) -> Row:
    """Summarise the records of one cell of the table, which differ by their seed alone."""
    errors = [r["test_error"] for r in records]
    draws = over_draws(errors)
    n_test = records[0]["n_test"]
    return {
        "train_size": records[0]["train_size"],
        "model": records[0]["model"],
        "label": label(settings, records[0]["model"]),
        "n_seeds": len(records),
        "n_test": n_test,
        "error": 100 * fmean(errors),
        "over_draws": None if draws is None else 100 * draws,
        "over_images": 100 * over_images([[k for k, *_ in r["mistakes"]] for r in records], n_test),
        "n_features": _median_count(records, "n_features"),
        "n_params": _median_count(records, "n_params"),
        "fit_seconds": median(r["fit_seconds"] for r in records),
        "images_per_second": median(n_test / r["predict_seconds"] for r in records),
        **{m: _mean_changes(records, m, settings["deformation"]["strengths"]) for m in CHANGES},
        "note": records[0].get("note") or "",
    }


def _median_count(records: Sequence[Mapping[str, Any]], key: str) -> int | None:
    counts = [r[key] for r in records if r[key] is not None]
    return int(median(counts)) if counts else None


def _mean_changes(
    records: Sequence[Mapping[str, Any]], measure: str, strengths: Sequence[float]
) -> list[dict[str, float]] | None:
    """Return the means over records, None where one of them has no features."""
    if any(record[measure] is None for record in records):
        return None
    found = []
    for strength in strengths:
        changes = [change_at(record, strength, measure) for record in records]
        found.append({"strength": strength, **{key: fmean(c[key] for c in changes) for key in ("mean", "low", "high")}})
    return found
