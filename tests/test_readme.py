"""README keeps its word: its example runs, its table is that of the committed results."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_example_runs(capsys):
    code = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)[1]
    assert len(code.strip().splitlines()) <= 12
    exec(compile(code, "README.md", "exec"), {})
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
