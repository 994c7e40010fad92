"""kernelconv stability: what is measured of a model, cells and what decides them, results, expectations, command."""

import csv
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from joblib import parallel_config
from kills import cells, kill_at_random
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from kernelconv import ConvKernelClassifier, ConvKernelNetwork, ConvNetClassifier, NetworkTransformer, cli
from kernelconv.datasets import Dataset, load_digits_images, load_split, registered_datasets
from kernelconv.datasets.split import Split
from kernelconv.networks.cnn.presets import wide_lenet
from kernelconv.report.stability import shown_strength, study_rows
from kernelconv.stability import StabilityReport, StabilityRow, measure_corruptions, measure_layers, stability_card
from kernelconv.studies import families, stability
from kernelconv.studies.estimators.kernel_classifiers import Supervised
from kernelconv.studies.estimators.transformers import Pixels, SquareRoot
from kernelconv.studies.expectations import EXPECTATIONS, expectations
from kernelconv.studies.models import Model, Representation, headless, phi
from kernelconv.studies.registry import HEADS, REPRESENTATIONS, model
from kernelconv.studies.stability import DEFAULT_MODELS, Stability, StabilityCell, examples, reports, results
from kernelconv.studies.sweep import Sweep

SMALL = {"n_images": 12, "train_size": 60}
MODELS, KINDS = ["pixels", "fourier"], ["smooth", "translation"]


@pytest.fixture(scope="module")
def split():
    return load_split("digits")


@pytest.fixture(autouse=True)
def _forgotten():
    """No test finds a model that another one has fitted."""
    stability._last.clear()


def study(split, names=MODELS, kinds=KINDS, **more):
    return Stability(split, {name: model(name) for name in names}, kinds, **{**SMALL, **more})


def of(estimator, name="own"):
    """A model that is this estimator."""
    return {name: Model(name, Representation(name, name, "yours", lambda *_: estimator, "Mine."), None)}


# -- what is measured of a model ---------------------------------------------------------------------------------------

NETWORKS = {
    "unsupervised": ConvKernelNetwork(n_anchors=(4,), random_state=0),
    "drawn": NetworkTransformer(wide_lenet((8, 8, 1), 10), random_state=0),
    "convolutional": ConvNetClassifier("wide_lenet", epochs=1, random_state=0),
    "end to end": ConvKernelClassifier(n_anchors=(4,), epochs=0, random_state=0),
    "penalty chosen": Supervised(ConvKernelClassifier(n_anchors=(4,), epochs=0)),
}


def test_black_images_are_left_out(split):
    X = split.X_test.copy()
    X[[0, 2]] = 0
    flat, others = (
        replace(split, X_test=X),
        replace(split, X_test=np.delete(X, [0, 2], 0), y_test=np.delete(split.y_test, [0, 2])),
    )
    found = [study(s, ["scattering"], ["smooth", "corruptions"]) for s in (flat, others)]
    for one, other in zip(*([s.run(cell) for cell in s.cells] for s in found), strict=True):
        assert one == other


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_measured_as_one_up_to_what_its_head_reads(split, name):
    x, y = split.X_train[:60], split.y_train[:60]
    fitted = make_pipeline(NETWORKS[name], HEADS["linear"].build(0)).fit(x, y)
    found = phi(fitted).forward(x)
    np.testing.assert_array_equal(found.reshape(60, -1), fitted[:-1].transform(x))
    gradient, _ = phi(fitted).vjp(x, np.ones_like(found))
    assert np.abs(gradient).max() > 0


def test_anything_else_is_measured_by_transform(split):
    x = split.X_train[:30]
    for estimator in (Pixels(), make_pipeline(Pixels(), SquareRoot())):
        alone = estimator.fit(x).transform(x)
        for fitted in (estimator, make_pipeline(estimator, LogisticRegression()).fit(x, split.y_train[:30])):
            np.testing.assert_array_equal(phi(fitted)(x), alone)
    assert phi(model("exact-kernel").build((8, 8), 30, 0)) is None


def test_a_pipeline_loses_its_classifier_and_nothing_else():
    pixels, root, logistic = Pixels(), SquareRoot(), LogisticRegression()
    assert headless(logistic) is logistic
    assert headless(make_pipeline(logistic)) is logistic
    assert headless(make_pipeline(make_pipeline(pixels), logistic)) is pixels
    assert [step for _, step in headless(make_pipeline(pixels, root, logistic)).steps] == [pixels, root]
    own = of(make_pipeline(pixels, logistic))["own"]
    assert list(replace(own, head=HEADS["svm"]).build((8, 8), 30, 0).named_steps) == ["pixels", "gaussiansvm"]


