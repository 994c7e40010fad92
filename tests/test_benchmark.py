"""The research comparison under benchmarks/: heads against scikit-learn, seeds by axis, resuming, tables."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge

from kernelconv.report.published import best_published, published

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
FAST = ["pixels_svm", "scattering_affine", "ckn_1", "mlp"]
NAMES = ("heads", "objective", "representations", "datasets", "training", "run", "redigest", "rendering", "panels")


@pytest.fixture(autouse=True)
def modules(monkeypatch):
    """Let tests import benchmarks/ as its scripts do, and forget it afterwards."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield
    for name in [n for n in sys.modules if n.split(".")[0] in NAMES]:
        del sys.modules[name]


def command(out, *more):
    run = [sys.executable, str(BENCHMARKS / "run.py"), "--data", "digits", "--out", str(out), "--models", *FAST]
    return [*run, "--sizes", "30", "100", *more]


def completed(arguments):
    return subprocess.run(arguments, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("whole")
    done = completed(command(out))
    assert done.returncode == 0, done.stderr
    return out


def rows(folder, name="results"):
    with (folder / f"{name}.csv").open(newline="") as lines:
        return list(csv.DictReader(lines))


# -- heads ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def blobs():
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((3, 12))
    y = np.arange(150) % 3
    return centres[y] + 0.9 * rng.standard_normal((150, 12)), np.array(["a", "b", "c"])[y]


@pytest.mark.parametrize("n", [12, 150])  # as many images as features: the dual system; more: the primal one
def test_linear_head_is_ridge_regression(blobs, n):
    from heads import LinearRidge

    X, y = blobs[0][:n], blobs[1][:n]
    head = LinearRidge().fit(X, y)
    x = (X - X.mean(0)) / np.sqrt(((X - X.mean(0)) ** 2).sum(1).mean())
    targets = 2.0 * (y[:, None] == np.unique(y)) - 1
    peer = Ridge(alpha=head.chosen_["penalty"], fit_intercept=False).fit(x, targets)
    np.testing.assert_allclose(head._scores(x), peer.predict(x), rtol=1e-8, atol=1e-10)
    assert np.mean(head.predict(X) == y) > 0.8


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-8), (np.float32, 2e-3)])
def test_gaussian_head_is_kernel_ridge_in_both_precisions(blobs, monkeypatch, dtype, rtol):
    import heads

    X, y = blobs
    if dtype is np.float32:  # as if there were many images
        monkeypatch.setattr(heads, "N_DOUBLE", 10)
    monkeypatch.setattr(heads, "BLOCK", 64)
    head = heads.GaussianRidge().fit(X, y)
    x = (X - X.mean(0)) / np.sqrt(((X - X.mean(0)) ** 2).sum(1).mean())
    peer = KernelRidge(kernel="rbf", gamma=head.chosen_["gamma"], alpha=head.chosen_["penalty_used"])
    targets = 2.0 * (y[:, None] == np.unique(y)) - 1
    theirs = peer.fit(x, targets).predict(x[:40])
    np.testing.assert_allclose(head._scores(x[:40]), theirs, rtol=rtol, atol=rtol)
    assert np.abs(theirs).max() > 0.5


def test_gaussian_head_chooses_what_scores_best_in_the_folds(blobs):
    from heads import GaussianRidge
    from sklearn.model_selection import StratifiedKFold

    X, y = blobs
    head = GaussianRidge(3).fit(X, y)
    x = head.scale_.transform(X)
    errors = {}
    for gamma in head.grid["gamma"]:
        for penalty in head.grid["penalty"]:
            wrong = 0
            for train, test in StratifiedKFold(3, shuffle=True, random_state=3).split(x, y):
                peer = KernelRidge(kernel="rbf", gamma=gamma, alpha=penalty)
                scores = peer.fit(x[train], head._targets(y[train])).predict(x[test])
                wrong += (head.classes_[scores.argmax(1)] != y[test]).sum()
            errors[gamma, penalty] = wrong
    assert len(set(errors.values())) > 1
    assert errors[head.chosen_["gamma"], head.chosen_["penalty"]] == min(errors.values())
    assert head.validation_error_ == pytest.approx(100 * min(errors.values()) / len(y))


