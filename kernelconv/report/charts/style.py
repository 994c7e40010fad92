"""What all drawings share: colours and markers of models, sizes, legends, and how a drawing becomes a file."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from kernelconv._files import write_atomically

#: Twelve colours that stay apart for all kinds of colour vision (a test simulates them), none of them pale.
COLOURS = "#0072B2 #D55E00 #5A783C #D278FF #000000 #E1A50F #960087 #960F00 #3C2DA5 #FF0F4B #5A2D3C #96B4A5".split()
#: One more marker than colours, so that no pair comes again among the first 156 models.
MARKERS = "o s ^ D v P X * < > d p h".split()
_SIZES = {"D": 5.5, "P": 7.5, "X": 7, "*": 10, "d": 8, "p": 7}  # or the slender ones would look smaller than the others
GREY = "#595959"
DASHES = ("--", ":", "-.", (0, (6, 2, 1, 2, 1, 2)))
WIDTH = 5.6  # inches: narrow, so that 10 pt can still be read on a phone
_DPI = 230
STYLE: dict[Any, Any] = {
    "font.size": 10,
    "font.family": "sans-serif",
    "text.usetex": False,
    "axes.edgecolor": "#8c8c8c",
    "axes.labelcolor": "#262626",
    "axes.linewidth": 0.8,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.6,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.facecolor": "white",
    "savefig.bbox": None,
}


def figures_available() -> bool:
    """Return whether figures can be drawn, that is, whether matplotlib can be imported."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        return False
    return True


def check_figures_available() -> None:
    """Raise ImportError, saying what to install, if figures cannot be drawn."""
    if not figures_available():
        raise ImportError("Figures need matplotlib: pip install kernelconv[plot].")


@contextmanager
def house_style() -> Iterator[None]:
    """Draw in the style of all figures; matplotlib's own settings are as before afterwards.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    """
    check_figures_available()
    import matplotlib

    with matplotlib.rc_context(STYLE):
        yield


def new_figure(height: float, width: float = WIDTH, *, pyplot: bool = False) -> Any:
    """Return an empty figure, sizes in inches; one that `pyplot` knows is shown by ``pyplot.show`` and in notebooks."""
    if pyplot:
        import matplotlib.pyplot as plt

        return plt.figure(figsize=(width, height), layout="constrained")
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def save_figure(figure: Any, path: Path) -> Path:
    """Write a figure as PNG, whole or not at all; return its path."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    write_atomically(path, buffer.getvalue())
    return path


def model_styles(models: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return how each model is drawn: it depends on its place in the settings, not on what is finished.

    Markers are full in the first round of colours, hollow in the next, and so on.
    """
    styles = {}
    for k, name in enumerate(models):
        colour, marker, hollow = COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)], k // len(COLOURS) % 2
        styles[name] = {
            **{"color": colour, "marker": marker, "markersize": _SIZES.get(marker, 6)},
            "markerfacecolor": "white" if hollow else colour,
            "markeredgecolor": colour if hollow else "white",
            "markeredgewidth": 1.3 if hollow else 0.6,
        }
    return styles


def label_text(name: str, longest: int = 24) -> str:
    """Return `name` as matplotlib should show it: not as a formula, not as a label to hide, and not too long."""
    name = name if len(name) <= longest else name[: longest - 1] + "…"
    return (" " + name if name.startswith("_") else name).replace("$", r"\$")


def legend(figure: Any, handles: Mapping[str, Any]) -> None:
    """Put a legend above the figure, in as many columns as fit, and make the figure taller by as much."""
    labels = [label_text(name) for name in handles]
    # about 11 characters fit beside each other in an inch, the marker and the gap of an entry being as wide as 6
    fit = 10.8 * figure.get_figwidth()
    in_a_row = sum(len(text) + 6 for text in labels) <= fit
    n_columns = len(labels) if in_a_row else max(1, int(fit // (max(map(len, labels), default=0) + 6)))
    longer = ([label_text(name, longest) for name in handles] for longest in range(60, 24, -1))
    labels = next((texts for texts in longer if _legend_width(texts, n_columns) <= figure.get_figwidth()), labels)
    figure.set_figheight(figure.get_figheight() + 0.2 * -(-len(labels) // n_columns))
    figure.legend(list(handles.values()), labels, loc="outside upper left", ncols=n_columns, columnspacing=1.4)


def _legend_width(labels: Sequence[str], n_columns: int) -> float:
    """Return how many inches wide a legend is at 10 pt; matplotlib fills its columns one after the other."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(size=10)
    widths = np.array([text_to_path.get_text_width_height_descent(text, font, False)[0] for text in labels])
    columns = [column.max() for column in np.array_split(widths, max(1, n_columns)) if len(column)]
    # 43 pt: a marker's line and the gaps beside it; 4 pt: the margins, less the gap that the last column has not
    return float(sum(columns) + 43 * len(columns) + 4) / 72