def test_every_head_is_the_linear_one_on_features_of_the_training_images(split):
    found = study(split, ["lenet-untrained", "pixels"], ["rotation"])
    pad, kept = ((0, 0), (2, 2), (2, 2)), split.subset(60, 0)
    x, y = np.pad(split.X_train[kept], pad), split.y_train[kept]
    for cell in found.cells:
        features = REPRESENTATIONS[cell.model].build((12, 12), 60, 0).fit(x, y)
        head = HEADS["linear"].build(0).fit(features.transform(x), y)
        right = head.predict(features.transform(np.pad(split.X_test[:12], pad))) == split.y_test[:12]
        assert found.run(cell)["summaries"][0]["accuracy"] == np.mean(right)


def test_default_models_and_expectations_are_registered():
    assert set(DEFAULT_MODELS) <= set(REPRESENTATIONS)
    assert {name for e in EXPECTATIONS for name in (e.smaller, e.larger)} <= set(DEFAULT_MODELS)


@pytest.mark.parametrize(("name", "stride"), [("ckn-64", 4), ("ckn-32-64", 4), ("ckn-32-64-128", 8)])
def test_kernel_networks_end_at_the_stride_of_scattering_on_small_images_too(name, stride):
    network = REPRESENTATIONS[name].build((12, 12), 60, 0).specification()
    assert network.receptive_field((12, 12, 1))[1] == (stride, stride)


# -- cells -------------------------------------------------------------------------------------------------------------


def test_a_cell_holds_the_report_of_measure_stability(split, tmp_path):
    sweep = Sweep(study(split), tmp_path)
    assert sweep.cells == [StabilityCell(m, f) for m in MODELS for f in KINDS]
    list(sweep.run())
    first = reports(sweep)[StabilityCell("pixels", "smooth")]
    assert [r.strength for r in first.select("relative_change")] == list(families.NORMS)
    np.testing.assert_allclose([r.mean for r in first.select("relative_stability")], 1, atol=1e-5)
    assert first.rows[0].samples.shape == (2, 12)
    found = results(sweep)
    assert found["cells"] == [[m, f, 0] for m in MODELS for f in KINDS]
    assert len(found["rows"]) == 2 * 2 * 5 * 7
    assert {r["family"] for r in found["rows"]} == {"smooth", "translation"}
    assert found["summaries"]["pixels"]["n_features"] == 144
    assert found["settings"]["labels"] == {"pixels": "pixels", "fourier": "Fourier modulus"}
    assert found["settings"]["models"]["fourier"].endswith("unstable at high frequencies. FourierModulus()")
    assert found["settings"]["families"]["translation"] == {
        "family": "Translation()",
        "strengths": [0.5, 1.0, 2.0, 3.0, 4.0],
    }


def test_a_stopped_study_goes_on_and_gives_the_same_bits_with_several_workers(split, tmp_path):
    names, kinds = ["pixels", "ckn-32-64"], ["rotation", "translation"]
    whole = Sweep(study(split, names, kinds), tmp_path / "a")
    list(whole.run())
    for k, _ in enumerate(Sweep(study(split, names, kinds), tmp_path / "b").run()):
        if k == 0:
            break
    stability._last.clear()
    resumed = Sweep(study(split, names, kinds), tmp_path / "b")
    with parallel_config(backend="threading"):
        assert sorted(done.known for done in resumed.run(workers=2)) == [False, False, False, True]
    assert json.dumps(list(resumed.records().values())) == json.dumps(list(whole.records().values()))


def test_a_model_is_fitted_once_for_all_its_families(split, tmp_path, monkeypatch):
    fits = []

    class Counted(Pixels):
        def fit(self, X, y=None):
            fits.append(X.shape)
            return super().fit(X, y)

    found = Stability(split, {**of(Counted(), "a"), **of(Counted(), "b")}, ["rotation", "shear", "dilation"], **SMALL)
    list(Sweep(found, tmp_path).run())
    assert fits == [(60, 12, 12)]  # "b" is the same model under another name
    list(Sweep(Stability(split, of(Counted()), ["affine"], n_images=12, train_size=70), tmp_path).run())
    list(Sweep(Stability(split, of(Counted()), ["affine"], n_images=12, train_size=70, seed=1), tmp_path).run())
    other = replace(split, X_train=split.X_train / 2)
    list(Sweep(Stability(other, of(Counted()), ["affine"], n_images=12, train_size=70, seed=1), tmp_path).run())
    assert fits[1:] == [(70, 12, 12)] * 3