def test_parameters_are_chosen_on_a_balanced_five_thousand():
    from heads import choice_subset

    y = np.sort(np.arange(12_000) % 10)
    kept = choice_subset(y, 0)
    assert np.bincount(y[kept]).tolist() == [500] * 10
    assert len(choice_subset(y[::3], 0)) == 4000


# -- the protocol ---------------------------------------------------------------------------------------------------


def test_every_representation_has_a_citation_and_is_a_classifier():
    import representations
    from representations import rivals
    from sklearn.base import is_classifier

    found = rivals()
    assert len(found) >= 15
    for name, rival in found.items():
        module = __import__(f"representations.{name}", fromlist=["RIVAL"])
        assert any(year in module.__doc__ for year in ("(19", "(20", " 19", " 20")), name
        assert is_classifier(rival.build(300, 0))
    assert representations.installed(found["kymatio_affine"])


def test_draws_follow_the_protocol_and_a_representation_may_have_fewer():
    from run import plan

    cells = plan("mnist")
    count = lambda model, size: sum(c.model == model and c.size == size for c in cells)  # noqa: E731
    assert [count("lenet", s) for s in (300, 1000, 2000, 5000, 10_000, 20_000, 60_000)] == [10, 10, 5, 5, 5, 3, 3]
    assert [count("exact_kernel", s) for s in (300, 1000, 2000)] == [1, 1, 0]
    assert [c.seed for c in cells] == sorted(c.seed for c in cells)  # draw by draw


def test_the_subset_is_the_same_for_every_representation_and_differs_by_draw(monkeypatch):
    import objective
    from representations import rivals

    seen = {}

    class Spy:
        def fit(self, X, y):
            seen.setdefault("fit", []).append(np.asarray(X).tobytes())

        def predict(self, X):
            return np.zeros(len(X), int)

    for name, seed in (("pixels_svm", 0), ("lenet", 0), ("lenet", 1)):
        rival = rivals()[name]
        monkeypatch.setattr(objective, "digest", lambda *_: "")
        spied = objective.Rival(rival.name, rival.label, rival.family, lambda size, seed: Spy())
        objective.evaluate("digits", spied, objective.Cell(name, 100, seed))
    same, again, other = seen["fit"]
    assert same == again != other


def test_mistakes_by_hand():
    from objective import mistakes

    truth, predicted = np.array([4, 4, 4, 7, 1, 0]), np.array([9, 9, 4, 1, 1, 0])
    assert mistakes(truth, predicted) == "4>9 2; 7>1 1"
    assert mistakes(truth, predicted, 1) == "4>9 2"
    assert mistakes(truth, truth) == ""


# -- running --------------------------------------------------------------------------------------------------------


def test_a_run_writes_every_cell_and_its_cost(finished):
    found = rows(finished)
    assert [(r["model"], int(r["size"]), int(r["seed"])) for r in found] == [
        (m, size, seed)
        for m in ("pixels_svm", "scattering_affine", "ckn_1", "mlp")
        for size in (30, 100)
        for seed in (0, 1)
    ]
    for row in found:
        assert 0 < float(row["error"]) < 50
        assert 0 < float(row["relative_change"]) < 1
        assert row["n_test"] == "599"
    assert all(float(r["fit_seconds"]) > 0 for r in rows(finished, "costs"))
    assert json.loads((finished / "environment.json").read_text())["data"] == "digits"
    assert set(json.loads((finished / "filters.json").read_text())) == {"scattering_affine", "ckn_1"}


def test_killed_at_any_moment_it_goes_on_to_the_same_results(finished, tmp_path):
    rng = np.random.default_rng(0)
    for _ in range(3):
        process = subprocess.Popen(command(tmp_path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        before, deadline = len(list(tmp_path.glob("cells/*.json"))), time.monotonic() + 60
        while len(list(tmp_path.glob("cells/*.json"))) <= before < 16 and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.2))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    kept = {p: p.read_bytes() for p in tmp_path.glob("cells/*.json")}
    assert 3 <= len(kept) < 16
    assert completed(command(tmp_path)).returncode == 0
    assert {p: p.read_bytes() for p in kept} == kept
    assert len(list(tmp_path.glob("cells/*"))) == 16
    for name in ("results.csv", "filters.json"):
        assert (tmp_path / name).read_bytes() == (finished / name).read_bytes()


