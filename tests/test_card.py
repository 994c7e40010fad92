"""Stability cards: both sides agree with what they are made of, and the page shows them."""

import json

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from kernelconv.datasets import load_digits_images
from kernelconv.deformations import CombinedDeformation, SmoothDeformation, Translation, warp
from kernelconv.report import figures_available, write_card
from kernelconv.stability import certify, stability_card

X, Y = load_digits_images()
FEW = {"n_samples": 60, "n_evaluations": 32, "n_draws": 2, "strengths": (0.05, 0.2)}


@pytest.fixture(scope="module")
def model():
    rows = FunctionTransformer(lambda x: np.asarray(x).reshape(len(x), -1))
    return make_pipeline(rows, RidgeClassifier()).fit(X[:600], Y[:600])


@pytest.fixture(scope="module")
def card(model):
    return stability_card(model, X[600:606], Y[600:606], data="digits", sigma=0.5, **FEW)


def test_the_sides_of_a_card_are_in_order(card):
    f, g = card["classifier"], card["majority"]
    assert f["clean"] >= f["found"][0] >= f["found"][1]
    assert f["found"][1] < f["typical"][1]
    assert g["clean"] >= g["certified_at_rest"] >= g["certified"][0] >= g["certified"][1]
    assert g["clean"] >= g["found"][0] >= g["certified"][0] > 0
    features = card["representation"]
    for key in ("relative_change", "worst_change"):
        assert len(features[key]) == 2
        assert features[key][0][0] < features[key][1][0]
    assert features["relative_change"][0][0] < features["worst_change"][0][0]
    assert features["relative_change"][0][0] < features["guaranteed_median"][0]
    assert features["guaranteed_median"][1] is None  # sixty samples say nothing so far out


def test_the_smallest_flips_flip(card, model):
    for picture in card["pictures"]:
        image, field = np.array(picture["image"])[None], np.array(picture["field"])
        assert picture["labels"] == [str(model.predict(image)[0]), str(model.predict(warp(image, field))[0])]
        assert picture["labels"][0] != picture["labels"][1]
    strengths = [picture["strength"] for picture in card["pictures"]]
    assert 1 <= len(strengths) <= 3
    assert strengths == sorted(s for s in card["classifier"]["smallest_flips"] if s is not None)[: len(strengths)]


def test_a_card_says_what_it_was_made_of(card):
    assert card["protocol"] == "kernelconv-stability-1"
    assert card["data"] == {"name": "digits", "n_images": 6, "shape": [8, 8], "labels_are_its_own": False}
    assert card["settings"]["family"] == "SmoothDeformation(cutoff=3)"
    assert card["settings"]["of_the_majority"] == {"n_samples": 16, "n_evaluations": 16}
    assert card["majority"]["largest_certifiable"] == pytest.approx(
        SmoothDeformation(3).guaranteed_strength(8, certify(lambda x: x[:, 0, 0] > 9, X[:1], SmoothDeformation(3), 0.5,
                                                            n_samples=60, random_state=0).cap)
    )  # fmt: skip
    assert json.loads(json.dumps(card)) == card


def test_labels_of_its_own_are_all_right(model):
    own = stability_card(model, X[600:603], deformation=Translation(), **FEW)
    assert own["classifier"]["clean"] == 1
    assert own["data"]["labels_are_its_own"]
    assert own["settings"]["unit"] == "px"
    assert len(own["majority"]["certified"]) == 2


def test_a_card_leaves_images_as_they_are_and_seeds_plain():
    def model(z):
        z *= 0.5
        return z[:, 2, 2] > 0.25

    x = np.random.default_rng(0).random((3, 8, 8))
    given = x.copy()
    card = stability_card(model, x, order=np.int64(3), random_state=np.int64(0), **FEW)
    np.testing.assert_array_equal(x, given)
    assert json.loads(json.dumps(card)) == card == stability_card(model, x, order=3, random_state=0, **FEW)


def test_a_function_of_labels_has_no_representation():
    card = stability_card(lambda x: x[:, 0, 0] > 9, X[:3], **FEW)
    assert card["representation"] is None
    assert card["pictures"] == []
    assert card["classifier"]["smallest_flips"] == [None] * 3
    assert card["model"] == "function"


def test_a_module_gets_a_card():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(144, 3))
    x = np.random.default_rng(0).random((2, 8, 8, 3), np.float32)
    card = stability_card(module, x, **FEW)
    assert card["model"] == "Sequential"
    assert card["representation"]["worst_change"][1][0] > 0


@pytest.mark.skipif(not figures_available(), reason="needs matplotlib")
def test_a_card_becomes_a_page(card, tmp_path):
    path = write_card(json.loads(json.dumps(card)), tmp_path / "made")
    page = path.read_text(encoding="utf-8")
    for words in ("Stability card: Pipeline", "6 images of digits, 8 x 8 px, with their labels", "guaranteed median"):
        assert words in page
    f = card["classifier"]
    assert f"{100 * f['typical'][1]:.1f}" in page
    assert page.count("data:image/png") == 2
    assert "card.json, beside this page, holds all numbers." in page
    assert "label" in page
    assert json.loads((tmp_path / "made" / "card.json").read_text(encoding="utf-8")) == card


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda m: stability_card(m, X[:3], Y[:2], **FEW), r"y must hold one label an image, \(3,\), got shape \(2,"),
        (lambda m: stability_card(m, X[:3], deformation=CombinedDeformation(), **FEW), "closed under scaling"),
        (lambda m: stability_card(m, X[:3], strengths=(2.0,)), "strength=2.0 is not below 1"),
        (lambda m: stability_card(m, X[:3], **FEW, random_state=-1), "random_state must be"),
        (
            lambda m: write_card({"protocol": "other"}, "nowhere"),
            "card must be what stability_card returns",
        ),
    ],
)
def test_errors(call, match, model):
    with pytest.raises(ValueError, match=match):
        call(model)