def test_the_worst_field_is_in_its_record(split, tmp_path, monkeypatch):
    monkeypatch.setattr(families, "WORST_EVALUATIONS", 8)
    sweep = Sweep(study(split, ["pixels"], ["worst"]), tmp_path)
    list(sweep.run())
    assert len(list((tmp_path / "cells").iterdir())) == 1
    field = stability.worst_fields(sweep)["pixels"]
    image, warped, tau = (np.array(field[key]) for key in ("image", "warped", "tau"))
    np.testing.assert_allclose(image[2:-2, 2:-2], split.X_test[0], atol=1e-4)
    assert (image.shape, tau.shape) == ((12, 12), (12, 12, 2))
    assert field["change"] == pytest.approx(np.linalg.norm(warped - image) / np.linalg.norm(image), rel=1e-3)
    assert np.abs(tau).max() > 0.1


def test_layers_are_those_of_measure_layers_and_of_what_has_any(split, tmp_path):
    found = study(split, ["lenet-untrained", "pixels"], ["layers"])
    sweep = Sweep(found, tmp_path)
    list(sweep.run())
    kept = split.subset(60, 0)
    fitted = model("lenet-untrained").build((12, 12), 60, 0)
    fitted.fit(found.padded(split.X_train[kept]), split.y_train[kept])
    x, how = found.padded(split.X_test[:12]), {"measures": families.LAYER_MEASURES, "random_state": 0}
    direct = measure_layers(phi(fitted), x, families.WORST, families.LAYER_NORMS, **how)
    assert len(direct.names) > 4
    rows = results(sweep)["rows"]
    assert {r["model"] for r in rows} == {"lenet-untrained"}
    assert [(r["family"], r["mean"]) for r in rows] == [(f"layers: {r.name}", r.mean) for r in direct]
    assert results(sweep)["summaries"] == {}


@pytest.mark.once("newest")
def test_a_card_is_the_one_of_its_classifier(split, tmp_path, monkeypatch):
    monkeypatch.setattr(families, "CARD", {"sigma": 1.0, "n_samples": 50, "n_evaluations": 16, "n_draws": 1})
    monkeypatch.setattr(families, "N_CARD", 4)
    found = study(split, ["lenet-untrained", "pixels"], ["cards"], starts=2)
    assert [cell.start for cell in found.cells] == [0, 0]
    sweep = Sweep(found, tmp_path)
    list(sweep.run())
    cards, x, y = stability.cards(sweep), found.padded(split.X_test[:4]), split.y_test[:4]
    kept = split.subset(60, 0)
    fitted = model("pixels+linear").build((12, 12), 60, 0).fit(found.padded(split.X_train[kept]), split.y_train[kept])
    title = f"pixels + {HEADS['linear'].label}"
    direct = stability_card(
        fitted, x, y, phi=fitted[0].transform, name=title, data="digits", deformation=families.WORST,
        strengths=families.CARD_NORMS, random_state=0, **families.CARD,
    )  # fmt: skip
    assert cards["pixels"] == json.loads(json.dumps(direct))
    assert results(sweep)["cards"]["lenet-untrained"]["model"].startswith(
        f"{REPRESENTATIONS['lenet-untrained'].label} + "
    )
    assert "pictures" not in results(sweep)["cards"]["pixels"]
    assert results(sweep)["rows"] == []


