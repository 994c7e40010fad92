"""A table of texts, as a terminal shows it and as a notebook does: the same rows, laid out twice.

A leaf of the import graph. Pages of studies are drawn by `kernelconv.report`, which has templates.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

_ALIGN = {"l": "left", "r": "right"}


@dataclass(frozen=True)
class TextTable:
    """Rows of texts under their headings, a caption above and notes below. All of them are texts, never markup.

    Attributes
    ----------
    heads : sequence of str
        A heading a column.
    rows : sequence of sequences of str
        As many texts as headings, a row.
    align : str
        "l" or "r" a column: at its left or right.
    caption : str
        A line above; "" for none.
    notes : sequence of str
        A line each.

    Examples
    --------
    >>> table = TextTable(["part", "params"], [["a < b", "1,024"]], "lr", notes=["counted"])
    >>> print(table.text())
    part   params
    a < b   1,024
    counted
    >>> "a &lt; b" in table.html()
    True
    """

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    align: str
    caption: str = ""
    notes: Sequence[str] = ()

    def text(self) -> str:
        """Return the table as lines of equally wide columns."""
        lines = [self.heads, *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        columns = [*zip(self.align, widths, strict=True)]
        body = [
            "  ".join(v.ljust(n) if a == "l" else v.rjust(n) for v, (a, n) in zip(line, columns, strict=True)).rstrip()
            for line in lines
        ]
        return "\n".join([*([self.caption] if self.caption else []), *body, *self.notes])

    def html(self) -> str:
        """Return the table as HTML, every text escaped."""
        caption = f'<caption style="{_style("l")}">{escape(self.caption)}</caption>' if self.caption else ""
        rows = "".join(f"<tr>{self._cells(row, 'td')}</tr>" for row in self.rows)
        head = f"<thead><tr>{self._cells(self.heads, 'th')}</tr></thead>"
        return f"<div><table>{caption}{head}<tbody>{rows}</tbody></table>{_paragraphs(self.notes)}</div>"

    def _cells(self, texts: Sequence[str], tag: str) -> str:
        cells = zip(texts, self.align, strict=True)
        return "".join(f'<{tag} style="{_style(a)}">{escape(text)}</{tag}>' for text, a in cells)


def as_html(text: str) -> str:
    """Return what stands on a line of its own, where there is no table to show, as HTML."""
    return _paragraphs([text])


def _style(align: str) -> str:
    """Return what says at which side a text stands: notebooks have their own, right for all."""
    return f"text-align: {_ALIGN[align]}"


def _paragraphs(texts: Iterable[str]) -> str:
    return "".join(f"<p>{escape(text)}</p>" for text in texts)