def test_workers_side_by_side_give_the_same_results(finished, tmp_path):
    done = completed(command(tmp_path, "--n-jobs", "2", "--seeds", "0"))
    assert done.returncode == 0, done.stderr
    assert "8 cells, 8 to run" in done.stdout
    assert rows(tmp_path) == [r for r in rows(finished) if r["seed"] == "0"]


def copied(finished, folder):
    for name in ("results.csv", "costs.csv", "filters.json"):
        (folder / name).write_bytes((finished / name).read_bytes())
    return folder / "results.csv"


@pytest.fixture
def renamed(finished, tmp_path):
    """A folder where the rows of one model and draw, of both sizes, have another digest than today's."""
    results = copied(finished, tmp_path)
    row = next(r for r in rows(tmp_path) if (r["model"], r["seed"]) == ("scattering_affine", "1"))
    results.write_text(results.read_text().replace(row["digest"], "0" * 12))
    return tmp_path


def test_rows_without_their_cells_are_kept(finished, tmp_path):
    from run import collect

    results = copied(finished, tmp_path)
    assert len(collect(tmp_path, "digits")) == 16
    assert results.read_bytes() == (finished / "results.csv").read_bytes()
    assert "16 cells, 0 to run" in completed(command(tmp_path)).stdout


def test_rows_of_other_settings_are_an_error_that_names_them(renamed):
    from run import collect

    before = {p.name: p.read_bytes() for p in renamed.iterdir()}
    said = "2 rows whose settings are not today's: scattering_affine 30 (draw 1), scattering_affine 100 (draw 1)."
    with pytest.raises(SystemExit, match=re.escape(said) + ".*redigest.py.*--drop-stale"):
        collect(renamed, "digits")
    assert {p.name: p.read_bytes() for p in renamed.iterdir()} == before
    done = completed(command(renamed, "--seeds", "0"))  # before it runs anything, also where it is asked for others
    assert done.returncode == 1
    assert said in done.stderr
    assert "to run" not in done.stdout


def test_rows_of_other_settings_are_dropped_when_told_to(renamed):
    done = completed(command(renamed, "--seeds", "0", "--drop-stale"))
    assert done.returncode == 0, done.stderr
    assert "8 cells, 0 to run" in done.stdout
    assert len(rows(renamed)) == len(rows(renamed, "costs")) == 14


def test_rows_of_no_cell_of_the_plan_are_an_error_too(finished, tmp_path):
    from run import collect

    results = copied(finished, tmp_path)
    results.write_text(results.read_text().replace("\nmlp,100,1,", "\nmlp,100,7,"))
    with pytest.raises(SystemExit, match=r"mlp 100 \(draws 1, 7\)"):  # the costs of draw 1 belong to no row
        collect(tmp_path, "digits")
    assert len(collect(tmp_path, "digits", drop_stale=True)) == 15


# -- names change -----------------------------------------------------------------------------------------------------


def checked():
    from objective import Cell

    return Cell("scattering_affine", 30, 0), Cell("mlp", 30, 0)


def test_rows_get_todays_digest_once_the_checked_cells_are_found_again(finished, renamed, capsys):
    from redigest import redigest

    assert redigest(renamed, "digits", checked()) == [("scattering_affine", 30, 1), ("scattering_affine", 100, 1)]
    assert (renamed / "results.csv").read_bytes() == (finished / "results.csv").read_bytes()
    errors = [float(r["error"]) for r in rows(finished) if (r["model"], r["size"]) == ("mlp", "30")]
    assert f"mlp, 30 images, draw 0: {errors[0]:.2f} %, committed {errors[0]:.2f} %" in capsys.readouterr().out
    assert redigest(renamed, "digits", checked()) == []
    assert capsys.readouterr().out == ""  # nothing to do, nothing run


