"""kernelconv compare: cells and what decides them, validation, kills, results, errors."""

import io
import json
import re
import sys
import time
from argparse import Namespace
from dataclasses import replace

import joblib
import numpy as np
import pytest
from kills import cells, kill_at_random
from rich.console import Console
from sklearn.base import BaseEstimator, ClassifierMixin, clone

from kernelconv import cli
from kernelconv._arguments import COMPARED
from kernelconv._files import unpack
from kernelconv._parallel import clock, collectives
from kernelconv.datasets import folds, load_digits_images, load_split
from kernelconv.datasets.split import Split
from kernelconv.studies import accuracy, shared
from kernelconv.studies.accuracy import TIMES, Accuracy, AccuracyCell, results
from kernelconv.studies.models import Model, Representation
from kernelconv.studies.predictions import predictions
from kernelconv.studies.registry import HEADS, REPRESENTATIONS, model
from kernelconv.studies.sweep import Finished, Sweep

FAST = ["pixels+svm", "scattering+affine"]


@pytest.fixture(autouse=True)
def figures_where_they_are_looked_at(monkeypatch, request):
    """Draw no figures but in the test of everything that is written: they take longer than the cells."""
    if "everything" not in request.node.name:
        monkeypatch.setattr(cli.report, "figures_available", lambda: False)


@pytest.fixture(scope="module")
def split():
    return load_split("digits")


def study(split, names=("pixels",), draws=None, **more):
    return Accuracy(split, {name: model(name) for name in names}, draws or {30: 1}, **more)


def without_times(folder):
    found = json.loads((folder / "results.json").read_text())
    assert len(found["records"]) > 0
    for record in found["records"]:
        for key in TIMES:
            assert record.pop(key, 1) > 0
    return found


def command(folder, *more):
    return ["compare", "--models", *FAST, "--train-sizes", "30", "60", "--seeds", "2", "--out", str(folder), *more]


# -- records -----------------------------------------------------------------------------------------------------------


@pytest.mark.once("oldest")
@pytest.mark.parametrize("name", COMPARED)
def test_every_compared_model_learns_digits(split, name):
    record = study(split, [name], {100: 1}).run(AccuracyCell(name, 100, 0))
    assert 0 < record["test_error"] < 0.2
    assert record["n_features"] > 50
    changes, d = ([r["mean"] for r in record[m]] for m in ("relative_change", "deformation_sensitivity"))
    assert 0 < changes[0] < changes[1] < changes[2] < 1
    assert 0 < d[0] < d[1] < d[2] < 1
    assert (record["n_params"] is not None) == (name in ("ckn-2", "lenet"))
    predicted = unpack(record["predictions"])
    assert record["test_error"] == np.mean(predicted != split.y_test)
    wrong = np.flatnonzero(predicted != split.y_test)
    assert record["mistakes"] == [[i, split.y_test[i], predicted[i]] for i in wrong]
    assert record["class_counts"] == np.bincount(split.y_test).tolist()


def test_a_kernel_has_no_features_and_predicts_the_first_test_images(split):
    r = replace(REPRESENTATIONS["exact-kernel"], n_test=40)
    found = Accuracy(split, {"exact-kernel": Model("exact-kernel", r, None)}, {30: 1})
    record = found.run(found.cells[0])
    assert (record["n_test"], len(unpack(record["predictions"]))) == (40, 40)
    assert record["n_features"] is record["relative_change"] is record["deformation_sensitivity"] is None


class Spy(ClassifierMixin, BaseEstimator):
    """Remembers what it was fitted on and asked for."""

    seen: list = []  # noqa: RUF012  one list for all clones

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.seen.append(("fit", np.asarray(X).copy(), y))
        return self

    def predict(self, X):
        self.seen.append(("predict", np.asarray(X).copy(), None))
        return np.full(len(X), self.classes_[0])

    def transform(self, X):
        return np.asarray(X).reshape(len(X), -1)


