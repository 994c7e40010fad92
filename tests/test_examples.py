"""Every example runs as a user would run it, in a process of its own, and shows what it says: an assertion, a figure.

They run in one row of CI; what is read of them without running them is tested in both.
"""

import ast
import functools
import os
import re
import struct
import sys
from pathlib import Path

import pytest

from kernelconv.datasets import data_folder

EXAMPLES = Path(__file__).parent.parent / "examples"
PATHS = sorted(EXAMPLES.glob("*/plot_*.py"))
#: CPU seconds of one example and of all. The one place where a test measures time, and not by a clock on the wall, so
#: that a busy machine does not fail it.
LIMIT, LIMIT_OF_ALL = 15, 120
NO_DATA = re.compile(r"DataError: (.* (?:was not found|is not complete).*)")


def imported(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    sys.modules.pop("draw", None)
    import draw

    return draw


@pytest.fixture
def draw(monkeypatch):
    yield imported(monkeypatch)
    del sys.modules["draw"]


def asserts(path):
    return any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def complaints(path, right, printed, seconds, limit=LIMIT):
    """Return what is wrong with an example that ran."""
    wrong = [] if right else [f"it failed:\n{printed}"]
    wrong += [] if asserts(path) else ["it asserts nothing: let it assert its known answer"]
    return wrong + ([f"it took {seconds:.1f} s of CPU time, more than {limit}"] if seconds > limit else [])


@pytest.fixture(scope="session")
def runner():
    """Return the process that runs examples."""
    pytest.importorskip("matplotlib", reason="examples draw: install kernelconv[plot]")
    if not hasattr(os, "fork"):
        pytest.skip("examples run in forks of one process")
    with pytest.MonkeyPatch.context() as patch:
        start = imported(patch).Runner
    data = os.environ.get("KERNELCONV_DATA") or str(data_folder())  # named, nothing is fetched
    with start(KERNELCONV_DATA=data) as found:
        yield found


@pytest.fixture(scope="session")
def ran(tmp_path_factory, runner):
    """Return a function that runs an example, once: whether it ran through, what it printed, its CPU seconds."""

    @functools.cache
    def once(path):
        folder = tmp_path_factory.mktemp(path.stem)
        found = runner.run(path, cwd=folder)
        assert not list(folder.iterdir()), "an example writes no files"
        return found

    return once


@pytest.mark.once("newest")
@pytest.mark.parametrize("path", PATHS, ids=lambda p: p.stem)
def test_example(path, ran):
    right, printed, seconds = ran(path)
    if missing := NO_DATA.search(printed):
        pytest.skip(missing[1])
    assert not complaints(path, right, printed, seconds)


@pytest.mark.once("newest")
def test_all_of_them_take_two_minutes(ran):
    assert sum(ran(path)[2] for path in PATHS) <= LIMIT_OF_ALL


@pytest.mark.parametrize("path", PATHS, ids=lambda p: p.stem)
def test_example_asserts_and_is_written_for_a_gallery(path, draw):
    assert asserts(path)
    title, text = draw.described(path)
    assert len(title) <= 70
    assert text.endswith((".", "?", ":"))
    marked = re.search("^# %%", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert marked, "sections begin with a line # %%"


def test_page_shows_each_with_its_picture(draw):
    assert draw.examples() == sorted(PATHS, key=lambda p: (draw.GROUPS.index(p.parent.name), p.name))
    assert len({path.stem for path in PATHS}) == len(PATHS) >= 10
    assert (EXAMPLES / "README.md").read_text(encoding="utf-8") == draw.readme(), "run python examples/draw.py --text"
    assert {draw.picture(path) for path in PATHS} == set((EXAMPLES / "pictures").iterdir())
    for path in PATHS:
        picture = draw.picture(path).read_bytes()
        assert struct.unpack(">I", picture[16:20]) == (draw.WIDTH,)
        assert len(picture) <= draw.BYTES


GOOD = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nassert 1 < 2\n"
BAD = {
    "no assertion": (GOOD.replace("assert", "1 or"), LIMIT, "asserts nothing"),
    "no figure": ("assert 1 < 2", LIMIT, "ends without a figure"),
    "closed": (GOOD + "plt.close('all')", LIMIT, "ends without a figure"),
    "slow": (GOOD, 0.01, "CPU time"),
    "wrong": (GOOD.replace("1 < 2", "2 < 1"), LIMIT, "AssertionError"),
    "a warning": (GOOD + "import warnings\nwarnings.warn('old')", LIMIT, "UserWarning: old"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_example_is_found(name, tmp_path, runner):
    code, limit, said = BAD[name]
    path = tmp_path / "plot_it.py"
    path.write_text(code)
    wrong = complaints(path, *runner.run(path), limit)
    assert len(wrong) == 1
    assert said in wrong[0]


@pytest.mark.once("newest")
def test_a_good_example_is_kept_as_a_picture(tmp_path, runner):
    path = tmp_path / "plot_it.py"
    path.write_text(GOOD)
    assert complaints(path, *runner.run(path, tmp_path / "it.png")) == []
    assert struct.unpack(">I", (tmp_path / "it.png").read_bytes()[16:20]) == (600,)


@pytest.mark.once("newest")
def test_examples_of_absent_data_are_left_out_in_words(tmp_path, draw, runner):
    path = tmp_path / "plot_it.py"
    path.write_text("from kernelconv import load_mnist\nload_mnist()\n")
    with draw.Runner(KERNELCONV_DATA=str(tmp_path)) as without:
        right, printed, _ = without.run(path)
    assert not right
    assert NO_DATA.search(printed)[1].startswith("MNIST is not complete in ")


@pytest.mark.parametrize("text", ["A line.", "Title\n===\n\nText.", "Title\n=====\nText.", "Title\n=====\n\n"])
def test_docstrings_without_a_title_are_refused(text, draw):
    with pytest.raises(ValueError, match="a title, as many '=' below it"):
        draw.title_and_text(text)