def test_no_digest_changes_where_a_checked_cell_has_another_error(renamed):
    from redigest import redigest

    results = renamed / "results.csv"
    (error,) = [r["error"] for r in rows(renamed) if (r["model"], r["size"], r["seed"]) == ("mlp", "30", "0")]
    other = error[:-1] + "5" if error[-1] != "5" else error[:-1] + "6"
    results.write_text(results.read_text().replace(f"mlp,30,0,{error},", f"mlp,30,0,{other},"))
    before = results.read_bytes()
    with pytest.raises(SystemExit, match=rf"Nothing is changed: .* mlp 30, draw 0: {error}, not {other}\.$"):
        redigest(renamed, "digits", checked())
    assert results.read_bytes() == before


def test_no_digest_changes_where_a_row_or_a_cell_is_missing(renamed):
    from objective import Cell
    from redigest import redigest

    results = renamed / "results.csv"
    before = results.read_bytes()
    with pytest.raises(
        SystemExit, match=r"Nothing is changed: there is no row to compare with for lenet 300 \(draw 0\)"
    ):
        redigest(renamed, "digits", [Cell("lenet", 300, 0)])
    assert results.read_bytes() == before
    results.write_text(results.read_text().replace("\nmlp,100,1,", "\nmlp,100,7,"))
    before = results.read_bytes()
    with pytest.raises(SystemExit, match=r"today's plan has no cell for mlp 100 \(draw 7\)"):
        redigest(renamed, "digits", checked())
    assert results.read_bytes() == before


def test_the_checked_cells_have_committed_rows():
    from redigest import CHECKED
    from run import by_key, read_rows

    keys = {(c.model, c.size, c.seed) for c in CHECKED}
    assert [c.model for c in CHECKED] == ["scattering_affine", "ckn_gradient", "lenet", "resnet"]
    assert keys <= set(read_rows(BENCHMARKS / "results" / "mnist" / "results.csv")) & set(by_key("mnist"))


def test_an_unknown_size_is_an_error_that_names_the_sizes(tmp_path):
    done = completed([*command(tmp_path), "--sizes", "31"])
    assert done.returncode == 2
    assert "--sizes must be among 30, 100, 300, got [31]" in done.stderr