def spied(split, trained, size=60):
    """Run the validation of a spy, as a head on pixels or as a model of its own; return what it saw."""
    Spy.seen.clear()
    if trained:
        spy = Model("spy", Representation("spy", "", "", lambda *_: Spy(), "", trained=True), None)
    else:
        spy = Model("spy", REPRESENTATIONS["pixels"], replace(HEADS["linear"], build=lambda seed: Spy()))
    found = Accuracy(split, {"spy": spy}, {size: 2}, parts=("validation",))
    return found.run(AccuracyCell("spy", size, 1, "validation")), list(Spy.seen)


def test_validation_is_over_the_folds_that_are_the_same_for_all(split):
    kept = split.subset(60, 1)
    x, y = split.X_train[kept].reshape(60, -1), split.y_train[kept]
    record, seen = spied(split, trained=False)
    assert (record["n_held_out"], record["n_folds"], record["n_fitted"], len(seen)) == (60, 5, 5, 10)
    for (train, held), fit, predict in zip(folds(y, 1), seen[::2], seen[1::2], strict=True):
        np.testing.assert_array_equal(fit[1], x[train])
        np.testing.assert_array_equal(fit[2], y[train])
        np.testing.assert_array_equal(predict[1], x[held])
    assert record["validation_error"] == 0.9
    assert [m[:2] for m in record["mistakes"]] == [[i, y[i]] for i in range(60) if y[i] != 0]


def test_a_trained_model_is_trained_once_more_on_all_folds_but_the_first(split):
    kept = split.subset(60, 1)
    train, held = folds(split.y_train[kept], 1)[0]
    record, seen = spied(split, trained=True)
    assert (record["n_held_out"], record["n_folds"], record["n_fitted"], len(seen)) == (12, 5, 1, 2)
    np.testing.assert_array_equal(seen[0][1], split.X_train[kept][train])
    np.testing.assert_array_equal(seen[1][1], split.X_train[kept][held])


def test_above_a_size_validation_is_over_one_fold(split, monkeypatch):
    monkeypatch.setattr(accuracy, "N_ALL_FOLDS", 59)
    assert spied(split, trained=False)[0]["n_fitted"] == 1


def test_validation_never_reads_the_test_images(split):
    blind = Split("blind", split.X_train, split.y_train, np.full_like(split.X_test, np.nan), split.y_test)
    found = study(blind, ["ckn-1"], parts=("validation",), draws={60: 1})
    assert 0 < found.run(found.cells[0])["validation_error"] < 0.9


@pytest.mark.parametrize(
    ("predicted", "words"),
    [
        (
            [3.7] * 4,
            r"3\.7: predicted, or a label of the test images, and no class of the training images, which",
        ),
        ([99, 0, 1, 1], "99: predicted"),
        (["0", "1", "2", "3"], "'0', '1', '2', '3': predicted"),
        ([0, 1], r"predict must return one class an image, shape \(4,\), got \(2,\)"),
        ([[0], [1], [2], [3]], r"shape \(4,\), got \(4, 1\)"),
    ],
)
def test_predictions_that_are_no_classes_are_refused(predicted, words):
    with pytest.raises(ValueError, match=words):
        predictions(np.arange(10), np.arange(4), np.array(predicted))


def test_a_cell_of_one_thread_counts_that_threads_seconds():
    with joblib.parallel_config(n_jobs=1):
        assert shared.cpu_clock() is clock.thread_seconds
    with joblib.parallel_config(n_jobs=2):
        assert shared.cpu_clock() is time.process_time


def test_the_seconds_of_blocks_that_exchange_values_are_counted(monkeypatch):
    monkeypatch.setattr(collectives.time, "thread_time", lambda: 3.0)
    before = clock.thread_seconds()
    assert collectives.map_coupled(lambda s: collectives.all_gather(s.start), 4, 1, n_jobs=1) == [[0, 1, 2, 3]] * 4
    assert clock.thread_seconds() - before == 4 * 3.0


@pytest.mark.parametrize("channels", [(), (3,)])
def test_examples_are_test_images_as_they_are_and_deformed(channels):
    x = np.random.default_rng(0).random((7, 10, 12, *channels))
    found = accuracy.examples(Split("some", x, np.arange(7), x[::-1], np.arange(7)), (0.1, 0.4), 3)
    assert found["strengths"] == [0.1, 0.4]
    assert found["images"].shape == (3, 3, 10, 12, *channels)
    np.testing.assert_array_equal(found["images"][:, 0], x[::-1][:3])
    moved = [np.abs(found["images"][:, k] - x[::-1][:3]).mean() for k in range(3)]
    assert 0 == moved[0] < moved[1] < moved[2]