class Stubborn(ClassifierMixin, BaseEstimator):
    """A classifier of one answer."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[-1])


class StubbornPixels(Stubborn):
    """The same, with features from which a head could tell the classes."""

    def transform(self, X):
        return X.reshape(len(X), -1)


@pytest.mark.parametrize("kind", [Stubborn, StubbornPixels])
def test_a_card_is_of_the_labels_that_a_classifier_gives_itself(kind, split, tmp_path, monkeypatch):
    monkeypatch.setattr(families, "CARD", {"sigma": 1.0, "n_samples": 50, "n_evaluations": 16, "n_draws": 1})
    monkeypatch.setattr(families, "N_CARD", 8)
    mine = Representation("stubborn", "stubborn", "yours", lambda *_: kind(), "Mine.", trained=True)
    asked = {"stubborn": Model("stubborn", mine, None)}
    sweep = Sweep(Stability(split, asked, ["cards"], n_images=8, train_size=60), tmp_path)
    list(sweep.run())
    card = stability.cards(sweep)["stubborn"]
    assert card["model"] == "stubborn"
    assert card["classifier"]["clean"] == np.mean(split.y_test[:8] == 9)
    assert (card["representation"] is None) == (kind is Stubborn)


def test_without_features_there_are_cards_alone(split):
    with pytest.raises(ValueError, match=r"no transform\): leave it out, or ask for the family cards alone, if it is"):
        Stability(split, of(Stubborn(), "stubborn"), ["cards", "smooth"], n_images=8, train_size=60)


def test_colour_images_are_measured_like_grey_ones(tmp_path, monkeypatch):
    monkeypatch.setattr(families, "WORST_EVALUATIONS", 16)
    rng = np.random.default_rng(0)
    X, y = rng.random((60, 8, 8, 3), np.float32), np.arange(60) % 2
    split = Split("colours", X[:40], y[:40], X[40:], y[40:])
    models = {**of(Pixels(), "pixels"), **of(ConvKernelNetwork(n_anchors=(4,), random_state=0), "ckn")}
    found = Stability(split, models, ["smooth", "worst", "corruptions"], n_images=6, train_size=20)
    sweep = Sweep(found, tmp_path)
    list(sweep.run())
    rows = results(sweep)["rows"]
    assert {"smooth", "worst", "corruptions: shear"} <= {r["family"] for r in rows}  # "shear" is a family, too
    assert results(sweep)["settings"]["image_shape"] == [12, 12, 3]
    assert min(r["mean"] for r in rows if r["measure"] == "relative_change") > 0
    assert np.array(stability.worst_fields(sweep)["ckn"]["warped"]).shape == (12, 12, 3)
    assert examples(found, "smooth", 2)["images"].shape == (2, 6, 12, 12, 3)
    grey = replace(split, X_train=X[:40, ..., :1], X_test=X[40:, ..., :1])
    flat = replace(split, X_train=X[:40, ..., 0], X_test=X[40:, ..., 0])
    one, other = (Stability(s, of(Pixels()), ["rotation"], n_images=6, train_size=20) for s in (grey, flat))
    assert one.run(one.cells[0]) == other.run(other.cells[0])


def test_images_go_on_beyond_their_edges_as_the_border_says(split):
    zeros, mirrored = (study(split, ["pixels"], ["translation"], border=b) for b in ("zero", "symmetric"))
    x = split.X_test[:5]
    np.testing.assert_array_equal(zeros.padded(x), np.pad(x, ((0, 0), (2, 2), (2, 2))))
    np.testing.assert_array_equal(mirrored.padded(x), np.pad(x, ((0, 0), (2, 2), (2, 2)), mode="symmetric"))
    cell = zeros.cells[0]
    assert "border" not in zeros.identity(cell)  # cells of zeros keep their names
    assert mirrored.identity(cell) == {**zeros.identity(cell), "border": "symmetric"}
    flat = replace(split, X_test=np.ones_like(split.X_test) * np.linspace(0.5, 1, len(split.X_test))[:, None, None])
    changes = {}
    for border in ("zero", "symmetric"):
        rows = study(flat, ["pixels"], ["translation"], border=border).run(cell)["rows"]
        changes[border] = [row["mean"] for row in rows if row["measure"] == "relative_change"]
    assert min(changes["zero"]) > 0.1
    assert max(changes["symmetric"]) < 1e-6
    shown = examples(study(flat, ["pixels"], ["translation"], border="symmetric"), "translation", 2)["images"]
    np.testing.assert_allclose(shown, shown[:, :1, :1, :1] + 0 * shown, atol=1e-6)
    ones = np.ones((2, 12, 12))
    assert families.worst_field(lambda x: x, ones, 0, "symmetric")["change"] < 1e-6
    assert families.worst_field(lambda x: x, ones, 0, "zero")["change"] > 0.01
    with pytest.raises(
        ValueError, match="border must be one of 'zero', 'reflect', 'symmetric', 'circular', got 'wrap'"
    ):
        study(split, border="wrap")


def test_photographs_have_no_black_frame_by_default(tmp_path, monkeypatch):
    photographs = Dataset("photographs", "Photographs", load_digits_images, border="symmetric")
    known = {**registered_datasets(), "photographs": photographs}
    for module in ("kernelconv.cli", "kernelconv.datasets.places"):
        monkeypatch.setattr(f"{module}.registered_datasets", lambda: known)
    run = ["stability", "--models", "pixels", "--families", "rotation", "--images", "12", "--train-size", "60"]
    assert cli.main([*run, "--data", "photographs", "--out", str(tmp_path)]) == 0
    assert json.loads((tmp_path / "results.json").read_text())["settings"]["border"] == "symmetric"
    with pytest.raises(ValueError, match=r"border of a must be one of .* got 'black'"):
        Dataset("a", "A", load_digits_images, border="black")


def test_sizes_that_are_not_given():
    split = Split("flat", *2 * (np.arange(40_000.0).reshape(5000, 2, 4), np.arange(5000) % 2))
    found = Stability(split, of(Pixels()), ["rotation"])
    assert (found.n_images, found.train_size, found.seed) == (500, 2000, 0)


# -- what decides a cell -----------------------------------------------------------------------------------------------


def only_path(split, tmp_path, family="smooth", m=None, **more):
    found = Stability(split, {"scattering": m or model("scattering-2")}, [family], **{**SMALL, **more})
    return Sweep(found, tmp_path).path(found.cells[0])


def test_every_change_of_what_decides_is_another_cell(split, tmp_path):
    before, m = only_path(split, tmp_path), model("scattering-2")
    images, labels = split.X_train.copy(), split.y_test.copy()
    images[0, 0, 0] += 1 / 256
    labels[0] = (labels[0] + 1) % 10
    newer = replace(m, representation=replace(m.representation, version=2))
    changed = {
        "pixel": only_path(replace(split, X_train=images), tmp_path),
        "label": only_path(replace(split, y_test=labels), tmp_path),
        "version": only_path(split, tmp_path, m=newer),
        "parameter": only_path(split, tmp_path, m=model("scattering-3")),
        "seed": only_path(split, tmp_path, seed=1),
        "images": only_path(split, tmp_path, n_images=13),
        "train size": only_path(split, tmp_path, train_size=70),
    }
    assert len({before, *changed.values()}) == 1 + len(changed)


PROTOCOL = {
    "pad": (stability, "PAD", 3, "smooth"),
    "head": (
        stability,
        "HEADS",
        {"linear": replace(HEADS["linear"], build=lambda seed: HEADS["affine"].build(1))},
        "smooth",
    ),
    "version of the head": (stability, "HEADS", {"linear": replace(HEADS["linear"], version=2)}, "smooth"),
    "measures": (families, "MEASURES", families.MEASURES[1:], "smooth"),
    "parameter": (families, "FAMILIES", {"smooth": (families.SmoothDeformation(cutoff=4), families.NORMS)}, "smooth"),
    "strengths": (families, "FAMILIES", {"smooth": (families.SmoothDeformation(cutoff=3), (0.1,))}, "smooth"),
    "evaluations": (families, "WORST_EVALUATIONS", 65, "worst"),
    "worst norms": (families, "WORST_NORMS", (0.1,), "worst"),
    "worst version": (families, "WORST_VERSION", 3, "worst"),
    "worst images": (families, "N_WORST", 11, "worst"),
    "severities": (families, "SEVERITIES", (1, 3), "corruptions"),
    "corruptions": (families, "CORRUPTIONS", {"rotate": None}, "corruptions"),
}


@pytest.mark.parametrize("what", PROTOCOL)
def test_a_changed_protocol_is_another_cell_of_its_family(what, split, tmp_path, monkeypatch):
    module, name, value, family = PROTOCOL[what]
    before = {f: only_path(split, tmp_path, f) for f in ("smooth", "worst", "corruptions", "rotation")}
    monkeypatch.setattr(module, name, value)
    assert only_path(split, tmp_path, family) != before[family]
    if module is families and family != "smooth":
        assert all(only_path(split, tmp_path, f) == before[f] for f in before if f != family)


def test_names_and_prose_leave_the_cell_alone(split, tmp_path):
    m = model("scattering-2")
    r = replace(m.representation, label="Other", source="Another text.", family="x", milliseconds=(9, 9), largest=99)
    renamed = only_path(replace(split, name="renamed"), tmp_path, m=replace(m, representation=r))
    assert renamed == only_path(split, tmp_path)


def test_what_cells_will_cost_grows_and_holds_one_fit_a_model(split):
    one, several = study(split, ["lenet"], ["rotation"]), study(split, ["lenet"], ["rotation", "shear", "dilation"])
    assert sum(map(several.seconds, several.cells)) < 2 * one.seconds(one.cells[0])
    assert study(split, ["lenet"], n_images=24).seconds(one.cells[0]) > study(split, ["lenet"]).seconds(one.cells[0])
    n_represented = [families.cost(name, 500)[0] for name in ("rotation", "worst", "corruptions")]
    assert n_represented == [500 * 5 * 3, 100 * 2 * 64, 500 * 3 * 16]
    n_fields = [500 * 5, 100 * 2 * 64, 0]  # 0.4 ms a field, 0.05 ms an image of the rest
    for name, fields, images in zip(("rotation", "worst", "corruptions"), n_fields, n_represented, strict=True):
        assert families.cost(name, 500)[1] == pytest.approx((0.4 * fields + 0.05 * images) / 1000)


def test_seeds_are_those_that_scikit_learn_takes(split):
    assert study(split, ["pixels"], seed=2**32 - 1).seed == 2**32 - 1
    for seed, words in ((2**32, r"seed must be an int from 0 to 4294967295, got 4294967296"), (-1, "seed must be")):
        with pytest.raises(ValueError, match=words):
            study(split, ["pixels"], seed=seed)


def test_the_fewest_and_the_most_images_are_taken(split):
    assert len(study(split, ["pixels"], n_images=2, train_size=30).cells) == 2
    assert study(split, ["pixels"], n_images=599).n_images == 599
    for changes, words in (({"n_images": 2.5}, "images must be an int"), ({"train_size": 30.5}, "train size must be")):
        with pytest.raises(ValueError, match=words):
            study(split, ["pixels"], **changes)


def test_examples_of_a_study_are_test_images_with_their_border_and_deformed(split):
    found = study(split, ["pixels"])
    shown = examples(found, "translation")
    assert shown["images"].shape == (4, 6, 12, 12)
    assert shown["strengths"] == list(families.FAMILIES["translation"][1])
    np.testing.assert_array_equal(shown["images"][:, 0], found.padded(split.X_test[:4]))
    np.testing.assert_array_equal(examples(found, "translation", 2)["images"][:, 0], shown["images"][:2, 0])
    moved = [np.abs(shown["images"][:, k] - shown["images"][:, 0]).mean() for k in range(6)]
    assert 0 == moved[0] < moved[1] < moved[2] < moved[3]
    other = examples(study(split, ["pixels"], seed=1), "translation")["images"]
    assert not np.array_equal(other[:, 1], shown["images"][:, 1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"kinds": []},
            r"families must be different ones among smooth, .* worst, corruptions, layers, cards, got \[\]",
        ),
        ({"kinds": ["smooth", "smooth"]}, r"families must be different ones .* got \['smooth', 'smooth'\]"),
        ({"kinds": ["wavy"]}, r"families must be different ones .* got \['wavy'\]"),
        ({"names": []}, r"There is nothing to measure: name at least one model"),
        ({"names": ["pixels", "exact-kernel"]}, r"exact-kernel has no features .* \(no transform\): leave it out"),
        ({"names": ["pixels+svm"]}, r"pixels\+svm names a head; .* go to the same one, linear: ask for pixels\."),
        ({"n_images": 1}, r"images must be from 2 to 599 \(test images, not black\), got 1\."),
        ({"n_images": 10_000}, r"images must be from 2 to 599 \(test images, not black\), got 10000"),
        ({"train_size": 29}, r"train size must be from 30 \(3 a class, .*\) to 1198 \(.* of digits\), got 29"),
        ({"train_size": 10_000}, r"train size must be from 30 .* to 1198 .*, got 10000"),
        ({"train_size": 1195}, r"1195"),
    ],
)
def test_errors(split, changes, message):
    with pytest.raises(ValueError, match=message):
        study(split, **changes)


# -- expectations ------------------------------------------------------------------------------------------------------


def row(measure, samples, strength=0.1):
    samples = np.array([samples, np.ones(len(samples))])
    return StabilityRow(
        "f", strength, "", measure, float(samples[0].mean()), 0, 1, len(samples[0]), 1, True, "", samples
    )


def test_expectations_come_true_or_not_or_stay_open():
    x = np.random.default_rng(0).uniform(1, 2, 50)
    level = {"pixels": x, "scattering-2": 0.5 * x, "scattering-3": 0.6 * x, "ckn-64": x + np.tile([0.1, -0.1], 25)}
    reported = {
        m: [StabilityReport((row("relative_change", v), row("relative_stability", v)))] for m, v in level.items()
    }
    found = {e["smaller"]: e for e in expectations(reported) if e["measure"] == "relative_change"}
    assert set(found) == {"scattering-2", "scattering-3", "ckn-64"}
    assert found["scattering-2"]["came_true"] == "yes"
    assert found["scattering-3"]["came_true"] == "no"
    assert found["ckn-64"]["came_true"] == "open"
    assert found["scattering-2"]["difference"] == pytest.approx(-0.5 * x.mean())
    assert expectations({}) == []
    assert len(EXPECTATIONS) > len(found)


# -- the command -------------------------------------------------------------------------------------------------------


@pytest.mark.once("oldest")
def test_the_command_writes_its_files_and_resumes(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(families, "WORST_EVALUATIONS", 16)
    chosen = ["--models", "fourier", "pixels", "--families", "smooth", "worst", "corruptions"]
    command = ["stability", *chosen, "--images", "12", "--train-size", "60", "--out", str(tmp_path)]
    assert cli.main(command) == 0
    first = capsys.readouterr().out
    assert "fourier, worst: measured" in first
    assert "6 to run: about " in " ".join(first.split())
    assert "SmoothDeformation(cutoff=3) at" in first
    found = json.loads((tmp_path / "results.json").read_text())
    with open(tmp_path / "results.csv", newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == len(found["rows"]) > 100
    assert float(lines[0]["mean"]) == found["rows"][0]["mean"]
    page = (tmp_path / "report.html").read_text()
    assert "Stability to deformation on digits" in page
    assert page.count("<img") == 3  # curves and images of smooth fields, worst fields
    assert {p.name for p in tmp_path.glob("*.png")} == {"curves-smooth.png", "deformed-smooth.png", "worst-fields.png"}
    stamp = {p: p.stat().st_mtime_ns for p in (tmp_path / "cells").iterdir()}
    assert cli.main(command) == 0
    assert capsys.readouterr().out.count("already there") == len(stamp) == 6
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "cells").iterdir()} == stamp
    assert json.loads((tmp_path / "results.json").read_text()) == found
    assert study_rows(found, "worst", 0.1)[0]["measures"]["worst_over_random"][0] > 1
    assert "2 px of zeros put around each image" in page
    assert cli.main([*command[:3], "--families", "rotation", *command[-6:], "--border", "reflect"]) == 0
    assert "2 px of reflect border put around each image" in (tmp_path / "report.html").read_text()
    assert json.loads((tmp_path / "results.json").read_text())["settings"]["border"] == "reflect"
    assert shown_strength(found, "smooth") == 0.1


@pytest.mark.once("oldest")
def test_the_command_writes_layers_and_cards(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(families, "CARD", {"sigma": 1.0, "n_samples": 50, "n_evaluations": 16, "n_draws": 1})
    monkeypatch.setattr(families, "N_CARD", 4)
    chosen = ["--models", "pixels", "lenet-untrained", "--families", "layers", "cards"]
    assert cli.main(["stability", *chosen, "--images", "6", "--train-size", "60", "--out", str(tmp_path)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Layer by layer" in shown
    assert "6 test images, 60 to train from, 12 x 12 px with a border of 2 px on every side (zero)" in shown
    assert "pixels, layers: no rows, because these features have no trace" in shown
    assert "lenet-untrained, layers: measured" in shown
    assert "Both sides of SmoothDeformation(cutoff=3), 4 images, at 0.1" in shown
    page = (tmp_path / "report.html").read_text()
    assert page.count("relu") >= 1
    for name in ("pixels", "lenet-untrained"):
        card = json.loads((tmp_path / "cards" / name / "card.json").read_text())
        assert card["protocol"] == "kernelconv-stability-1"
        assert (tmp_path / "cards" / name / "card.html").is_file()


def test_without_matplotlib_the_command_says_so_in_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("kernelconv.report.figures_available", lambda: False)
    arguments = ["--models", "pixels", "--families", "rotation"]
    assert cli.main(["stability", *arguments, "--images", "5", "--train-size", "30", "--out", str(tmp_path)]) == 0
    assert "No figures: matplotlib is not installed" in capsys.readouterr().out
    assert not list(tmp_path.glob("*.png"))
    assert "<img" not in (tmp_path / "report.html").read_text()


def test_models_of_ones_own_are_measured_beside_ours(tmp_path, monkeypatch):
    (tmp_path / "own_phi.py").write_text(
        "from sklearn.linear_model import LogisticRegression\nfrom sklearn.pipeline import make_pipeline\n"
        "from kernelconv.studies.estimators.transformers import Pixels\n"
        "classifier = make_pipeline(Pixels(), LogisticRegression())\n"
    )
    monkeypatch.chdir(tmp_path)
    command = ["stability", "--models", "own_phi:classifier", "pixels", "--families", "shear", "--images", "5"]
    try:
        assert cli.main([*command, "--train-size", "30", "--out", "out"]) == 0
    finally:
        sys.modules.pop("own_phi", None)
    rows = json.loads((tmp_path / "out" / "results.json").read_text())["rows"]
    own, ours = ([{**r, "model": ""} for r in rows if r["model"] == m] for m in ("own_phi:classifier", "pixels"))
    assert own == ours != []


# -- corruptions -------------------------------------------------------------------------------------------------------


def test_accuracy_under_corruption_falls_with_severity(split):
    x, y = split.X_test[:150], split.y_test[:150]
    fitted = model("pixels").build((8, 8), 400, 0).fit(split.X_train[:400], split.y_train[:400])
    measured = phi(fitted), x, y
    names = ["gaussian_noise", "inverse", "rotate"]
    report = measure_corruptions(*measured, fitted[-1], corruptions=names, random_state=0)
    for family in names:
        accuracy, change = (
            [r.mean for r in report.select(m) if r.family == family] for m in ("accuracy", "relative_change")
        )
        assert accuracy[2] < accuracy[0]
        assert change[2] > change[0] > 0
    clean = measure_corruptions(*measured, fitted[-1], corruptions=["quantize"], severities=[1], random_state=0)
    assert clean.select("accuracy")[0].mean > 0.8
    again = measure_corruptions(*measured, fitted[-1], corruptions=["gaussian_noise"], random_state=0)
    assert [r.mean for r in again] == [r.mean for r in report if r.family == "gaussian_noise"]
    with pytest.raises(ValueError, match=r"y must hold one label an image, \(150,\), got shape \(3,\)"):
        measure_corruptions(phi(fitted), x, y[:3], fitted[-1])
    for wrong, message in (
        ({"corruptions": "contrast"}, "corruptions must be a non-empty sequence"),
        ({"corruptions": ["rain"]}, "each of corruptions must be one of 'gaussian_noise'"),
        ({"severities": 2}, "severities must be a non-empty sequence"),
        ({"head": 3}, "head must have predict or be a function"),
    ):
        with pytest.raises(ValueError, match=message):
            measure_corruptions(**{"phi": phi(fitted), "X": x, "y": y, "head": fitted[-1], **wrong})


# -- committed results -------------------------------------------------------------------------------------------------


@pytest.mark.once("newest")
def test_the_committed_table_is_that_of_the_committed_results():
    script = Path(__file__).parent.parent / "benchmarks" / "stability_table.py"
    done = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif("KERNELCONV_KILLS" not in os.environ, reason="as compare's, but slow: set KERNELCONV_KILLS=10")
def test_killed_at_random_moments_it_ends_at_the_same_results(tmp_path):
    plan = ["stability", "--models", "pixels", "fourier", "scattering-2", "--families", "smooth", "translation"]
    plan += ["rotation", "worst", "--images", "12", "--train-size", "60"]
    assert cli.main([*plan, "--out", str(tmp_path / "whole")]) == 0
    run = [sys.executable, "-m", "kernelconv", *plan, "--workers", "2", "--out", str(tmp_path / "cut")]
    seen = kill_at_random(run, tmp_path / "cut", 12, np.random.default_rng(2))
    assert seen[0] >= 1
    assert len([p for p in cells(tmp_path / "cut") if p.suffix == ".json"]) == 12
    for name in ("results.json", "results.csv"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
