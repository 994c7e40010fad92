"""The one model of a table: what each renderer makes of it is read back by parsers that are not its own."""

import csv
import io

import pytest
from reports import Parsed
from rich.console import Console

from kernelconv._files import write_csv
from kernelconv.report.table import Column, Entry, Section, Table, html, markdown, terminal

EVIL = "<script>alert('&\"')</script>|[red]x[/red]*_`$\\ &lt;"


def small(caption="Errors", notes=("* recalled.",), name="ckn"):
    columns = [
        Column("model", align="left"),
        Column("mean", group="error, %"),
        Column("± draws", group="error, %"),
        Column("why", align="left"),
    ]
    first = Section("300 images", [["pixels", "8.00", "0.30", "-"], [name, Entry("0.31", True, "*"), "0.02", "a"]])
    second = Section("1,000 images", [[name, Entry("0.25", mark=" (2 of 3)"), "0.01", "b"]])
    return Table(caption, columns, [first, second], notes)


def printed(table, width=80, **options):
    console = Console(width=width, file=io.StringIO(), **{"color_system": None, **options})
    console.print(terminal(table))
    return console.file.getvalue()


# -- the model -----------------------------------------------------------------------------------------------------


def test_neighbours_of_one_group_stand_together():
    assert [(group, len(columns)) for group, columns in small().groups()] == [("", 1), ("error, %", 2), ("", 1)]
    apart = Table("t", [Column("a", "x"), Column("b"), Column("c", "x")], [])
    assert [(group, len(columns)) for group, columns in apart.groups()] == [("x", 1), ("", 1), ("x", 1)]


def test_a_table_says_what_is_wrong_with_it():
    with pytest.raises(ValueError, match=r"row of 'Errors' must have 2 entries, one a column; the row of 'x' has 1\."):
        Table("Errors", [Column("a"), Column("b")], [Section("", [["x"]])])
    with pytest.raises(ValueError, match="A table needs a caption that says what it shows"):
        Table("", [Column("a")], [])
    with pytest.raises(ValueError, match="align must be 'left' or 'right', got 'middle'"):
        Column("a", align="middle")


# -- Markdown ------------------------------------------------------------------------------------------------------


def test_markdown_line_by_line():
    assert markdown(small()).splitlines() == [
        "**Errors**",
        "",
        "| model | error, %: mean | error, %: ± draws | why |",
        "| :--- | ---: | ---: | :--- |",
        "| **300 images** |  |  |  |",
        "| pixels | 8.00 | 0.30 | - |",
        r"| ckn | **0.31**\* | 0.02 | a |",
        "| **1,000 images** |  |  |  |",
        "| ckn | 0.25 (2 of 3) | 0.01 | b |",
        "",
        r"\* recalled.",
    ]


def test_markdown_reads_nothing_in_names():
    line = markdown(small(name=EVIL)).splitlines()[6]
    special = r"\`*_[]<|$~"
    plain = line.removeprefix("| ").split(r" | **0.31**")[0]
    kept = [c for before, c in zip(" " + plain, plain, strict=False) if c in special and before != "\\"]
    assert set(kept) == {"\\"}  # nothing special stands without a backslash before it
    assert r"\&lt;" in plain
    assert "\n" not in markdown(Table("a\nb", [Column("c\nd")], [])).replace("\n\n", "").replace(" |\n|", "")


# -- terminal ------------------------------------------------------------------------------------------------------


def test_terminal_shows_every_text_once_and_in_its_section():
    lines = [line.split() for line in printed(small()).splitlines() if line.strip()]
    assert lines[0] == ["Errors"]
    assert lines[1:3] == [["error,", "%"], ["model", "mean", "±", "draws", "why"]]
    assert lines[4:] == [
        ["300", "images"],
        ["pixels", "8.00", "0.30", "-"],
        ["ckn", "0.31*", "0.02", "a"],
        ["1,000", "images"],
        ["ckn", "0.25", "(2", "of", "3)", "0.01", "b"],
        ["*", "recalled."],
    ]


