"""PNG figures of a comparison, drawn without pyplot: one colour and one marker per model in all of them."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kernelconv._files import write_atomically
from kernelconv.report import charts
from kernelconv.report.published import leading_curves
from kernelconv.report.summary import Results, compared_rows, middle_strength, summary_rows

_DPI = 230


def figures_available() -> bool:
    """Say whether figures can be drawn: whether matplotlib can be imported."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        return False
    return True


def write_figures(
    results: Results,
    folder: str | os.PathLike[str],
    images: Mapping[str, Any] | None = None,
    layers: Mapping[str, Any] | None = None,
) -> list[Path]:
    """Draw what the results can show; each file appears whole or not at all.

    Parameters
    ----------
    results : dict
        What results.json holds, finished or not; without records only `images` is drawn.
    folder : path-like
        Where the files go; made if it is missing.
    images : dict, optional
        ``"strengths"``, n Jacobian norms, and ``"images"``, an array (n_examples, 1 + n, h, w) or
        (n_examples, 1 + n, h, w, c): each example as it is, then deformed at each strength. Three channels
        are drawn in colour; of any other number the mean is drawn in grey. Black and white are the extremes
        of the original.
    layers : dict, optional
        For each model pictures (k, h, w) of its first layer, in [-1, 1].

    Returns
    -------
    paths : list of Path
        learning_curves.png, stability.png, tradeoff.png, confusion.png and, with `images`, deformed.png, with
        `layers`, first_layers.png. On MNIST published curves stand beside the learning curves.

    Raises
    ------
    ImportError
        If matplotlib is missing (see `figures_available`).
    ValueError
        As `summary_rows`; or if `images` does not hold an original and one image per strength.

    Notes
    -----
    The same results give the same bytes. matplotlib's global state is left as it was.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> results = {"settings": {"models": {}, "train_sizes": [], "seeds": []}, "records": []}
    >>> images = {"strengths": [0.1, 0.4], "images": np.eye(8)[None, None].repeat(3, axis=1)}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [path.name for path in write_figures(results, folder, images)]
    ['deformed.png']
    """
    if not figures_available():
        raise ImportError("Figures need matplotlib: pip install kernelconv[plot].")
    import matplotlib

    draw: dict[str, Callable[[], Any]] = {}
    rows = summary_rows(results)
    if rows:
        styles = charts.model_styles(results["settings"]["models"])
        draw["learning_curves"] = lambda: charts.learning_curves(
            rows, styles, leading_curves(results["settings"]["data"])
        )
        draw["stability"] = lambda: charts.stability(compared_rows(rows), styles)
        draw["tradeoff"] = lambda: charts.tradeoff(compared_rows(rows), styles, middle_strength(results))
        draw["confusion"] = lambda: charts.confusion(results, compared_rows(rows), styles)
    if images is not None:
        draw["deformed"] = lambda: charts.deformed(np.asarray(images["images"]), images["strengths"])
    if layers:
        draw["first_layers"] = lambda: charts.first_layers(layers)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context(charts.STYLE):
        return [save_figure(make(), folder / f"{name}.png") for name, make in draw.items()]


def save_figure(figure: Any, path: Path) -> Path:
    """Write a figure as PNG, whole or not at all; return its path."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    write_atomically(path, buffer.getvalue())
    return path
