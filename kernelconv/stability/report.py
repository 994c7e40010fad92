"""StabilityReport: rows with confidence intervals, as a text table, csv, data frame, JSON or figure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import compress
from pathlib import Path
from typing import Any

from kernelconv._files import write_csv
from kernelconv._numbers import as_double, shown
from kernelconv._tables import TextTable, as_html
from kernelconv.stability.bootstrap import bootstrap_difference
from kernelconv.stability.records import COLUMNS, StabilityRow, Summary, as_record

_WITHOUT_ROWS = "StabilityReport without rows"


@dataclass(frozen=True, repr=False)
class StabilityReport:
    """Result of `measure_stability`: rows (per representation, strengths in the given order, then measures), summaries.

    Examples
    --------
    >>> from kernelconv.stability import StabilityReport, StabilityRow
    >>> row = StabilityRow("Rotation()", 0.1, "", "relative_change", 0.12, 0.11, 0.13, 100, 1, True)
    >>> print(StabilityReport((row,)))
    Rotation(): 100 images, 1 draw each, mean [95 % interval]
    strength  measure          mean    interval
    0.1       relative_change  0.1200  [0.1100, 0.1300]
    """

    rows: tuple[StabilityRow, ...]
    summaries: tuple[Summary, ...] = ()

    def __post_init__(self) -> None:
        for name, kind in (("rows", StabilityRow), ("summaries", Summary)):
            entries = getattr(self, name)
            if not isinstance(entries, list | tuple) or not all(isinstance(e, kind) for e in entries):
                raise ValueError(f"{name} must be a sequence of {kind.__name__}, got {shown(entries)}.")
            object.__setattr__(self, name, tuple(entries))

    def __repr__(self) -> str:
        families = dict.fromkeys(r.family for r in self.rows)
        strengths = dict.fromkeys(r.strength for r in self.rows)
        of = f": {', '.join(families)} at {', '.join(f'{s:g}' for s in strengths)}" if self.rows else ""
        return f"StabilityReport({len(self.rows)} rows{of})"

    def __iter__(self) -> Iterator[StabilityRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def names(self) -> list[str]:
        """Names of the representations or layers, in order."""
        return list(dict.fromkeys(r.name for r in self.rows))

    def select(self, measure: str, name: str | None = None) -> tuple[StabilityRow, ...]:
        """Return the rows of one measure (and of one name), in order; raise ValueError if there is none."""
        if not isinstance(measure, str) or not isinstance(name, str | None):
            raise ValueError(f"measure and name are words, got {shown(measure)} and {shown(name)}.")
        rows = tuple(r for r in self.rows if r.measure == measure and name in (None, r.name))
        if not rows:
            known = ", ".join(self._measures())
            of, rivals = ("", "") if name is None else (f" of {name!r}", f", of {', '.join(map(repr, self.names))}")
            raise ValueError(f"This report holds no measure {measure!r}{of}; it holds {known}{rivals}.")
        return rows

    def difference(self, first: str, second: str, measure: str) -> tuple[StabilityRow, ...]:
        """Return the paired differences first - second of two names, one row per strength, with 95 % intervals.

        Images are resampled for both at once (seed 0), so that what makes an image difficult for both cancels.

        Raises
        ------
        ValueError
            If a name or the measure is not in the report, or rows hold no samples (read from a file without them).
        """
        rows, pairs = [], [self.select(measure, name) for name in (first, second)]
        if [r.strength for r in pairs[0]] != [r.strength for r in pairs[1]]:
            raise ValueError(f"Paired differences need the same strengths: {first!r} and {second!r} have others.")
        for a, b in zip(*pairs, strict=True):
            if a.samples is None or b.samples is None:
                raise ValueError("Paired differences need each image's values: this report was read without samples.")
            over = {"over_first": a.samples[1], "over_second": b.samples[1]}
            low, high = bootstrap_difference(a.samples[0], b.samples[0], 0, **over)
            values = {c: getattr(a, c) for c in COLUMNS}
            values |= {"mean": a.mean - b.mean, "low": low, "high": high, "name": f"{first} - {second}"}
            rows.append(StabilityRow(**values))
        return tuple(rows)

    def _measures(self) -> list[str]:
        return list(dict.fromkeys(r.measure for r in self.rows))

    def to_dict(self, *, samples: bool = False) -> dict[str, list[dict[str, Any]]]:
        """Return ``{"rows": [...], "summaries": [...]}`` of plain Python values, ready for json.dumps.

        With `samples`, each row also holds the values of each image, rounded to 7 digits.
        """
        rows = [{c: getattr(r, c) for c in COLUMNS} for r in self.rows]
        if samples:
            for row, r in zip(rows, self.rows, strict=True):
                row["samples"] = None if r.samples is None else [[float(f"{v:.7g}") for v in a] for a in r.samples]
        return {"rows": rows, "summaries": [asdict(s) for s in self.summaries]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> StabilityReport:
        """Return the report that `to_dict` wrote.

        Raises
        ------
        ValueError
            If `data` is not what `to_dict` writes; the message names what is missing or unknown.
        """
        if not isinstance(data, Mapping) or not isinstance(data.get("rows"), list | tuple):
            raise ValueError(f'A report is a dict with a list of "rows", as to_dict writes it, got {shown(data)}.')
        rows = []
        for row in data["rows"]:
            samples = row.get("samples") if isinstance(row, Mapping) else None
            found = as_record(StabilityRow, row, "row")
            rows.append(replace(found, samples=None if samples is None else as_double(samples, "samples")))
        return cls(tuple(rows), tuple(as_record(Summary, s, "summary") for s in data.get("summaries", ())))

    def to_frame(self) -> Any:
        """Return a pandas DataFrame with one line per row; raise ImportError if pandas is not installed."""
        try:
            import pandas as pd
        except ImportError:
            raise ImportError("to_frame needs pandas: pip install pandas. to_dict and to_csv do not.") from None
        return pd.DataFrame(self.to_dict()["rows"], columns=list(COLUMNS))

    def to_csv(self, path: str | Path) -> None:
        """Write the rows to `path` as csv with a header line; the file is written completely or not at all."""
        write_csv(path, COLUMNS, self.to_dict()["rows"])

    def plot(self, ax: Any = None, *, measure: str | None = None, label: str | None = None) -> Any:
        """Draw one measure against the strength, one curve per representation and family, with its interval as a band.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure by default.
        measure : str, optional
            Which measure; the first one by default.
        label : str, optional
            Name of the curve in the legend; by default that of the representation, and of the family if there are more.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        ImportError
            Without matplotlib.
        ValueError
            If the report is empty or does not hold `measure`.
        """
        if not self.rows:
            raise ValueError("This report has no rows: there is nothing to draw.")
        rows = self.select(measure := measure or self._measures()[0])
        if ax is None:
            try:
                from matplotlib.figure import Figure
            except ImportError:
                raise ImportError("plot needs matplotlib: pip install kernelconv[plot].") from None
            ax = Figure(layout="constrained").subplots()
        curves = dict.fromkeys((r.name, r.family) for r in rows)
        several = len({r.family for r in rows}) > 1
        for name, family in curves:
            curve = sorted((r for r in rows if (r.name, r.family) == (name, family)), key=lambda r: r.strength)
            named = ", ".join(filter(None, (label or name, family if several else ""))) or None
            strengths, band = [r.strength for r in curve], ([r.low for r in curve], [r.high for r in curve])
            (line,) = ax.plot(strengths, [r.mean for r in curve], marker="o", label=named)
            ax.fill_between(strengths, *band, alpha=0.2, color=line.get_color(), linewidth=0)
        size = {
            "px": "translation (px)",
            "": "Jacobian norm of the deformation",
            "severity": "severity of the corruption",
        }
        ax.set_xlabel(size.get(rows[0].unit, f"size of the deformation ({rows[0].unit})"))
        ax.set_ylabel(measure.replace("_", " "))
        if label or several or any(self.names):
            ax.legend()
        return ax

    def __str__(self) -> str:
        return self._table().text() if self.rows else _WITHOUT_ROWS

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the table that is printed."""
        return self._table().html() if self.rows else as_html(_WITHOUT_ROWS)

    def _table(self) -> TextTable:
        first, families = self.rows[0], dict.fromkeys(r.family for r in self.rows)
        shown_if = (any(self.names), len(families) > 1, True, True, True, True)
        draws = f"{first.n_draws} draw{'s' if first.n_draws > 1 else ''} each"
        lines, far = [("name", "family", "strength", "measure", "mean", "interval")], [_is_far(r) for r in self.rows]
        for r, star in zip(self.rows, far, strict=True):
            strength = f"{r.strength:g}{' ' + r.unit if r.unit else ''}{' *' if star else ''}"
            lines.append((r.name, r.family, strength, r.measure, f"{r.mean:.4f}", f"[{r.low:.4f}, {r.high:.4f}]"))
        heads, *cells = (tuple(compress(line, shown_if)) for line in lines)
        notes = ["* Jacobian norm above 1/2, where the stability theorem is not stated"] if any(far) else []
        for s in self.summaries:
            accuracy = "" if s.accuracy is None else f", the head is right on {100 * s.accuracy:.1f} % as they are"
            notes.append(f"{s.name or 'phi'}: {s.n_features:,} features, |phi(x)| / |x| {s.gain:.3g}{accuracy}")
        of = first.family if len(families) == 1 else f"{len(families)} families"
        caption = f"{of}: {first.n_images} images, {draws}, mean [95 % interval]"
        return TextTable(heads, cells, "l" * len(heads), caption, notes)


def _is_far(row: StabilityRow) -> bool:
    """Return whether the row is of deformations beyond those of the theorem; it says nothing of corruptions."""
    return not row.within_theorem and row.unit != "severity"
