"""The script that breaks the package breaks it: what it changes, where, and how its verdicts are counted."""

import json
from collections import Counter

import mutants as script
import pytest
from mutant_sites import has_arithmetic, mutants


def changed(text):
    return {mutant.apply(text).strip() for mutant in mutants(text)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("y = a - b", {"y = (a + b)", "y = (b - a)"}),
        ("y = a / b**c", {"y = (a * b ** c)", "y = (b ** c / a)", "y = a / (b * c)"}),
        ("y = a < b", {"y = (a <= b)", "y = (a >= b)"}),
        ("y = 3", {"y = (4)", "y = (2)"}),
        ("y = True", {"y = (False)"}),
        ("y = not a", {"y = (a)"}),
        ("y = a and b", {"y = (a or b)"}),
        ("y = a if b else c", {"y = (c if b else a)"}),
        ("y = f(a, b, k=c)", {"y = (f(b, a, k=c))"}),
        ("y = min(a)", {"y = (max)(a)"}),
        ("y = x[a:b]", {"y = x[a + 1:b]", "y = x[a:b + 1]"}),
        ("y += a", {"y -= a", "pass"}),
        ("y[i] = a", {"pass"}),
        ("f(a)", {"pass"}),
        ("é = 'é', a - b", {"é = 'é', (a + b)", "é = 'é', (b - a)"}),
        ("raise ValueError(1 + 2)", set()),
        ("y: list[int | None]", set()),
        ("y = f'{1 + 2}'", set()),
        ("y = zip(a, strict=True)", set()),
    ],
)
def test_a_place_is_broken_as_said(text, expected):
    assert changed(text) == expected


def test_files_without_arithmetic_are_left_out():
    assert has_arithmetic("y = a * 2")
    assert not has_arithmetic("y = f(1)")


@pytest.fixture
def root(tmp_path):
    (tmp_path / "kernelconv").mkdir()
    (tmp_path / "kernelconv/long.py").write_text("".join(f"y{i} = a + {i}\n" for i in range(30)))
    (tmp_path / "kernelconv/short.py").write_text("y = a + b\n")
    (tmp_path / "kernelconv/none.py").write_text("y = 1\n")
    return tmp_path


def test_places_are_seeded_and_spread_over_all_files(root):
    drawn = script.places(root, 100, seed=1)
    assert Counter(path.name for path, _, _ in drawn) == {"long.py": 10, "short.py": 1}
    assert drawn == script.places(root, 100, seed=1) != script.places(root, 100, seed=2)
    assert {path.name for path, _, _ in script.places(root, 2, seed=3)} == {"long.py", "short.py"}
    assert all(mutant.apply(text) != text for _, text, mutant in drawn)


def test_tests_that_run_the_line_and_little_else_come_first():
    lines = {"f.py": {"1": [0, 1], "2": [0, 2], "3": [0]}}
    cover = {"tests": ["all", "line", "other"], "seconds": [1.0, 1.0, 0.1], "lines": lines}
    assert script.tests_of(cover, "f.py", 1, budget=10) == (["line", "all", "other"], pytest.approx(2.1))
    assert script.tests_of(cover, "f.py", 1, budget=1.1) == (["line", "other"], pytest.approx(1.1))
    assert script.tests_of(cover, "f.py", 9, budget=10)[0] == ["all", "other", "line"]
    assert script.tests_of(cover, "unknown.py", 1, budget=10) == ([], 0)


def test_a_survivor_is_found_again_after_the_file_has_changed(root, capsys):
    (root / "kernelconv/short.py").write_text("# a line more\n\ny = a + b\n")
    args = type("args", (), {"root": root})
    record = {"verdict": "survived"}
    known = {("kernelconv/short.py", ("-y = a + b", "+y = (a - b)"), 1): record}
    assert list(script.survivors(args, known)) == [
        ("kernelconv/short.py", 3, "# a line more\n\ny = (a - b)\n", record),
    ]
    known = {("kernelconv/short.py", ("-y = a + c", "+y = (a - c)"), 1): record}
    assert not list(script.survivors(args, known))
    assert "gone\n  kernelconv/short.py" in capsys.readouterr().out


def test_the_report_counts_without_equivalents(tmp_path, monkeypatch, capsys):
    same = {"file": "f.py", "diff": ["-a", "+b"], "why": "the same"}
    (tmp_path / "equivalent.jsonl").write_text(json.dumps(same) + "\n")
    monkeypatch.setattr(script, "EQUIVALENT", tmp_path / "equivalent.jsonl")
    lines = [
        {"file": "f.py", "line": 1, "kind": "name", "diff": ["-a", "+b"], "verdict": "survived"},
        {"file": "f.py", "line": 2, "kind": "name", "diff": ["-a", "+c"], "verdict": "survived"},
        {"file": "g.py", "line": 3, "kind": "name", "diff": ["-a", "+d"], "verdict": "survived"},
        {"file": "g.py", "line": 3, "kind": "name", "diff": ["-a", "+d"], "verdict": "killed"},
    ]
    (tmp_path / "found.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    script.report(tmp_path / "found.jsonl")
    out = capsys.readouterr().out
    assert out.startswith("3 mutants in 2 files, 1 of them equivalent; killed: 1 of 2\n")
    assert "survived f.py:2 (name)\n  -a\n  +c\n" in out
