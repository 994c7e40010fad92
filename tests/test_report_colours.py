"""Colours and markers of models, against simulated colour vision."""

import itertools

import numpy as np
import pytest
from reports import hex_to_rgb

from kernelconv.report import charts

#: What dichromats see of linear RGB: Machado, Oliveira & Fernandes (2009), severity 1.
VISION = {
    "normal": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
TO_XYZ = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]


def lab(rgb, vision):
    """CIELAB of sRGB colours (n, 3), white point D65, as seen with one kind of vision."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = (linear @ np.array(vision).T).clip(0, 1) @ np.array(TO_XYZ).T / [0.95047, 1, 1.08883]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


@pytest.mark.parametrize(("vision", "least"), [("normal", 28), ("protan", 17), ("deutan", 17), ("tritan", 17)])
def test_twelve_colours_stay_apart(vision, least):
    styles = charts.model_styles([str(k) for k in range(12)]).values()
    seen = lab(np.array([hex_to_rgb(s["color"]) for s in styles]), VISION[vision])
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > least


def test_every_colour_is_seen_on_white():
    styles = charts.model_styles([str(k) for k in range(12)]).values()
    lightness = lab(np.array([hex_to_rgb(s["color"]) for s in styles]), VISION["normal"])[:, 0]
    assert lightness.max() < 75


def test_lab_is_that_of_known_colours():
    known = lab(np.array([[1.0, 1, 1], [1, 0, 0], [0, 0, 0]]), VISION["normal"])
    assert known == pytest.approx(np.array([[100, 0, 0], [53.24, 80.09, 67.20], [0, 0, 0]]), abs=0.1)
    greens = lab(np.array([hex_to_rgb(c) for c in ("#D55E00", "#8A8A00")]), VISION["deutan"])
    assert np.linalg.norm(greens[0] - greens[1]) < 20  # what the test above must be able to refuse


def test_twelve_models_differ_in_colour_and_in_marker():
    styles = list(charts.model_styles([str(k) for k in range(156)]).values())
    assert len({s["color"] for s in styles[:12]}) == len({s["marker"] for s in styles[:12]}) == 12
    assert len({(s["color"], s["marker"]) for s in styles}) == 156