def test_a_rival_that_is_not_installed_is_left_out(tmp_path, monkeypatch, capsys):
    import run

    monkeypatch.setattr(run, "installed", lambda rival: rival.name != "torch_lenet")
    arguments = ["run.py", "--data", "digits", "--sizes", "30", "--models", "torch_lenet", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", arguments)
    run.main()
    out = capsys.readouterr().out
    assert "not installed, left out: torch_lenet" in out
    assert "2 cells, 0 to run" in out


def test_a_cell_is_told_beside_the_committed_one():
    from run import told

    record = {"model": "mlp", "size": 300, "seed": 1, "error": 15.2, "fit_seconds": 3.0, "predict_seconds": 1.2}
    assert told(record, {}) == "mlp, 300 images, draw 1: 15.20 % (4 s of CPU)"
    assert "15.20 %, committed 15.10 % (4 s" in told(record, {("mlp", 300, 1): {"error": "15.1"}})


# -- tables ---------------------------------------------------------------------------------------------------------


def test_tables_are_the_means_of_the_rows(finished, tmp_path):
    from rendering.results import Results
    from rendering.tables import cost_table, error_table

    results = Results(finished)
    heading, lines = error_table(results)
    assert heading == ["test error, %", "30", "100", "300"]
    errors = [float(r["error"]) for r in rows(finished) if (r["model"], r["size"]) == ("mlp", "100")]
    spread = abs(errors[0] - errors[1]) / 2
    (mlp,) = [line for line in lines if line[0] == "MLP"]
    assert mlp[2] == f"{np.mean(errors):.2f} ± {spread:.2f}"
    assert mlp[3] == "not run"
    best = min(
        np.mean([float(r["error"]) for r in rows(finished) if (r["model"], r["size"]) == (m, "100")]) for m in FAST
    )
    assert lines[-1][2].startswith(f"**{best:.2f} ± ")
    assert cost_table(results)[0][0] == "at 100 images"
    assert len(cost_table(results)[1]) == 4
    assert results.hours == pytest.approx(
        sum(float(r["fit_seconds"]) + float(r["predict_seconds"]) for r in rows(finished, "costs")) / 3600
    )


def test_fewer_draws_than_the_protocol_are_said(finished, tmp_path):
    from rendering.results import Results
    from rendering.tables import error_text

    for path in finished.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    lines = (tmp_path / "results.csv").read_text().splitlines(keepends=True)
    (tmp_path / "results.csv").write_text("".join(line for line in lines if not line.startswith("mlp,30,1,")))
    assert error_text(Results(tmp_path), "mlp", 30).endswith(" (1)")


def test_the_lowest_of_a_size_is_bold_rivals_too_but_none_with_augmentation_or_fewer_test_images(finished):
    from rendering.results import Results
    from rendering.tables import error_table, html

    results = Results(finished)
    (heading, lines), row = error_table(results), results.cells["mlp", 100][0]
    bold = [line for line in lines[:-1] if line[2].startswith("**")]
    assert [line[2] for line in bold] == [lines[-1][2]]
    assert html(heading, bold).count("<strong>") == sum(text.startswith("**") for text in bold[0])
    errors = {"lenet_augmented": "0.1", "exact_kernel": "0.2", "kymatio_affine": "0.3", "torch_lenet": "0.304"}
    results.cells |= {(model, 100): [{**row, "error": error}] for model, error in errors.items()}
    results.models = list(results.rivals)
    _, lines = error_table(results)
    assert [line[0] for line in lines[:-1] if line[2].startswith("**")] == ["kymatio + affine", "PyTorch LeNet-5"]
    assert lines[-1][2] == bold[0][2]


def test_the_best_published_are_marked_as_their_figures_are(finished):
    from rendering.results import Results
    from rendering.tables import published_lines

    results = Results(finished)
    results.data, results.sizes = "mnist", (300, 60_000, 7)
    assert published_lines(results)[-1] == ["**best published**", "**4.15***", "**0.39**", ""]
    results.data = "digits"
    assert published_lines(results) == []


def test_the_page_and_the_figures_are_written(finished, tmp_path):
    for path in finished.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    done = completed([sys.executable, str(BENCHMARKS / "render.py"), str(tmp_path)])
    assert done.returncode == 0, done.stderr
    names = {p.name for p in tmp_path.iterdir()}
    assert {"README.md", "report.html", "learning_curves.png", "tradeoff.png", "confusion.png"} <= names
    page = (tmp_path / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 4
    assert "<script" not in page
    assert 'src="http' not in page


def test_published_figures_are_those_of_the_papers():
    assert [p.error for p in best_published("mnist").values()] == [4.15, 2.05, 1.3, 1.03, 0.85, 0.58, 0.51, 0.39]
    found = published("mnist")
    assert len(found) == 7 * 8
    assert all(p.source and p.checked in ("read", "recalled") for p in found)


@pytest.mark.parametrize("n", [10, 11, 1])
@pytest.mark.parametrize("width", [3, 5, 100])
def test_panels_are_solved_as_the_whole_matrix(n, width):
    from panels import factorise, panels, solve

    rng = np.random.default_rng(0)
    a = rng.standard_normal((n, n + 5))
    a = (a @ a.T).astype(np.float32)
    targets = rng.standard_normal((n, 3))
    parts = panels(n, lambda rows, columns: a[rows, columns], 0.5, width)
    assert sum(p.size for p in parts) <= n * n / 2 + n * min(width, n)
    factorise(parts)
    whole = np.linalg.solve(a.astype(float) + 0.5 * np.eye(n), targets)
    np.testing.assert_allclose(solve(parts, targets), whole, rtol=1e-3, atol=1e-4)


def test_a_matrix_that_is_not_positive_is_an_error_and_is_regularised_more(blobs, monkeypatch):
    import heads
    from panels import factorise, panels
    from scipy.linalg import LinAlgError

    with pytest.raises(LinAlgError):
        factorise(panels(4, lambda rows, columns: np.diag([1.0, 1, -1, 1])[rows, columns], 0.0, 2))
    head, X = heads.GaussianRidge(), blobs[0].astype(np.float32)
    head.chosen_ = {"gamma": 0.1, "penalty": 0.01}
    monkeypatch.setattr(head, "_kernel", lambda x, z: -0.05 * (x @ z.T > 1e9) - 0.05 * np.eye(len(x), len(z)))
    assert head._solve_single(X[:20], np.ones((20, 2)), 0.01)[1] == pytest.approx(0.1)