def test_terminal_reads_no_markup_and_makes_the_best_bold():
    assert EVIL in printed(small(name=EVIL), width=200)
    assert "[b]t[/b]" in printed(small(caption="[b]t[/b]"))
    coloured = printed(small(), force_terminal=True, color_system="standard")
    (line,) = [x for x in coloured.splitlines() if "0.31" in x]
    assert "0.31\x1b[0m\x1b[2m*" in line  # the mark is not bold
    below = coloured.split("300 images")[1]
    assert below.count("\x1b[1m") == 1


def test_terminal_folds_long_names_and_keeps_numbers_whole():
    text = printed(small(name="scattering-ckn+gaussian-" * 5), width=60)
    assert max(map(len, text.splitlines())) <= 60
    assert "0.31*" in text
    assert "0.25 (2 of 3)" in text
    assert "…" not in text


# -- HTML ----------------------------------------------------------------------------------------------------------


def test_html_holds_every_text_at_its_place():
    page = Parsed(html(small()))
    assert page.tables == [
        [
            ["model", "error, %", "why"],
            ["mean", "± draws"],
            ["300 images"],
            ["pixels", "8.00", "0.30", "-"],
            ["ckn", "0.31*", "0.02", "a"],
            ["1,000 images"],
            ["ckn", "0.25 (2 of 3)", "0.01", "b"],
        ]
    ]
    assert page.all("strong") == [{}]
    assert len(page.all("caption")) == 1
    assert [th["scope"] for th in page.all("th")] == ("col colgroup col col col rowgroup row row rowgroup row".split())
    assert [td["class"] for td in page.all("td")] == ["right", "right", "left"] * 3


def test_html_spans_are_those_of_the_columns():
    page = Parsed(html(small()))
    heads = page.all("th")
    assert [(h.get("rowspan"), h.get("colspan")) for h in heads[:3]] == [("2", None), (None, "2"), ("2", None)]
    assert [h["colspan"] for h in heads if h["scope"] == "rowgroup"] == ["4", "4"]
    plain = Parsed(html(Table("t", [Column("a"), Column("b")], [Section("", [["1", "2"]])])))
    assert plain.tables == [[["a", "b"], ["1", "2"]]]
    assert all("rowspan" not in h for h in plain.all("th"))


def test_html_lets_a_name_among_numbers_wrap():
    rows = [["x", "1,234.56"], ["y", "a name of twenty-five chars"]]
    page = Parsed(html(Table("t", [Column("a"), Column("b")], [Section("", rows)])))
    assert [td["class"] for td in page.all("td")] == ["right", "right long"]


def test_html_scrolls_and_names_what_scrolls():
    (region,) = Parsed(html(small(caption=EVIL))).all("div")
    assert region == {"class": "scroll", "role": "region", "aria-label": EVIL, "tabindex": "0"}


def test_html_escapes_everything():
    columns = [Column(EVIL, group=EVIL), Column(EVIL)]
    text = html(Table(EVIL, columns, [Section(EVIL, [[Entry(EVIL, True, EVIL), EVIL]])], [EVIL]))
    page = Parsed(text)
    assert "script" not in dict(page.tags)
    assert page.text.count(EVIL) == 9
    assert "<script" not in text


# -- csv -----------------------------------------------------------------------------------------------------------


def test_csv_keeps_every_digit_and_every_text(tmp_path):
    rows = [{"model": 'a,"b"\nc', "error": 0.1 + 0.2, "n": None, "other": 1}, {"model": EVIL, "error": 1e-17, "n": 3}]
    write_csv(tmp_path / "r.csv", ["model", "error", "n"], rows)
    with open(tmp_path / "r.csv", newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert lines[0] == {"model": 'a,"b"\nc', "error": "0.30000000000000004", "n": ""}
    assert (lines[1]["model"], float(lines[1]["error"]), lines[1]["n"]) == (EVIL, 1e-17, "3")


def test_csv_is_whole_or_not_there(tmp_path, monkeypatch):
    path = tmp_path / "r.csv"
    path.write_text("old")
    with pytest.raises(KeyError, match="error"):
        write_csv(path, ["model", "error"], [{"model": "a"}])

    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_csv(path, ["model"], [{"model": "a"}])
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"r.csv": "old"}
