"""The pages of docs/ keep their word: every block of code on them runs, in order, in one namespace a page."""

import contextlib
import doctest
import io
import math
import os
import re
import shlex
import sys
from pathlib import Path

import pytest

from kernelconv import cli
from kernelconv.datasets import DataError, load_mnist

DOCS = Path(__file__).parent.parent / "docs"
PAGES = sorted(page for page in DOCS.rglob("*.md") if not {"_build", "paper"} & set(page.parts))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
#: Languages of blocks to look at.
OTHERS = {"text", "toml", "json", "yaml", "bibtex"}
#: What the commands of pages begin with, where they install: README's own commands are what CI runs.
INSTALLS = ("SRC=", "python3 -m venv ", "pip install ")
#: Pages whose code needs more than the base install.
NEEDS = {
    "coming_from/pytorch": ("torch",),
    "extending/data_set": ("PIL",),
    "extending/rival_torch": ("torch", "onnx", "onnxruntime", "onnxscript"),
    "start": ("skops", "PIL", "matplotlib"),
}
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
NUMBER = re.compile(r"\d+\.\d+")
#: How far a decimal number of a `text` block may lie from what the block before it printed: machines round otherwise.
NEAR = 0.05


def blocks(text):
    """Return (line, language, code) of every fenced block that names a language."""
    return [(text[: at.start()].count("\n") + 2, at[1], at[2]) for at in BLOCK.finditer(text)]


def same(told, shown):
    """Return whether two texts are the same but for white space and the last digits of decimal numbers."""
    numbers = [[float(v) for v in NUMBER.findall(text)] for text in (told, shown)]
    words = [NUMBER.sub("#", text).split() for text in (told, shown)]
    return words[0] == words[1] and all(math.isclose(a, b, rel_tol=NEAR) for a, b in zip(*numbers, strict=True))


def run(page, names):
    """Run the Python of a page; compare what it prints with the answers shown, or with the block of text after it."""
    printed = ""
    for line, language, code in blocks(page.read_text(encoding="utf-8")):
        if language == "text" and printed:
            assert same(printed, code), f"{page.name}, line {line}: the block before it printed\n{printed}"
        printed = ""
        if language == "python":
            with contextlib.redirect_stdout(io.StringIO()) as out:
                exec(compile("\n" * (line - 1) + code, str(page), "exec"), names)
            printed = out.getvalue()
        elif language == "sh":
            for words in map(shlex.split, code.splitlines()):
                command(words)
        elif language == "pycon":
            test = doctest.DocTestParser().get_doctest(code, names, page.name, str(page), line - 1)
            told = []
            doctest.DocTestRunner(optionflags=FLAGS).run(test, out=told.append, clear_globs=False)
            assert not told, "".join(told)
            names.update(test.globs)
        else:
            assert language in OTHERS, f"{page.name}, line {line}: {language} is no language of these pages"


def command(words):
    """Run a command of a page in this process: with KERNELCONV_SLOW=1 whole, otherwise up to the first cell.

    A data set that is not on this machine, and a cluster, end it at its arguments.
    """
    if words[0] != "kernelconv":
        assert " ".join(words).startswith(INSTALLS), f"{shlex.join(words)}: no test runs it"
        return
    options = cli.parsed(words[1:])
    if "mnist" in getattr(options, "data", ()):
        try:
            load_mnist()
        except DataError:
            return
    with pytest.MonkeyPatch.context() as patch:
        if not os.environ.get("KERNELCONV_SLOW") or "mnist" in words or "--scheduler" in words:
            for step in ("run", "finish", "finish_stability"):
                patch.setattr(cli, step, lambda *_: None)
        patch.setattr(sys, "path", list(sys.path))
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as said:
            status = cli.main(words[1:])
    assert status == 0, f"{shlex.join(words)}: {said.getvalue()}"


def name(page):
    return page.relative_to(DOCS).with_suffix("").as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_code_of_a_page_runs(page, tmp_path, monkeypatch):
    for needed in NEEDS.get(name(page), ()):
        pytest.importorskip(needed)
    monkeypatch.chdir(tmp_path)
    run(page, {"__name__": "__main__"})


def test_needs_are_those_of_pages():
    assert set(NEEDS) <= set(map(name, PAGES))


def test_a_wrong_answer_fails(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("Text.\n\n```python\nx = 1\n```\n\n```pycon\n>>> x + 1\n3\n```\n", encoding="utf-8")
    with pytest.raises(AssertionError, match=r"Expected:\s+3\s+Got:\s+2\s"):
        run(page, {})
    page.write_text("```pyton\nx = 1\n```\n", encoding="utf-8")
    with pytest.raises(AssertionError, match=r"page.md, line 2: pyton is no language of these pages"):
        run(page, {})
    page.write_text("```sh\nkernelconv compare --models nothing\n```\n", encoding="utf-8")
    with pytest.raises(AssertionError, match=r"kernelconv compare --models nothing: error: .*nothing"):
        run(page, {})
    page.write_text("```sh\nmake docs\n```\n", encoding="utf-8")
    with pytest.raises(AssertionError, match=r"make docs: no test runs it"):
        run(page, {})
    page.write_text("```python\nprint('mean', 0.171, 3)\n```\n\n```text\nmean 0.171  3\n```\n", encoding="utf-8")
    run(page, {})
    for wrong in ("mean 0.181 3", "mean 0.171 4", "median 0.171 3"):
        page.write_text(f"```python\nprint('mean', 0.171, 3)\n```\n\n```text\n{wrong}\n```\n", encoding="utf-8")
        with pytest.raises(AssertionError, match=r"page.md, line 6: the block before it printed\s+mean 0.171 3"):
            run(page, {})
