"""The axes of a comparison: training sizes, errors and seconds, logarithmic where the values ask for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def log_scale(values: Sequence[float]) -> bool:
    """Say whether positive `values` are better drawn on a logarithmic axis: a factor of 3 or more between them."""
    return min(values) > 0 and max(values) >= 3 * min(values)


def size_axis(axes: Any, sizes: Sequence[int]) -> None:
    """Make the horizontal axis one of training sizes, with a label where there is room."""
    axes.set_xscale("log")
    gap = (sizes[-1] / sizes[0]) ** (1 / 12)  # labels that are closer than a twelfth of the axis would overlap
    labelled: list[int] = []
    for size in reversed(sizes):
        if not labelled or size * gap <= labelled[-1]:
            labelled.append(size)
    axes.set_xticks(sizes, [f"{size:,}" if size in labelled else "" for size in sizes])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("training images")


def error_axis(axes: Any, bars: Sequence[tuple[float, float]]) -> None:
    """Make the vertical axis one of test errors; `bars` are the errors, each with its longest bar."""
    axes.set_ylabel("test error, %")
    errors = [error for error, _ in bars]
    if not log_scale(errors):
        axes.set_ylim(bottom=0)
        return
    from matplotlib.ticker import LogLocator

    axes.set_yscale("log", nonpositive="clip")
    # a bar that reaches below a third of the smallest error would flatten everything: it is cut there
    lowest = max(min(error - bar for error, bar in bars), min(errors) / 3)
    axes.set_ylim(lowest / 1.15, 1.15 * max(error + bar for error, bar in bars))
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if max(errors) > 6 * min(errors) else (1, 2, 3, 5, 7)))
    _plain_numbers(axes.yaxis)


def seconds_axis(axes: Any, seconds: Sequence[float]) -> None:
    """Make the horizontal axis one of seconds."""
    if not log_scale(seconds):
        axes.set_xlim(left=0)
        return
    from matplotlib.ticker import LogLocator

    axes.set_xscale("log")
    axes.set_xlim(min(seconds) / 1.6, max(seconds) * 1.6)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if max(seconds) < 30 * min(seconds) else (1,)))
    _plain_numbers(axes.xaxis)


def _plain_numbers(axis: Any) -> None:
    from matplotlib.ticker import FuncFormatter, NullLocator

    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