def test_black_images_are_predicted_and_not_deformed(split):
    """Their features may be 0, of which no change is a part."""
    X = split.X_test.copy()
    X[[0, 1, 2, 5]] = 0
    flat = replace(split, X_test=X)
    assert flat.not_black[:4].tolist() == [3, 4, 6, 7]
    found = study(flat, ["ckn-1"])
    record = found.run(found.cells[0])
    assert len(unpack(record["predictions"])) == len(X)
    others = study(
        replace(split, X_test=np.delete(X, [0, 1, 2, 5], 0), y_test=np.delete(split.y_test, [0, 1, 2, 5])), ["ckn-1"]
    )
    assert record["relative_change"] == others.run(others.cells[0])["relative_change"]


def test_pictures_of_the_first_layer_are_of_the_first_draw(split, monkeypatch):
    monkeypatch.setattr(accuracy, "pictures", lambda estimator: "its pictures")
    found = study(split, draws={30: 2})
    assert [found.run(cell)["first_layer"] for cell in found.cells] == ["its pictures", None]


def test_a_cell_costs_its_fit_and_every_image_it_represents(split, monkeypatch):
    found = Accuracy(split, {"ckn-2": model("ckn-2"), "mlp": model("mlp")}, {60: 1}, parts=("test", "validation"))
    for cell in found.cells:
        fit = found.models[cell.model].seconds((8, 8), 60, 0)
        if cell.part == "test":
            n = len(split.y_test) + len(accuracy.STRENGTHS) * accuracy.N_DEFORMED
            assert found.seconds(cell) == found.models[cell.model].seconds((8, 8), 60, n)
        elif cell.model == "mlp":
            assert found.seconds(cell) == pytest.approx(fit * 4 / 5)  # one fold of five is held out
        else:
            assert 2 * fit < found.seconds(cell) < 4 * fit  # features once, five heads on four fifths
    monkeypatch.setattr(accuracy, "N_ALL_FOLDS", 59)
    validated = AccuracyCell("ckn-2", 60, 0, "validation")
    assert found.seconds(validated) == pytest.approx(model("ckn-2").seconds((8, 8), 60, 0) * 4 / 5)
    monkeypatch.setattr(accuracy, "N_ALL_FOLDS", 60)
    assert found.seconds(validated) > model("ckn-2").seconds((8, 8), 60, 0)


def test_up_to_its_size_validation_is_over_all_folds(split, monkeypatch):
    monkeypatch.setattr(accuracy, "N_ALL_FOLDS", 60)
    assert spied(split, trained=False)[0]["n_fitted"] == 5


def test_a_study_has_cells_but_not_too_many(split, monkeypatch):
    monkeypatch.setattr(accuracy, "MOST_CELLS", 6)
    names = ["pixels", "fourier"]
    assert len(study(split, names, {30: 3}).cells) == 6
    with pytest.raises(ValueError, match=r"4 seeds of 2 models at 1 sizes are more than the 6 cells"):
        study(split, names, {30: 4})
    with pytest.raises(ValueError, match="2 seeds of 2 models at 2 sizes are more than the 6 cells"):
        study(split, names, {30: 2, 40: 2})
    for models, draws in (({}, {30: 1}), ({"pixels": model("pixels")}, {})):
        with pytest.raises(ValueError, match="There is nothing to compare: name at least one model and one training"):
            Accuracy(split, models, draws)
    with pytest.raises(ValueError, match=r"train size must be an int >= 1, got 30\.5"):
        study(split, draws={30.5: 1})


