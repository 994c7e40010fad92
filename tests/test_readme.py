"""README keeps its word: its examples run, its table is that of the committed results."""

import re
import subprocess
import sys
from pathlib import Path

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


def test_table_is_that_of_the_results():
    command = [sys.executable, str(ROOT / "benchmarks" / "readme_table.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_short_table_is_that_of_the_comparison(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from render import FOLDER, README
    from rendering.page import BLOCK, with_short_table
    from rendering.results import Results

    text, results = README.read_text(encoding="utf-8"), Results(FOLDER)
    assert with_short_table(text, results) == text
    assert with_short_table(BLOCK.sub(r"\1\2", text), results) == text != BLOCK.sub(r"\1\2", text)
