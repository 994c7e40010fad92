"""StabilityReport: rows with confidence intervals, as a text table, csv, data frame, JSON or figure."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class StabilityRow:
    """One measure of one representation at one strength, with its 95 % bootstrap interval.

    Attributes
    ----------
    family : str
        The deformation family, as it is written.
    strength : float
        Jacobian norm, or pixels for translations (see `unit`).
    unit : str
        ``""`` for a Jacobian norm, ``"px"`` for a length.
    measure : str
        Name of the measure.
    mean, low, high : float
        The estimate and its interval.
    n_images, n_draws : int
        Images, and fields drawn for each.
    within_theorem : bool
        Whether every field's Jacobian norm was at most 1/2, where the stability theorem is stated.
    """

    family: str
    strength: float
    unit: str
    measure: str
    mean: float
    low: float
    high: float
    n_images: int
    n_draws: int
    within_theorem: bool


@dataclass(frozen=True)
class StabilityReport:
    """What `measure_stability` found: a tuple of `StabilityRow`, strengths in the order asked, then measures.

    Examples
    --------
    >>> row = StabilityRow("Rotation()", 0.1, "", "relative_change", 0.12, 0.11, 0.13, 100, 1, True)
    >>> print(StabilityReport((row,)))
    Rotation(): 100 images, 1 draw each, mean [95 % interval]
    strength  measure          mean    interval
    0.1       relative_change  0.1200  [0.1100, 0.1300]
    """

    rows: tuple[StabilityRow, ...]

    def __iter__(self) -> Iterator[StabilityRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def select(self, measure: str) -> tuple[StabilityRow, ...]:
        """Return the rows of one measure, in the order of the strengths; raise ValueError if there is none."""
        rows = tuple(r for r in self.rows if r.measure == measure)
        if not rows:
            known = ", ".join(self._measures())
            raise ValueError(f"This report holds no measure {measure!r}; it holds {known}.")
        return rows

    def _measures(self) -> list[str]:
        return list(dict.fromkeys(r.measure for r in self.rows))

    def to_dict(self) -> dict[str, list[dict[str, Any]]]:
        """Return ``{"rows": [...]}`` of plain Python values, ready for json.dumps."""
        return {"rows": [asdict(r) for r in self.rows]}

    def to_frame(self) -> Any:
        """Return a pandas DataFrame, one line a row; raise ImportError saying what to install without pandas."""
        try:
            import pandas as pd
        except ImportError:
            raise ImportError("to_frame needs pandas: pip install pandas. to_dict and to_csv do not.") from None
        return pd.DataFrame([asdict(r) for r in self.rows], columns=[f.name for f in fields(StabilityRow)])

    def to_csv(self, path: str | Path) -> None:
        """Write the rows to `path` as csv with a header line."""
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, [f.name for f in fields(StabilityRow)])
            writer.writeheader()
            writer.writerows(asdict(r) for r in self.rows)

    def plot(self, ax: Any = None, *, measure: str | None = None, label: str | None = None) -> Any:
        """Draw one measure against the strength, with its interval as a band.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure by default.
        measure : str, optional
            Which measure; the first one by default.
        label : str, optional
            Name of the curve in the legend.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        ImportError
            Without matplotlib.
        ValueError
            If the report does not hold `measure`.
        """
        rows = sorted(self.select(measure or self._measures()[0]), key=lambda r: r.strength)
        if ax is None:
            try:
                from matplotlib.figure import Figure
            except ImportError:
                raise ImportError("plot needs matplotlib: pip install kernelconv[plot].") from None
            ax = Figure(layout="constrained").subplots()
        strengths = [r.strength for r in rows]
        (line,) = ax.plot(strengths, [r.mean for r in rows], marker="o", label=label)
        band = [r.low for r in rows], [r.high for r in rows]
        ax.fill_between(strengths, *band, alpha=0.2, color=line.get_color(), linewidth=0)
        ax.set_xlabel("translation (px)" if rows[0].unit == "px" else "Jacobian norm of the deformation")
        ax.set_ylabel(rows[0].measure.replace("_", " "))
        if label is not None:
            ax.legend()
        return ax

    def __str__(self) -> str:
        if not self.rows:
            return "StabilityReport without rows"
        first = self.rows[0]
        draws = f"{first.n_draws} draw{'s' if first.n_draws > 1 else ''} each"
        lines = [f"{first.family}: {first.n_images} images, {draws}, mean [95 % interval]"]
        cells = [("strength", "measure", "mean", "interval")]
        for r in self.rows:
            mark = "" if r.within_theorem else " *"
            strength = f"{r.strength:g}{' ' + r.unit if r.unit else ''}{mark}"
            cells.append((strength, r.measure, f"{r.mean:.4f}", f"[{r.low:.4f}, {r.high:.4f}]"))
        widths = [max(len(c[k]) for c in cells) for k in range(4)]
        lines += ["  ".join(t.ljust(n) for t, n in zip(c, widths, strict=True)).rstrip() for c in cells]
        if not all(r.within_theorem for r in self.rows):
            lines.append("* Jacobian norm above 1/2, where the stability theorem is not stated")
        return "\n".join(lines)
