"""Sweep: cells are found by all that decides them and by nothing else, verified, resumed, run side by side."""

import json
import os
import re
from dataclasses import dataclass

import joblib
import pytest

from kernelconv.studies import environment
from kernelconv.studies.cells import digest, read_cell, read_cells, write_cell
from kernelconv.studies.environment import code_digest, provenance, syntax
from kernelconv.studies.sweep import Sweep


@dataclass(frozen=True)
class Cell:
    number: int


class Squares:
    """A study whose cells cost nothing."""

    name = "squares"

    def __init__(self, numbers=(2, 3), factor=1):
        self.cells, self.factor = [Cell(n) for n in numbers], factor

    def identity(self, cell):
        return {"number": cell.number, "factor": self.factor}

    def run(self, cell):
        return {"square": self.factor * cell.number**2, "process": os.getpid()}

    def seconds(self, cell):
        return float(cell.number)


class Broken(Squares):
    """Its third cell dies."""

    def run(self, cell):
        if cell.number == 4:
            os.kill(os.getpid(), 9)
        return super().run(cell)


class Infinite(Squares):
    """Its records are no numbers."""

    def run(self, cell):
        return {"square": float("nan")}


class Failing(Squares):
    """One of its cells fails."""

    def run(self, cell):
        if cell.number == 3:
            raise KeyError("a column")
        return super().run(cell)


def squares(sweep):
    return [record["square"] for record in sweep.records().values()]


def test_each_cell_is_run_once_and_found_again(tmp_path):
    sweep = Sweep(Squares(), tmp_path)
    assert (sweep.missing(), sweep.seconds()) == (sweep.cells, 5.0)
    assert [done.known for done in sweep.run()] == [False, False]
    assert [(done.record["square"], done.known) for done in Sweep(Squares(), tmp_path).run()] == [(4, True), (9, True)]
    assert [done.known for done in Sweep(Squares((3, 4)), tmp_path).run()] == [True, False]
    assert (sweep.missing(), sweep.seconds()) == ([], 0)


def test_a_changed_identity_is_another_cell_and_the_old_one_stays(tmp_path):
    list(Sweep(Squares(), tmp_path).run())
    other = Sweep(Squares(factor=2), tmp_path)
    assert squares(other) == []
    list(other.run())
    assert squares(other) == [8, 18]
    assert squares(Sweep(Squares(), tmp_path)) == [4, 9]
    with pytest.raises(ValueError, match=r"2-\w+\.json are the same cell under different settings\. Delete one"):
        read_cells(tmp_path)


@pytest.mark.parametrize("backend", ["loky", "threading", "sequential"])
def test_cells_run_where_the_caller_says(tmp_path, backend):
    with joblib.parallel_config(backend=backend, n_jobs=2):
        list(Sweep(Squares(range(4)), tmp_path).run())
    sweep = Sweep(Squares(range(4)), tmp_path)
    assert squares(sweep) == [0, 1, 4, 9]
    processes = {record["process"] for record in sweep.records().values()}
    assert (os.getpid() in processes) == (backend != "loky")


def test_workers_run_side_by_side_and_save_what_they_finish(tmp_path):
    list(Sweep(Squares(range(4)), tmp_path).run(workers=2))
    records = Sweep(Squares(range(4)), tmp_path).records()
    assert os.getpid() not in {r["process"] for r in records.values()}
    assert squares(Sweep(Squares(range(4)), tmp_path)) == [n**2 for n in range(4)]
    assert len(list(Sweep(Squares((5, 6)), tmp_path).run(workers=1))) == 2
    with pytest.raises(ValueError, match="workers must be at least 1, got 0"):
        list(Sweep(Squares(), tmp_path).run(workers=0))


def test_kept_workers_save_in_the_folder_of_the_sweep_when_the_working_directory_changes(tmp_path, monkeypatch):
    for name in "ab":
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        list(Sweep(Squares(range(2)), "out").run(workers=2))
        assert squares(Sweep(Squares(range(2)), "out")) == [0, 1]


def test_a_killed_worker_is_said_in_words_and_what_is_finished_stays(tmp_path):
    with pytest.raises(ChildProcessError, match="A worker was killed, perhaps for want of memory"):
        list(Sweep(Broken((2, 3, 4, 5)), tmp_path).run(workers=2))
    done = Sweep(Squares((2, 3, 4, 5)), tmp_path).run()
    assert [d.record["square"] for d in sorted(done, key=lambda d: d.cell.number)] == [4, 9, 16, 25]


def test_numbers_that_are_not_finite_are_never_written(tmp_path):
    with pytest.raises(ValueError, match="gave numbers that are not finite: nothing is written"):
        list(Sweep(Infinite(), tmp_path).run())
    assert not list((tmp_path / "cells").iterdir())


@pytest.mark.once("oldest")
@pytest.mark.parametrize("workers", [None, 2])
def test_a_cell_that_fails_is_named_and_stops_no_other(tmp_path, workers):
    words = r"1 of 3 cells failed, the others are saved\. Cell\(number=3\): KeyError: 'a column' \(test_sweep\.py, line"
    with pytest.raises(ValueError, match=words):
        list(Sweep(Failing((2, 3, 4)), tmp_path).run(workers))
    assert squares(Sweep(Squares((2, 3, 4)), tmp_path)) == [4, 16]


def test_results_are_told_with_the_versions_of_their_cells(tmp_path, monkeypatch):
    sweep = Sweep(Squares(), tmp_path)
    assert sweep.made_with() == provenance()
    next(sweep.run())
    before = environment.__version__
    monkeypatch.setattr(environment, "__version__", "9.9")
    assert sweep.made_with()["kernelconv"] == before
    list(sweep.run())
    assert sweep.made_with()["kernelconv"] == f"{before}, 9.9"


