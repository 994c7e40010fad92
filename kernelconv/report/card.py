"""write_card: the result of `stability_card` as one JSON file and one page."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from kernelconv._files import write_atomically
from kernelconv.report import charts
from kernelconv.report.captions import Caption
from kernelconv.report.page import Page, definitions, save_page
from kernelconv.report.table import Column, Section, Table

_PROTOCOLS = ("kernelconv-stability-1",)
_ABOUT_TWO_SIDES = (
    "Typical: random fields. Found: the smallest field that a search found to change the label, so at most this "
    "accuracy is left. Guaranteed: what no field of the family can undo. f is the classifier; G is its majority over a "
    "cloud of fields around each field, another classifier, of which alone something is guaranteed."
)


def write_card(card: Mapping[str, Any], folder: str | os.PathLike[str]) -> Path:
    """Write a stability card into a folder as card.json and card.html, a self-contained page.

    Parameters
    ----------
    card : dict
        Result of `kernelconv.stability.stability_card`, also if read from JSON.
    folder : path-like
        Where the files go; created if it does not exist.

    Returns
    -------
    Path
        Path of the page.

    Raises
    ------
    ImportError
        If matplotlib or Jinja2 is missing; nothing is written then.
    ValueError
        If `card` is not a stability card, or one of another protocol.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from kernelconv.report import write_card
    >>> from kernelconv.stability import stability_card
    >>> X = np.random.default_rng(0).random((3, 8, 8))
    >>> card = stability_card(lambda x: (x.mean((1, 2)) > 0.5).astype(int), X, n_samples=50, n_evaluations=16)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_card(card, folder).name
    'card.html'
    """
    protocol = card.get("protocol") if isinstance(card, Mapping) else None
    if protocol not in _PROTOCOLS:
        raise ValueError(f"card must be what stability_card returns, of protocol {_PROTOCOLS[0]}, got {protocol!r}.")
    charts.check_figures_available()
    folder, settings = Path(folder), card["settings"]
    axis = f"strength, {settings['unit']}" if settings["unit"] else "Jacobian norm"
    with tempfile.TemporaryDirectory() as drawn, charts.house_style():
        path = charts.save_figure(charts.two_sided(card, axis), Path(drawn) / "curves.png")
        figures = [(path, _curves_caption(card))]
        if card["pictures"]:
            path = charts.save_figure(charts.flips(card["pictures"], settings["unit"]), Path(drawn) / "flips.png")
            figures.append((path, _FLIPS))
        page = Page(
            title=f"Stability card: {card['model']}",
            lead=_lead(card),
            tables=[_accuracies(card), *([_changes(card)] if card["representation"] else [])],
            figures=figures,
            protocol=_protocol(card),
            models=[definitions("Settings", {key: _text(value) for key, value in settings.items()})],
            environment=[definitions("Packages", card["versions"])],
            command="kernelconv.stability.stability_card(model, X, y, ...) with the settings above",
            files="card.json, beside this page, holds all numbers.",
            version=card["versions"]["kernelconv"],
        )
        folder.mkdir(parents=True, exist_ok=True)
        save_page(page, folder / "card.html")
    write_atomically(folder / "card.json", json.dumps(card, indent=1) + "\n")
    return folder / "card.html"


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(v)}" for key, v in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _lead(card: Mapping[str, Any]) -> list[str]:
    data = card["data"]
    of = f" of {data['name']}" if data["name"] else ""
    labels = "the labels that the model gives them" if data["labels_are_its_own"] else "their labels"
    shape = " x ".join(map(str, data["shape"]))
    return [
        f"{data['n_images']:,} images{of}, {shape} px, with {labels}, under {card['settings']['family']}.",
        _ABOUT_TWO_SIDES,
    ]


#: Columns of `two_sides`.
SIDES = (
    *(Column(side, "f") for side in ("clean", "typical", "found")),
    *(Column(side, "G") for side in ("clean", "typical", "found", "guaranteed")),
    Column("reach"),
)


def two_sides(card: Mapping[str, Any], at: int) -> list[str]:
    """Return what `SIDES` names: accuracies (%) at rest and at the strength of index `at`, and the median reach of G.

    The reach is the certified strength of the images on which G does not abstain.

    Examples
    --------
    >>> f = {"clean": 1, "typical": [0.9], "found": [0.5]}
    >>> g = {**f, "certified": [0.25], "certified_strengths": [0.0, 0.1, 0.2]}
    >>> two_sides({"classifier": f, "majority": g}, 0)
    ['100', '90', '50', '100', '90', '50', '25', '0.150']
    """
    f, g = card["classifier"], card["majority"]
    shares = [f["clean"], f["typical"][at], f["found"][at], g["clean"], g["typical"][at], g["found"][at]]
    reached = [s for s in g["certified_strengths"] if s > 0]
    return [*(f"{100 * v:.0f}" for v in (*shares, g["certified"][at])), f"{median(reached) if reached else 0:.3f}"]


def _accuracies(card: Mapping[str, Any]) -> Table:
    f, g, strengths = card["classifier"], card["majority"], card["settings"]["strengths"]
    columns = [Column("accuracy, %", align="left"), *(Column(text) for text in ("0", *map("{:g}".format, strengths)))]

    def row(name: str, values: list[float]) -> list[Any]:
        return [name, *(f"{100 * v:.1f}" for v in values)]

    of_f, of_g = ([row(side, [part["clean"], *part[side]]) for side in ("typical", "found")] for part in (f, g))
    of_g.append(row("guaranteed", [g["certified_at_rest"], *g["certified"]]))
    sections = [Section("f, the classifier", of_f), Section("G, its majority", of_g)]
    note = (
        f"G abstains on {g['abstained']:.0%} of the images; so many samples can certify at most "
        f"{g['largest_certifiable']:.3g}. Each image's guarantee is wrong with probability {g['alpha']:g} at most, "
        f"all at once {min(1.0, g['alpha'] * card['data']['n_images']):.2g}."
    )
    return Table("What is still recognised, by strength", columns, sections, [note])


def _changes(card: Mapping[str, Any]) -> Table:
    features, strengths = card["representation"], card["settings"]["strengths"]
    names = {
        "relative_change": "relative change, typical",
        "worst_change": "relative change, found",
        "deformation_sensitivity": "D, typical",
        "relative_stability": "R = D / G of noise, typical",
    }
    rows = [[name, *(f"{mean:.3g}" for mean, _, _ in features[key])] for key, name in names.items()]
    bounds = ["no statement" if v is None else f"{v:.3g}" for v in features["guaranteed_median"]]
    rows.append(["relative change, guaranteed median", *bounds])
    columns = [Column("of the representation", align="left"), *(Column(f"{s:g}") for s in strengths)]
    notes = ["The guaranteed median is that over the cloud around any field; the other changes are at one field."]
    return Table("How far the representation moves, by strength", columns, [Section("", rows)], notes)


def _protocol(card: Mapping[str, Any]) -> list[str]:
    s, noise = card["settings"], card["majority"]["noise"]
    few = s["of_the_majority"]["n_evaluations"], s["of_the_majority"]["n_samples"]
    return [
        f"Protocol {card['protocol']}. Deformation: L_τ x(u) = x(u − τ(u)), order {s['order']}, border {s['padding']}.",
        f"Typical: {s['n_draws']} random fields an image and strength, each of exactly that strength; of G one.",
        f"Found: a search of {s['n_evaluations']} fields an image for f; of {few[0]} for G, each judged by {few[1]} "
        "noisy copies.",
        f"Guaranteed: randomised smoothing of the family's parameters by noise of standard deviation {s['sigma']:g}, "
        f"{s['n_samples']:,} samples an image. It holds for every field of this family of at most that strength, for "
        "these images and any classifier: it is no defence of a deployed one, which would deform an image that is "
        "deformed already.",
        f"The cloud itself: median strength {noise['median_strength']:.3g}, 95 % below {noise['high_strength']:.3g}, "
        f"{noise['folding']:.0%} of its fields fold.",
    ]


def _curves_caption(card: Mapping[str, Any]) -> Caption:
    text = "f and G are two classifiers: compare lines inside a panel. Each image counts once."
    if card["representation"]:
        text += " Right: the guarantee is of the median over the cloud, the others of single fields."
    return Caption("Both sides", "Line charts of accuracy and change against the strength.", text)


_FLIPS = Caption(
    "Smallest flips found",
    "Rows of an image, the image deformed, and the field as arrows.",
    "The images whose label the smallest fields were found to change; arrows end at u and begin at u − τ(u).",
)