def test_labels_are_coded_whatever_their_number():
    classes = np.arange(300)
    record = predictions(classes, classes, classes[::-1])
    np.testing.assert_array_equal(unpack(record["predictions"]), classes[::-1])
    assert record["test_error"] == 1
    assert record["class_counts"] == [1] * 300
    with pytest.raises(
        ValueError, match=r"^300, 301, 302, 303, 304: predicted, .*, which are 0, 1, 2, 3, 4, 5, 6, 7, 8, 9\.$"
    ):
        predictions(classes, np.arange(6), np.arange(300, 306))


# -- what decides a cell -----------------------------------------------------------------------------------------------


def only_path(split, tmp_path, m=None, **more):
    found = Accuracy(split, {"scattering": m or model("scattering+affine")}, {30: 1}, **more)
    return Sweep(found, tmp_path).path(found.cells[0])


def test_every_change_of_what_decides_is_another_cell(split, tmp_path, monkeypatch):
    before, m = only_path(split, tmp_path), model("scattering+affine")
    changed = {}
    images, labels = split.X_train.copy(), split.y_test.copy()
    images[0, 0, 0] += 1 / 256
    labels[0] = (labels[0] + 1) % 10
    changed["pixel"] = only_path(replace(split, X_train=images), tmp_path)
    changed["label"] = only_path(replace(split, y_test=labels), tmp_path)
    changed["dtype"] = only_path(replace(split, X_train=split.X_train.view(np.int32)), tmp_path)
    changed["version"] = only_path(split, tmp_path, replace(m, head=replace(m.head, version=2)))
    other = replace(m.representation, build=lambda *a: clone(m.representation.build(*a)).set_params(scattering2d__L=4))
    changed["parameter"] = only_path(split, tmp_path, replace(m, representation=other))
    changed["protocol"] = only_path(split, tmp_path, strengths=(0.1,))
    changed["part"] = only_path(split, tmp_path, parts=("validation",))
    changed["n_test"] = only_path(split, tmp_path, replace(m, representation=replace(m.representation, n_test=50)))
    monkeypatch.setattr(accuracy, "N_DEFORMED", 100)
    changed["deformed"] = only_path(split, tmp_path)
    assert len({before, *changed.values()}) == 1 + len(changed)


def test_names_prose_and_limits_that_change_nothing_leave_the_cell_alone(split, tmp_path):
    m = model("scattering+affine")
    r = replace(m.representation, label="Other", source="Another text.", family="x", milliseconds=(9, 9), largest=99)
    assert only_path(replace(split, name="renamed"), tmp_path, replace(m, representation=r)) == only_path(
        split, tmp_path
    )


def test_the_plan_keeps_to_draws_and_limits(split):
    edge = Model("edge", replace(REPRESENTATIONS["pixels"], largest=30), HEADS["linear"])
    assert [c.train_size for c in Accuracy(split, {"edge": edge}, {30: 1, 31: 1}).cells] == [30]
    few = replace(REPRESENTATIONS["pixels"], draws=1, largest=50)
    models = {"few": Model("few", few, HEADS["linear"]), "all": model("pixels")}
    found = Accuracy(split, models, {100: 2, 30: 3})
    assert [(c.model, c.train_size, c.seed) for c in found.cells] == [
        ("few", 30, 0), ("all", 30, 0), ("all", 30, 1), ("all", 30, 2), ("all", 100, 0), ("all", 100, 1),
    ]  # fmt: skip
    assert all(found.seconds(c) > 0 for c in found.cells)
    assert found.left_out == ["few with 100 images (it stops at 50)"]
    with pytest.raises(ValueError, match=r"Nothing is left to compare: few with 100 images \(it stops at 50\)\."):
        Accuracy(split, {"few": models["few"]}, {100: 1})


# -- the command -------------------------------------------------------------------------------------------------------


