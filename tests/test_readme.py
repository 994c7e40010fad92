"""README keeps its word: its examples run, its tables are those of the results and of the code."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def test_examples_run(capsys):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    names = {}
    for code in blocks:
        assert len(code.strip().splitlines()) <= 12
        exec(compile(code, "README.md", "exec"), names)
    assert names["own"].score(names["X"][1000:], names["y"][1000:]) > 0.9
    reached = "networktransformer__network__layer_1__mapping__n_anchors"
    assert names["own"].get_params()[reached] == 64
    assert reached in (ROOT / "README.md").read_text(encoding="utf-8")
    out = capsys.readouterr().out
    scores = [float(v) for v in out.split("\n")[0].split()]
    assert len(scores) == 2
    assert min(scores) > 0.9
    assert "relative_change" in out


def test_table_is_that_of_the_committed_cells(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from render import README, committed
    from rendering.page import BLOCK, with_table

    text, results = README.read_text(encoding="utf-8"), committed()
    assert with_table(text, results) == text, "run python benchmarks/render.py"
    assert with_table(BLOCK.sub(r"\1\2", text), results) == text != BLOCK.sub(r"\1\2", text)


@pytest.fixture
def readme_map(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import readme_map

    yield readme_map
    del sys.modules["readme_map"]


def test_map_is_that_of_the_code(readme_map):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme_map.with_map(text) == text, "run python benchmarks/readme_map.py"
    emptied = readme_map.BLOCK.sub(r"\1\2", text)
    assert readme_map.with_map(emptied) == text != emptied


def test_map_has_every_folder_and_module_with_its_docstring(readme_map, tmp_path, monkeypatch):
    for name, docstring in {
        "house/__init__.py": "The house.",
        "house/b.py": "A module: ``x | y``.\n\nMore of it.",
        "house/_leaf.py": "A leaf.",
        "house/operators/__init__.py": "One layer.",
        "house/operators/one.py": "One.",
        "house/operators/fast/__init__.py": "Fast.",
        "house/a_new_room/__init__.py": "New.",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f'"""{docstring}"""\n')
    monkeypatch.setattr(readme_map, "ROOT", tmp_path)
    monkeypatch.setattr(readme_map, "PACKAGE", tmp_path / "house")
    assert readme_map.code_map().splitlines()[3:7] == [
        "| `house/operators/` | One layer | `one` |",
        "| `house/operators/fast/` | Fast |  |",
        "| `house/a_new_room/` | New |  |",
        r"| `house/b.py` | A module: `x \| y` | |",
    ]
    assert "| `house/_leaf.py` | A leaf | |" in readme_map.code_map()


def test_map_names_what_there_is(readme_map):
    """The guard of the two above: README's map has a line for every folder of the package."""
    found = set(re.findall(r"^\| `(kernelconv/.*?/)` \|", readme_map.code_map(), re.MULTILINE))
    folders = {f"{p.parent.relative_to(ROOT)}/" for p in (ROOT / "kernelconv").rglob("__init__.py")}
    assert found == folders - {"kernelconv/"}
    assert len(found) > 15
    assert all((ROOT / name).is_dir() for name in readme_map.BESIDE)
