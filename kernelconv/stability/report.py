"""StabilityReport: rows with confidence intervals, as a text table, csv, data frame, JSON or figure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from kernelconv._check import check_count
from kernelconv._files import write_csv
from kernelconv._numbers import as_double, is_number, shown
from kernelconv._tables import TextTable, as_html
from kernelconv.stability.bootstrap import bootstrap_difference


@dataclass(frozen=True)
class StabilityRow:
    """One measure of one representation at one strength, with its 95 % bootstrap interval.

    Attributes
    ----------
    family : str
        The deformation family, as its ``name``.
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
    name : str
        The representation or layer; "" if there is one representation only.
    samples : ndarray (2, n_images), optional
        Values a and b of each image, averaged over draws; the estimate is mean(a) / mean(b).
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
    name: str = ""
    samples: NDArray | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        _check_types(self, words=("family", "unit", "measure", "name"), numbers=("strength", "mean", "low", "high"))
        check_count(self.n_images, "n_images")
        check_count(self.n_draws, "n_draws")


def _check_types(record: Any, words: tuple[str, ...], numbers: tuple[str, ...]) -> None:
    """Raise ValueError unless these values of a record are words and real numbers."""
    for name in (*words, *numbers):
        value = getattr(record, name)
        if not (isinstance(value, str) if name in words else is_number(value)):
            raise ValueError(f"{name} must be a {'word' if name in words else 'number'}, got {shown(value)}.")


_WITHOUT_ROWS = "StabilityReport without rows"
#: Columns of tables and files: everything but the values of each image.
COLUMNS = tuple(f.name for f in fields(StabilityRow) if f.name != "samples")


@dataclass(frozen=True)
class Summary:
    """A representation before any deformation: its dimension, gain and accuracy.

    Attributes
    ----------
    name : str
        The representation or layer.
    n_features : int
        Dimension of Phi(x).
    gain : float
        Mean of |Phi(x)| / |x|.
    accuracy : float or None
        Share of the undeformed images that the head labels correctly; None without head or labels.
    """

    name: str
    n_features: int
    gain: float
    accuracy: float | None = None

    def __post_init__(self) -> None:
        _check_types(self, words=("name",), numbers=("gain", *(("accuracy",) if self.accuracy is not None else ())))
        check_count(self.n_features, "n_features")


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
            found = _record(StabilityRow, row, "row")
            rows.append(replace(found, samples=None if samples is None else as_double(samples, "samples")))
        return cls(tuple(rows), tuple(_record(Summary, s, "summary") for s in data.get("summaries", ())))

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
        """Draw one measure against the strength, one curve per representation, with its interval as a band.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure by default.
        measure : str, optional
            Which measure; the first one by default.
        label : str, optional
            Name of the curve in the legend; by default that of the representation.

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
        measure = measure or self._measures()[0]
        first = self.select(measure)[0]
        if ax is None:
            try:
                from matplotlib.figure import Figure
            except ImportError:
                raise ImportError("plot needs matplotlib: pip install kernelconv[plot].") from None
            ax = Figure(layout="constrained").subplots()
        for name in self.names:
            rows = sorted(self.select(measure, name), key=lambda r: r.strength)
            strengths, band = [r.strength for r in rows], ([r.low for r in rows], [r.high for r in rows])
            (line,) = ax.plot(strengths, [r.mean for r in rows], marker="o", label=label or name or None)
            ax.fill_between(strengths, *band, alpha=0.2, color=line.get_color(), linewidth=0)
        size = {"px": "translation (px)", "": "Jacobian norm of the deformation"}
        ax.set_xlabel(size.get(first.unit, f"size of the deformation ({first.unit})"))
        ax.set_ylabel(measure.replace("_", " "))
        if label or any(self.names):
            ax.legend()
        return ax

    def __str__(self) -> str:
        return self._table().text() if self.rows else _WITHOUT_ROWS

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the table that is printed."""
        return self._table().html() if self.rows else as_html(_WITHOUT_ROWS)

    def _table(self) -> TextTable:
        first, named = self.rows[0], any(self.names)
        draws = f"{first.n_draws} draw{'s' if first.n_draws > 1 else ''} each"
        cells = []
        for r in self.rows:
            strength = f"{r.strength:g}{' ' + r.unit if r.unit else ''}{'' if r.within_theorem else ' *'}"
            cells.append((r.name, strength, r.measure, f"{r.mean:.4f}", f"[{r.low:.4f}, {r.high:.4f}]")[not named :])
        far = "* Jacobian norm above 1/2, where the stability theorem is not stated"
        notes = [] if all(r.within_theorem for r in self.rows) else [far]
        for s in self.summaries:
            accuracy = "" if s.accuracy is None else f", the head is right on {100 * s.accuracy:.1f} % as they are"
            notes.append(f"{s.name or 'phi'}: {s.n_features:,} features, |phi(x)| / |x| {s.gain:.3g}{accuracy}")
        heads = ("name", "strength", "measure", "mean", "interval")[not named :]
        caption = f"{first.family}: {first.n_images} images, {draws}, mean [95 % interval]"
        return TextTable(heads, cells, "l" * len(heads), caption, notes)


def _record(kind: Any, values: Any, what: str) -> Any:
    """Return the dataclass `kind` of these values by name; raise ValueError saying which are missing or unknown."""
    if not isinstance(values, Mapping):
        raise ValueError(f"A {what} is a dict of its values by name, got {shown(values)}.")
    wanted = {f.name for f in fields(kind) if f.default is MISSING}
    missing, unknown = wanted - set(values), set(map(str, values)) - {f.name for f in fields(kind)}
    if missing or unknown:
        names = [", ".join(sorted(found)) or "nothing" for found in (missing, unknown)]
        raise ValueError(f"This is no {what} of a report: it lacks {names[0]}, and has {names[1]} that none has.")
    return kind(**values)
