"""The model of a table, and its form on a terminal, in Markdown and in HTML."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import floor, log10
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table as RichTable
from rich.text import Text

from kernelconv.report.templates import render

#: What Markdown would read as its own; an ampersand only where it begins an entity.
_MARKDOWN = re.compile(r"[\\`*_\[\]<|$~]|&(?=#?\w+;)")


@dataclass(frozen=True)
class Column:
    """A column: its heading, the heading that it shares with its neighbours, and "left" (texts) or "right" (numbers).

    The first column of a table names its rows.
    """

    heading: str
    group: str = ""
    align: str = "right"

    def __post_init__(self) -> None:
        if self.align not in ("left", "right"):
            raise ValueError(f"align must be 'left' or 'right', got {self.align!r}.")


@dataclass(frozen=True)
class Entry:
    """One cell of a table: a text, whether it is bold, and a small mark that follows it unchanged."""

    text: str
    bold: bool = False
    mark: str = ""


@dataclass(frozen=True)
class Section:
    """Rows under a common title; without a title they follow the rows above. An entry may also be a plain text."""

    title: str
    rows: Sequence[Sequence[Entry | str]]

    def entries(self) -> list[list[Entry]]:
        """Return the rows, with every cell as an `Entry`."""
        return [[e if isinstance(e, Entry) else Entry(e) for e in row] for row in self.rows]


@dataclass(frozen=True)
class Table:
    """A table: its caption, columns, sections, and the notes below it. All of these are plain text, never markup.

    Parameters
    ----------
    caption : str
        What the table shows, in one line.
    columns : sequence of Column
        The first one names the rows.
    sections : sequence of Section
        The rows, in order.
    notes : sequence of str
        How to read it, one entry per paragraph.

    Raises
    ------
    ValueError
        If the caption is empty, or a row has more or fewer entries than there are columns.

    Examples
    --------
    >>> from kernelconv.report import Column, Entry, Section, Table, markdown
    >>> columns = [Column("model", align="left"), Column("test error, %")]
    >>> table = Table("Digits", columns, [Section("", [["pixels", Entry("5.00", bold=True, mark=" ± 0.90")]])])
    >>> print(markdown(table))
    **Digits**
    <BLANKLINE>
    | model | test error, % |
    | :--- | ---: |
    | pixels | **5.00** ± 0.90 |
    """

    caption: str
    columns: Sequence[Column]
    sections: Sequence[Section]
    notes: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not self.caption:
            raise ValueError("A table needs a caption that says what it shows, got an empty one.")
        for section in self.sections:
            for row in section.entries():
                if len(row) != len(self.columns):
                    raise ValueError(
                        f"Every row of {self.caption!r} must have {len(self.columns)} entries, one a column; the row "
                        f"of {row[0].text if row else ''!r} has {len(row)}."
                    )

    def groups(self) -> list[tuple[str, list[Column]]]:
        """Return neighbouring columns of the same group together: (group, columns)."""
        found: list[tuple[str, list[Column]]] = []
        for column in self.columns:
            if found and column.group and column.group == found[-1][0]:
                found[-1][1].append(column)
            else:
                found.append((column.group, [column]))
        return found


def markdown(table: Table) -> str:
    """Return a table as Markdown: caption, rows, a separate row for each section's title, notes."""
    heads = [f"{c.group}: {c.heading}" if c.group else c.heading for c in table.columns]
    lines = [[_plain(head) for head in heads], [":---" if c.align == "left" else "---:" for c in table.columns]]
    for section in table.sections:
        if section.title:
            lines.append([f"**{_plain(section.title)}**", *[""] * (len(heads) - 1)])
        lines += [[_markdown_entry(e) for e in row] for row in section.entries()]
    body = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return "\n\n".join([f"**{_plain(table.caption)}**", body, *map(_plain, table.notes)])


def _markdown_entry(entry: Entry) -> str:
    text = _plain(entry.text)
    return (f"**{text}**" if entry.bold and text else text) + _plain(entry.mark)


def _plain(text: str) -> str:
    """Return a text on one line that Markdown shows as it is."""
    return _MARKDOWN.sub(r"\\\g<0>", " ".join(text.splitlines()))


def terminal(table: Table) -> Group:
    """Return a table for a rich console: caption, rows, notes; no text is read as markup."""
    shown = RichTable(
        box=SIMPLE_HEAD,
        title=Text(table.caption, style="bold"),
        title_justify="left",
        padding=(0, 1, 0, 0),
        show_edge=False,
    )
    two_lines = any(column.group for column in table.columns)
    for group, columns in table.groups():
        for i, column in enumerate(columns):
            above = f"{group if i == 0 else ''}\n" if two_lines else ""
            numbers = column.align == "right"
            options: dict[str, Any] = {"justify": "right"} if numbers else {"justify": "left", "min_width": 10}
            shown.add_column(Text(above + column.heading), no_wrap=numbers, overflow="fold", **options)
    for section in table.sections:
        shown.add_section()
        if section.title:
            shown.add_row(Text(section.title, style="dim"))
        for row in section.entries():
            shown.add_row(*map(_terminal_entry, row))
    return Group(shown, *(Text(note, style="dim") for note in table.notes))


def _terminal_entry(entry: Entry) -> Text:
    return Text(entry.text, style="bold" if entry.bold else "").append(entry.mark, style="not bold dim")


def number(value: float | None, decimals: int) -> str:
    """Return a number as tables show it: thousands parted, a dash for None.

    Examples
    --------
    >>> number(1234.5678, 2), number(None, 2)
    ('1,234.57', '–')
    """
    return "–" if value is None else f"{value:,.{decimals}f}"


def shown_decimals(values: Iterable[float | None], most: int) -> int:
    """Return how many decimals show the smallest of `values` that is not 0 to three digits, `most` at most.

    Examples
    --------
    >>> [shown_decimals(v, 4) for v in ([250.0], [31.4, 250.0], [1.5, None], [0.0123, 0.0], [1e-9], [])]
    [0, 1, 2, 4, 4, 0]
    """
    smallest = min((abs(v) for v in values if v), default=100.0)
    return min(most, max(0, 2 - floor(log10(smallest))))


def html(table: Table) -> str:
    """Return a table as HTML that scrolls if it is too wide; headers of columns, rows and groups are marked as such."""
    return render("table.html", table=table)