@pytest.mark.once("newest")
def test_command_writes_everything_and_prints_the_table(tmp_path, capsys):
    assert cli.main(command(tmp_path)) == 0
    out = capsys.readouterr().out
    assert "8 cells into" in out
    assert "8 to run: about " in " ".join(out.split())
    assert "report.html" in out.replace("\n", "")  # wrapped where the path is long
    names = {p.name for p in tmp_path.iterdir()}
    assert {"results.json", "results.csv", "report.html", "cells"} <= names
    assert any(n.endswith(".png") for n in names)
    found = without_times(tmp_path)
    assert [(r["train_size"], r["model"], r["seed"]) for r in found["records"]] == [
        (size, name, seed) for size in (30, 60) for name in FAST for seed in (0, 1)
    ]
    assert found["settings"]["labels"]["pixels+svm"] == "pixels + SVM"
    assert not {"predictions", "first_layer"} & found["records"][0].keys()  # they stay in the cells
    assert found["settings"]["n_cells"] == 8
    assert found["settings"]["image_shape"] == [8, 8, 1]
    assert cli.main(command(tmp_path, "--workers", "2")) == 0
    assert "0 to run" in " ".join(capsys.readouterr().out.split())


@pytest.mark.once("oldest")
def test_interrupted_run_goes_on_and_repeats_nothing(tmp_path, capsys, monkeypatch):
    assert cli.main(command(tmp_path / "whole")) == 0
    real, ran = Accuracy.run, []

    def third_is_interrupted(self, cell):
        if len(ran) == 2:
            raise KeyboardInterrupt
        ran.append(cell)
        return real(self, cell)

    monkeypatch.setattr(Accuracy, "run", third_is_interrupted)
    assert cli.main(command(tmp_path / "cut")) == 130
    assert "the same command goes on" in capsys.readouterr().out
    assert len(cells(tmp_path / "cut")) == 2

    def count(self, cell):
        ran.append(cell)
        return real(self, cell)

    monkeypatch.setattr(Accuracy, "run", count)
    assert cli.main(command(tmp_path / "cut")) == 0
    assert len(ran) == len(set(ran)) == 8
    assert without_times(tmp_path / "cut") == without_times(tmp_path / "whole")
    assert "already there" in capsys.readouterr().out


@pytest.mark.once("oldest")
def test_killed_at_random_moments_it_ends_at_the_same_results(tmp_path):
    plan = ["compare", "--models", *FAST, "--train-sizes", "30", "60", "--seeds", "3"]
    assert cli.main([*plan, "--out", str(tmp_path / "whole")]) == 0
    run = [sys.executable, "-m", "kernelconv", *plan, "--workers", "2", "--out", str(tmp_path / "cut")]
    seen = kill_at_random(run, tmp_path / "cut", 12, np.random.default_rng(0))
    assert seen[0] >= 1
    assert len(cells(tmp_path / "cut")) == 12 + sum(p.suffix == ".part" for p in cells(tmp_path / "cut"))
    assert without_times(tmp_path / "cut") == without_times(tmp_path / "whole")


def test_models_of_ones_own_are_compared_beside_ours(tmp_path, monkeypatch, capsys):
    (tmp_path / "own_models.py").write_text(
        "from sklearn.linear_model import LogisticRegression\nfrom sklearn.pipeline import make_pipeline\n"
        "from kernelconv.studies.estimators.transformers import Pixels\n"
        "logistic = make_pipeline(Pixels(), LogisticRegression())\n"
    )
    monkeypatch.chdir(tmp_path)
    arguments = ["compare", "--models", "own_models:logistic", "pixels+gaussian", "--train-sizes", "30", "--seeds", "1"]
    try:
        assert cli.main([*arguments, "--out", "out"]) == 0
    finally:
        sys.modules.pop("own_models", None)
    found = without_times(tmp_path / "out")
    assert [r["model"] for r in found["records"]] == ["own_models:logistic", "pixels+gaussian"]
    assert "LogisticRegression" in found["settings"]["models"]["own_models:logistic"]


def test_user_data_from_two_files_with_string_labels(tmp_path):
    X, y = load_digits_images()
    words = np.array(["odd" if v % 2 else "even" for v in y])
    np.savez(tmp_path / "train.npz", X=X[:200], y=words[:200])
    np.savez(tmp_path / "test.npz", X=X[200:300], y=words[200:300])
    data = ["--data", str(tmp_path / "train.npz"), str(tmp_path / "test.npz")]
    assert cli.main(["compare", *data, "--models", *FAST, "--seeds", "1", "--out", str(tmp_path / "out")]) == 0
    found = without_times(tmp_path / "out")
    assert found["settings"]["classes"] == ["even", "odd"]
    assert found["settings"]["train_sizes"] == [200]
    assert found["settings"]["n_test"] == 100


