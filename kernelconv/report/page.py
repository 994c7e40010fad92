"""The model of a page, and its self-contained HTML file: no scripts, no links, figures embedded."""

from __future__ import annotations

import base64
import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernelconv._files import write_atomically
from kernelconv.report.captions import Caption
from kernelconv.report.table import Column, Section, Table
from kernelconv.report.templates import render

_CSS_PIXELS = 0.5  # of the page per pixel of a figure: sharp on fine screens too


@dataclass(frozen=True)
class Page:
    """Content of a page, from top to bottom. All texts are plain text, never markup.

    Parameters
    ----------
    title : str
        Its heading.
    lead : sequence of str
        What was done and the results, one entry per paragraph.
    tables : sequence of Table
        The results; without any the page says that none are finished.
    protocol : sequence of str
        How it was measured, one entry per item.
    models, environment : sequence of Table
        What was compared, and the machine and packages.
    command : str
        The command line that reproduces the results.
    version : str
        Version of kernelconv.
    warning : str
        What a reader must know first, such as how much is still missing.
    figures : sequence of (path, Caption)
        PNG files, copied into the page.
    further : sequence of Table
        Tables after the figures.
    files : str
        What the files beside the page hold.
    """

    title: str
    lead: Sequence[str]
    tables: Sequence[Table]
    protocol: Sequence[str]
    models: Sequence[Table]
    environment: Sequence[Table]
    command: str
    version: str
    warning: str = ""
    figures: Sequence[tuple[str | os.PathLike[str], Caption]] = ()
    further: Sequence[Table] = ()
    files: str = ""


@dataclass(frozen=True)
class _Picture:
    """A PNG inside a page."""

    source: str
    width: int
    height: int
    caption: Caption


def save_page(page: Page, path: str | os.PathLike[str]) -> None:
    """Write a page as one HTML file, completely or not at all.

    Raises
    ------
    OSError
        If a figure cannot be read or the page cannot be written.

    Notes
    -----
    Every text is escaped. The page needs no scripts or other files and is readable on a phone, in print, and in light
    and dark mode. The same content gives the same bytes.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from kernelconv.report import Column, Page, Section, Table, save_page
    >>> packages = Table("Packages", [Column("", align="left")] * 2, [Section("", [("numpy", "2.4")])])
    >>> page = Page("a < b", ["What came out."], [], [], [], [packages], "run", "0.1")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "page.html"
    ...     save_page(page, path)
    ...     "a &lt; b" in path.read_text(encoding="utf-8")
    True
    """
    pictures = [_picture(Path(figure), caption) for figure, caption in page.figures]
    write_atomically(Path(path), render("page.html", page=page, pictures=pictures))


def definitions(caption: str, items: Mapping[str, Any]) -> Table:
    """Return a table of two columns, names and what they stand for; None is what is not installed."""
    texts = {name: "not installed" if value is None else str(value) for name, value in items.items()}
    return Table(caption, [Column("", align="left")] * 2, [Section("", list(texts.items()))])


def _picture(path: Path, caption: Caption) -> _Picture:
    png = path.read_bytes()
    width, height = (round(_CSS_PIXELS * size) for size in struct.unpack(">II", png[16:24]))
    return _Picture(f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}", width, height, caption)
