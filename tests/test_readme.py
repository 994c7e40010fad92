"""README and the documentation keep their word: the example, the table, the map of the code are those of today."""

import json
import re
import sys
from inspect import signature
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import BaseEstimator

import kernelconv
from kernelconv import (
    AffineSubspaceClassifier,
    ConvKernelNetwork,
    IncrementalRidge,
    IncrementalRidgeClassifier,
    JointTimeFrequencyScattering,
    NetworkTransformer,
    Scattering1D,
    Scattering2D,
    Scattering3D,
    serial,
)
from kernelconv.operators import ReLU

ROOT = Path(__file__).parent.parent


def test_example_runs(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(code.strip().splitlines()) <= 13
    exec(compile(code, "README.md", "exec"), {})
    assert not list(tmp_path.iterdir())
    out = capsys.readouterr().out
    scores = [float(v) for v in out.split("\n")[0].split()]
    assert len(scores) == 2
    assert scores[0] > 0.97
    assert scores[1] > 0.985, "a ridge whose penalties end at 0.1 has 0.977"
    assert "relative_change" in out


READ_ROWS = {AffineSubspaceClassifier, IncrementalRidge, IncrementalRidgeClassifier, Scattering1D}
READ_ROWS |= {JointTimeFrequencyScattering}


@pytest.mark.filterwarnings("ignore:.* anchors are more than the 1 distinct patches")  # of images of one pixel
def test_who_passes_the_suite_of_scikit_learn_reads_its_rows_as_the_first_page_says():
    """The suite itself runs beside each estimator's tests; its narrowest rows are what the settings are for."""
    text = " ".join((ROOT / "docs" / "start.md").read_text(encoding="utf-8").split())
    assert "`AffineSubspaceClassifier` as it is" in text
    assert "`IncrementalRidge` and `IncrementalRidgeClassifier` pass all of it but the check of equal weights" in text
    assert "`image_shape=(1, -1)` (`Scattering1D` and `JointTimeFrequencyScattering` read rows anyway)" in text
    assert 'those that scatter with `J=1, padding="zero"`' in text
    rows, y = np.random.default_rng(0).random((20, 1)), np.arange(20) % 2
    kinds = [v for v in vars(kernelconv).values() if isinstance(v, type) and issubclass(v, BaseEstimator)]
    assert "`Scattering3D` with `J=0, volume_shape=(1, 1, -1)`" in text
    assert len(kinds) == 14
    for kind in kinds:
        line = {} if kind in READ_ROWS else {"image_shape": (1, -1)}
        scatters = {"J": 1, "padding": "zero"} if "Scattering" in kind.__name__ else {}
        if kind is Scattering3D:
            line, scatters = {"volume_shape": (1, 1, -1)}, {"J": 0}
        given = {"network": serial(ReLU())} if kind is NetworkTransformer else {}
        given |= {"epochs": 1} if "epochs" in signature(kind).parameters else {}
        kind(**given, **line, **scatters).fit(rows, y)
        for less in ([scatters] if line else []) + ([line] if scatters else []):
            with pytest.raises(ValueError, match=r"rows need \w+_shape|averages over|widest filter"):
                kind(**given, **less).fit(rows, y)


def test_tables_are_those_of_the_committed_cells(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from render import README, committed, with_tables

    text, every = README.read_text(encoding="utf-8"), committed()
    assert with_tables(text, every) == text, "run python benchmarks/render.py"
    empty = re.sub(r"(<!-- comparison: .*? -->\n).*?(<!-- end of comparison -->)", r"\1\2", text, flags=re.DOTALL)
    assert with_tables(empty, every) == text != empty
    assert empty.count("<!-- comparison: ") == 1
    for name in {results.data.name for results in every}:
        assert f"benchmarks/results/{name}/README.md" in (ROOT / "docs" / "results" / f"{name}.md").read_text()


def test_heads_are_those_of_the_committed_experiment(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import heads

    record = json.loads(heads.OUT.read_text(encoding="utf-8"))
    mean = {
        features: {head: f"{np.mean(errors):.1f}" for head, errors in of.items()}
        for features, of in record["validation_error_percent"].items()
    }
    ridge, many, roots, logistic, scaled, affine, affine_roots = heads.HEADS
    found = mean["MNIST, scattering"]
    wanted = f"""with 1,000 MNIST images ``RidgeClassifierCV(np.logspace(-4, 1, 6))`` has {found[many]} % validation
    error, {found[roots]} % after square roots (the penalties of ``RidgeClassifierCV()``: {found[ridge]} %),
    `AffineSubspaceClassifier` {found[affine]} %, {found[affine_roots]} % after them, ``LogisticRegression``
    {found[logistic]} %, {found[scaled]} % after ``StandardScaler``."""
    assert " ".join(wanted.split()) in " ".join(Scattering2D.__doc__.split())
    digits, found = mean["digits, kernel network"], mean["MNIST, kernel network"]
    wanted = f"""``RidgeClassifierCV(np.logspace(-4, 1, 6))`` has {digits[many]} % validation error with 1,000 digits
    (the penalties of ``RidgeClassifierCV()``: {digits[ridge]} %) and {found[many]} % with 1,000 MNIST images,
    `AffineSubspaceClassifier` {digits[affine]} and {found[affine]} %, ``LogisticRegression`` {digits[logistic]} and
    {found[logistic]} %."""
    assert " ".join(wanted.split()) in " ".join(ConvKernelNetwork.__doc__.split())


@pytest.fixture
def code_map(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    import code_map

    yield code_map
    del sys.modules["code_map"]


def test_map_is_that_of_the_code(code_map):
    text = code_map.PAGE.read_text(encoding="utf-8")
    assert code_map.with_map(text) == text, "run python docs/code_map.py"
    emptied = code_map.BLOCK.sub(r"\1\2", text)
    assert code_map.with_map(emptied) == text != emptied


def test_map_has_every_folder_and_module_with_its_docstring(code_map, tmp_path, monkeypatch):
    for name, docstring in {
        "package/__init__.py": "The package.",
        "package/b.py": "A module: ``x | y``.\n\nMore of it.",
        "package/_leaf.py": "A leaf.",
        "package/operators/__init__.py": "One layer.",
        "package/operators/one.py": "One.",
        "package/operators/fast/__init__.py": "Fast.",
        "package/a_new_package/__init__.py": "New.",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f'"""{docstring}"""\n')
    monkeypatch.setattr(code_map, "ROOT", tmp_path)
    monkeypatch.setattr(code_map, "PACKAGE", tmp_path / "package")
    assert code_map.code_map().splitlines()[3:7] == [
        "| `package/operators/` | One layer | `one` |",
        "| `package/operators/fast/` | Fast |  |",
        "| `package/a_new_package/` | New |  |",
        r"| `package/b.py` | A module: `x \| y` | |",
    ]
    assert "| `package/_leaf.py` | A leaf | |" in code_map.code_map()


def test_map_names_what_there_is(code_map):
    """The guard of the two above: the map has a line for every folder of the package."""
    found = set(re.findall(r"^\| `(kernelconv/.*?/)` \|", code_map.code_map(), re.MULTILINE))
    folders = {f"{p.parent.relative_to(ROOT)}/" for p in (ROOT / "kernelconv").rglob("__init__.py")}
    assert found == folders - {"kernelconv/"}
    assert len(found) > 15
    assert all((ROOT / name).is_dir() for name in code_map.BESIDE)


def test_rates_of_streams_are_those_of_the_committed_run():
    text = (ROOT / "benchmarks/scale.md").read_text(encoding="utf-8")
    records = json.loads((ROOT / "benchmarks/results/scale.json").read_text(encoding="utf-8"))["records"]
    shown = {f"{r['images_per_second']:,} ({r['peak_private_mib']})" for r in records}
    assert shown == set(re.findall(r"[\d,]+ \(\d+\)", text.partition("What follows")[0]))