@pytest.mark.once("oldest")
def test_settings_and_identities_are_the_same_in_every_process(split, tmp_path):
    import subprocess

    names = list(REPRESENTATIONS)
    code = (
        "import json; from kernelconv.datasets import load_split; from kernelconv.studies.registry import *; "
        "from kernelconv.studies.registry import model; from kernelconv.studies.accuracy import *; "
        "from kernelconv.studies.sweep import Sweep; "
        "a = Accuracy(load_split('digits'), {n: model(n) for n in REPRESENTATIONS}, {30: 1}); "
        "s = Sweep(a, '.'); print(json.dumps([results(s)['settings'], [str(s.path(c)) for c in s.cells]]))"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    sweep = Sweep(study(split, names), ".")
    settings = results(Sweep(study(split, names), tmp_path))["settings"]
    assert json.loads(other.stdout) == [settings, [str(sweep.path(c)) for c in sweep.cells]]
    assert "0x" not in str(settings["models"])
    assert "..." not in str(settings["models"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--train-sizes", "5"], "Training sizes must be from 30 .* to 1198 .*, got 5"),
        (["--train-sizes", "2000"], "Training sizes must be from 30 .* got 2000"),
        (["--seeds", "0"], "seeds must be an int >= 1, got 0"),
        (["--models", "pixels", "pixels"], "Every model is named once, got pixels, pixels"),
        (["--models", "pixels", "nonsense"], "There is no model 'nonsense'. Representations: pixels, fourier"),
        (["--data", "[red]nowhere.npz"], r"\[red\]nowhere\.npz"),
        (["--data", "digits", "mnist"], "digits is a registered data set"),
        (["--models", "pixels", "--out", "res[/x]", "--train-sizes", "5"], "Training sizes must be"),
        (["--workers", "0"], "workers must be at least 1, got 0"),
    ],
)
def test_errors_are_said_in_one_line_and_write_nothing(tmp_path, capsys, arguments, words):
    assert cli.main(["compare", "--out", str(tmp_path / "out"), *arguments]) == 1
    message = " ".join(capsys.readouterr().err.split())
    assert re.search(words, message), message
    assert not (tmp_path / "out").exists()


def test_options_are_not_abbreviated(capsys):
    with pytest.raises(SystemExit):
        cli.main(["compare", "--model", "pixels"])
    assert "unrecognized arguments: --model" in capsys.readouterr().err


def test_info_says_versions_cores_and_where_data_is_looked_for(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("KERNELCONV_DATA", str(tmp_path))
    assert cli.main(["info"]) == 0
    out = capsys.readouterr().out
    for word in ("numpy", "cores", "blas", "data cache", str(tmp_path)):
        assert word in out


def test_without_matplotlib_figures_are_skipped_in_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(cli.report, "figures_available", lambda: False)
    arguments = ["compare", "--models", "pixels", "--train-sizes", "30", "--seeds", "1", "--out", str(tmp_path)]
    assert cli.main(arguments) == 0
    assert "No figures: matplotlib is not installed" in capsys.readouterr().out
    assert not list(tmp_path.glob("*.png"))
    assert (tmp_path / "report.html").exists()


def test_a_command_that_names_no_sizes_says_in_its_help_which_are_taken(split, monkeypatch, capsys):
    asked = []

    def refuse(*args, **options):
        asked.append((args[2], options))
        raise ValueError("enough")

    many = replace(split, X_test=np.repeat(split.X_test, 4, 0), y_test=np.repeat(split.y_test, 4))
    many = replace(many, X_train=np.repeat(split.X_train, 2, 0), y_train=np.repeat(split.y_train, 2))
    monkeypatch.setattr(cli.accuracy, "Accuracy", refuse)
    monkeypatch.setattr(cli.stability, "Stability", refuse)
    for data in (split, many):
        monkeypatch.setattr(cli, "load_split", lambda *args, data=data, **options: data)
        for words in (["compare"], ["stability"]):
            assert cli.main([*words, "--models", "pixels"]) == 1
    (draws, _), (families, some), _, (_, all_of_them) = asked
    with pytest.raises(SystemExit):
        cli.main(["stability", "--help"])
    told = " ".join(capsys.readouterr().out.split())
    assert f"test images (default {all_of_them['n_images']}, or what there is)" in told
    assert f"training images (default {all_of_them['train_size']}, or what there is)" in told
    assert f"subset and models (default {some['seed']})" in told
    assert f"default: {' '.join(families)}" in told
    assert (some["n_images"], some["train_size"]) == (min(all_of_them["n_images"], 599), 1198)
    assert "error: enough" not in told
    with pytest.raises(SystemExit):
        cli.main(["compare", "--help"])
    assert f"repetitions (default {set(draws.values()).pop()})" in " ".join(capsys.readouterr().out.split())


def test_the_bar_goes_from_nothing_to_what_all_missing_cells_cost(split, tmp_path, monkeypatch):
    bars = []

    class Bar:
        def __init__(self, *columns, console, transient):
            self.done, self.words = 0.0, []
            assert transient
            bars.append(self)

        def __enter__(self):
            return self

        def __exit__(self, *error):
            return None

        def add_task(self, description, total):
            self.total = total

        def update(self, task, advance, description):
            self.done, self.words = self.done + advance, [*self.words, description]

    monkeypatch.setattr(cli, "Progress", Bar)
    console = Console(file=io.StringIO(), width=200)
    for draws in (1, 2, 2):
        found = study(split, draws={30: draws})
        cli.run(Sweep(found, tmp_path), console, Namespace(workers=None, scheduler=None), cli._compared)
    cost = found.seconds(found.cells[0])
    assert [bar.done for bar in bars] == pytest.approx([cost, cost, 0])
    assert [bar.total for bar in bars] == pytest.approx([cost, cost, 1])  # of nothing a bar cannot show a share
    assert [bar.words for bar in bars] == [["1 of 1"], ["1 of 2", "2 of 2"], ["1 of 2", "2 of 2"]]
    said = console.file.getvalue()
    assert said.count("1 to run: about 0 s of a core") == 2
    assert said.count("pixels, 30 images, seed 0: error ") == 3
    assert said.count("already there") == 3


def test_a_finished_cell_is_told_in_words():
    record = {"test_error": 0.125, "fit_seconds": 2.04}
    done = [Finished(AccuracyCell("m", 1000, 3), record, known) for known in (False, True)]
    assert [cli._compared(d) for d in done] == [
        ("m, 1,000 images, seed 3", "error 12.50 %, fit in 2.0 s"),
        ("m, 1,000 images, seed 3", "error 12.50 %, already there"),
    ]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "out of memory"),
        (ValueError("one\ntwo"), "one two"),
        (OSError(28, "No space", "a.json"), "a.json: No space."),
        (OSError("no number"), "no number"),
    ],
)
def test_errors_have_words_even_where_python_gives_none(error, words):
    assert cli._in_one_line(error) == words


def test_a_model_whose_package_is_missing_is_refused(monkeypatch):
    lacking = replace(REPRESENTATIONS["pixels"], name="far", needs="no_such_package")
    monkeypatch.setattr(cli, "model", lambda name, shape: Model(name, lacking, None))
    with pytest.raises(ValueError, match=r"^far needs the package no_such_package; far needs .*: pip install it\.$"):
        cli.find_models(["a", "b"], (8, 8))


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (89.4, "89 s"), (90, "2 min"), (5399, "90 min"), (5400, "1.5 h")]
)
def test_durations_in_words(seconds, words):
    assert cli.duration(seconds) == words


def test_classes_have_the_names_of_the_registered_data_set():
    x, y = np.zeros((20, 4, 4)), np.arange(20) % 10
    assert accuracy.class_names(Split("cifar10", x, y, x, y))[:2] == ["airplane", "automobile"]
    assert accuracy.class_names(Split("cifar10", x, y // 5, x, y // 5)) == ["0", "1"]
    assert accuracy.class_names(Split("elsewhere", x, y, x, y))[-1] == "9"