# -- damage ------------------------------------------------------------------------------------------------------------


def edited(text):
    return text.replace('"square": 4', '"square": 5')


def renamed(text):
    content = json.loads(text)
    content["identity"]["number"] = 7
    content.pop("sha256")
    return json.dumps(whole(content))


def foreign(text):
    content = json.loads(text)
    content["study"] = "cubes"
    content.pop("sha256")
    return json.dumps(whole(content))


def whole(content):
    from kernelconv.studies import cells

    return {**content, "sha256": cells._sha256(content)}


DAMAGES = {
    "empty": (lambda text: "", r"is empty\. Delete it, and the same command computes it again"),
    "truncated": (lambda text: text[:100], r"is damaged \(.*\)\. Delete it"),
    "NaN": (lambda text: text.replace('"square": 4', '"square": NaN'), r"is damaged \(it holds NaN.*\)\. Delete it"),
    "a number beyond all": (lambda text: text.replace('"square": 4', '"square": 1e999'), r"is damaged \(.*\)\. Delete"),
    "deep": (lambda text: "[" * 100_000, r"is damaged"),
    "edited": (edited, r"was edited or damaged: its checksum is not that of its content\. Delete it"),
    "binary": (lambda text: "\0\1\2", r"is damaged"),
    "a list": (lambda text: "[1, 2]", r"is no cell of this version \(kernelconv-cell-1\)\. Move it out"),
    "another format": (lambda text: text.replace("kernelconv-cell-1", "other"), r"is no cell of this version"),
    "another cell": (renamed, r"has the name of another cell: it holds \{'number': 2\}\. Move it out"),
    "another study": (foreign, r"is a cell of another study: cubes, \{'number': 2\}\. Move it out"),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_cell_is_named_with_what_to_do(tmp_path, kind):
    damage, words = DAMAGES[kind]
    sweep = Sweep(Squares(), tmp_path)
    list(sweep.run())
    path = sweep.path(Cell(2))
    text = path.read_text()
    assert damage(text) != text
    path.write_text(damage(text))
    with pytest.raises(ValueError, match=rf"{re.escape(str(path))} {words}"):
        list(Sweep(Squares(), tmp_path).run())
    path.unlink()
    assert [done.known for done in Sweep(Squares(), tmp_path).run()] == [True, False]


def test_cells_are_read_back_whole(tmp_path):
    list(Sweep(Squares(), tmp_path).run())
    first, second = read_cells(tmp_path)
    assert (first["study"], first["cell"], first["record"]["square"]) == ("squares", {"number": 2}, 4)
    assert second["provenance"] == json.loads(json.dumps(provenance()))
    assert read_cells(tmp_path, "cubes") == []
    assert read_cells(tmp_path / "nowhere") == []
    path = Sweep(Squares(), tmp_path).path(Cell(2))
    assert read_cell(path) == first
    write_cell(path, {k: v for k, v in first.items() if k != "format"})
    assert read_cell(path) == first


def test_the_digest_is_of_content_not_of_order():
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": [1, 2], "a": 1}) != digest({"a": 1, "b": [2, 1]})


# -- provenance --------------------------------------------------------------------------------------------------------


def test_the_kernels_of_blas_are_those_of_blas_alone(monkeypatch):
    found = [
        {"user_api": "openmp", "internal_api": "openmp", "version": None},
        {"user_api": "blas", "internal_api": "openblas", "version": "0.3.30", "architecture": "Zen"},
        {"user_api": "blas", "internal_api": "mkl", "version": "2025.1", "architecture": "Haswell"},
        {"user_api": "blas", "internal_api": "openblas", "version": "0.3.30", "architecture": "Zen"},
    ]
    monkeypatch.setattr(environment, "threadpool_info", lambda: found)
    made_with = provenance()
    assert made_with["blas_kernels"] == "Haswell, Zen"
    assert made_with["blas"] == "mkl 2025.1, openblas 0.3.30"


def test_prose_comments_and_layout_leave_the_digest_of_the_code_alone(monkeypatch, tmp_path):
    one = '"""One."""\nclass A:\n    """Two."""\n    def f(self, x=1):\n        "Three."\n        return x  # four\n'
    two = "class A:\n    '''Other.'''\n    def f(self,\n          x=1): return x\n"
    assert syntax(one) == syntax(two) != syntax(two.replace("x=1", "x=2"))
    assert syntax('x = "a text that is no docstring"') != syntax("")
    assert re.fullmatch("[0-9a-f]{16}", code_digest())


def test_code_and_versions_never_decide_whether_a_cell_is_read(tmp_path, monkeypatch):
    list(Sweep(Squares(), tmp_path).run())
    monkeypatch.setattr(environment, "__version__", "9.9")
    environment.code_digest.cache_clear()
    monkeypatch.setattr(environment, "syntax", lambda source: "")
    try:
        assert [done.known for done in Sweep(Squares(), tmp_path).run()] == [True, True]
        (before, _), now = read_cells(tmp_path), provenance()
        assert before["provenance"]["kernelconv"] != now["kernelconv"] == "9.9"
        assert before["provenance"]["code"] != now["code"]
    finally:
        environment.code_digest.cache_clear()


def test_cells_are_frozen_and_named_by_their_fields(tmp_path):
    @dataclass(frozen=True)
    class Named:
        model: str
        size: int

    study = Squares()
    study.cells = [Named("module:name of/mine+head", 3)]
    study.identity = lambda cell: {}
    (name,) = [Sweep(study, tmp_path).path(c).name for c in study.cells]
    assert re.fullmatch(r"module_name_of_mine\+head-3-[0-9a-f]{12}\.json", name)
