"""Figures that pages of docs/ quote are those of the committed results that they name."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"


def page(name):
    return (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")


def rows(text, heading):
    """Return {first cell: other cells} of the table in Markdown whose heading begins so."""
    lines = text[text.index(f"| {heading}") :].splitlines()
    cells = [[cell.strip() for cell in line.strip()[1:-1].split("|")] for line in lines[: lines.index("")]]
    return {label: values for label, *values in cells[2:]}


def prose(name):
    """Return a page in one line, so that a sentence is found wherever it is broken."""
    return " ".join(page(name).split())


def mean(values):
    return float(np.mean(values))


@pytest.mark.parametrize(
    ("data", "heading"),
    [
        ("mnist", "MNIST, training images"),
        ("cifar10", "CIFAR-10, training"),
        ("fashion-mnist", "Fashion-MNIST, training"),
    ],
)
def test_errors_of_the_chooser(data, heading):
    results = (RESULTS / data / "README.md").read_text(encoding="utf-8")
    for label, quoted in rows(page("choose"), heading).items():
        found = " ".join(line for line in results.splitlines() if line.startswith(f"| {label} |"))
        found = found.replace("*", "").replace("◆", "")
        assert all(f" {value} ±" in found for value in quoted if value), label


def test_costs_of_the_chooser():
    text = (RESULTS / "mnist" / "README.md").read_text(encoding="utf-8")
    (size,) = re.findall(r"\*\*MNIST: stability and cost, ([\d,]+) training images\*\*", text)
    assert f"with {size} training images of MNIST" in prose("choose")
    results = rows(text, "row | features")
    for label, (features, fit, predict) in rows(page("choose"), "row | features").items():
        assert [features, fit, predict] == [results[label][0], results[label][3], results[label][4]], label


def test_heads_of_the_chooser():
    errors = json.loads((RESULTS / "heads.json").read_text())["validation_error_percent"]
    for label, quoted in rows(page("choose"), "head | digits").items():
        found = [f"{mean(of[label]):.1f}" for of in errors.values() if label in of]
        assert [value for value in quoted if value] == found, label
    spread = {
        data: max(np.ptp(v) for k, of in errors.items() if data in k for v in of.values())
        for data in ("digits", "MNIST")
    }
    assert f"differ by up to {spread['digits']:.1f} points on digits and {spread['MNIST']:.1f} on MNIST" in prose(
        "choose"
    )


def test_inputs_of_the_chooser():
    errors = json.loads((RESULTS / "colour-input.json").read_text())["validation_error_percent"]
    for quoted, of in zip(rows(page("choose"), 'colour images | `"raw').values(), errors.values(), strict=True):
        assert quoted == [f"{mean(of[name]):.1f}" for name in ("raw", "centered", "whitened", "gradient")]


def test_other_figures_of_the_chooser():
    text = prose("choose")
    errors = json.loads((RESULTS / "separable.json").read_text())["errors"]
    for name in ("Morlets, J = 2, L = 8", "Morlets, J = 3, L = 8", "Morlets, J = 3, L = 6"):
        assert f"{mean(errors[name]['errors']):.2f} %" in text
    speed = json.loads((RESULTS / "separable.json").read_text())["images_per_second"]["128 x 128, J = 3, order 2"]
    assert all(f"{speed[name]['wall']:,.0f} with" in text for name in ("Morlets, L = 8", "separable"))
    choice = (RESULTS / "cifar10-choice" / "README.md").read_text(encoding="utf-8")
    at_1000 = {label: v[1] for label, v in rows(choice, "candidate |").items() if v[1]}  # of the first draw
    validation = {label: float(error.split()[0]) for label, error in at_1000.items()}
    steps = [f"{validation[f'{name} + Gaussian']:.1f}" for name in ("wide-fine", "pooled-6", "pooled-8")]
    assert f"{steps[0]}, {steps[1]} and {steps[2]} %" in text
    memory = json.loads((RESULTS / "memory-ckn.json").read_text())
    beyond = memory["fit_and_transform_beyond_output_mib"]
    assert f"{beyond} MiB beyond the output of {memory['output_mib']} MiB" in text
    assert f"`fit` takes {memory['fit_mib']} MiB at its peak" in text
    with open(RESULTS / "mnist" / "results.csv", encoding="utf-8") as file:
        exact = [row for row in csv.DictReader(file) if row["model"] == "exact-kernel" and row["part"] == "test"]
    milliseconds = 1000 * float(exact[0]["predict_seconds"]) / int(exact[0]["n_images"])
    assert f"takes {float(exact[0]['fit_seconds']):.0f} s to fit on 300 images and {milliseconds:.0f} ms" in text


@pytest.mark.parametrize("name", ["choose", "coming_from/ckn_pytorch"])
def test_training_with_labels(name):
    found = json.loads((RESULTS / "mnist-ckn-supervised.json").read_text())
    for key, unit in (("error", "{:.2f} %"), ("fit_seconds", "{} s")):
        assert all(unit.format(found[kind][key]) in prose(name) for kind in ("unsupervised", "supervised"))


def test_speed_beside_other_codes():
    quoted = rows(page("coming_from/kymatio"), "case | kernelconv")
    cases = json.loads((RESULTS / "scattering_timing.json").read_text())["cases"]
    for values, case in zip(quoted.values(), cases.values(), strict=True):
        names = ("kernelconv", "kymatio numpy", "kymatio numpy, threaded", "kymatio torch")
        assert values == [f"{case['per_second'][name]:,.0f}" for name in names]
    assert f"256 × 256 at J = 4, {cases['256-J4']['per_second']['kernelconv']:.0f} on two threads" in prose("choose")
    ckn = json.loads((RESULTS / "timing-ckn.json").read_text())
    one, two, kmeans = (next(v for k, v in ckn.items() if k.startswith(n)) for n in ("one", "two", "k-means"))
    text = prose("coming_from/ckn_pytorch")
    assert f"{one['ratio']:.1f} times as fast" in text
    assert f"{two['ratio']:.1f} times; its k-means" in text
    assert f"{kmeans['ratio']:.1f} times as long" in text


def test_worst_fields_beside_random_ones():
    found = [json.loads((RESULTS / f"worst-case-{name}.json").read_text()) for name in ("digits", "mnist", "cifar10")]
    ratios = [of["change"] / of["random_mean"] for results in found for of in results["found"].values()]
    assert {(results["settings"]["budget"], results["settings"]["strength"]) for results in found} == {(256, 0.3)}
    assert f"{min(ratios):.1f} to {max(ratios):.1f} times as much as a random field" in prose("stability")


def test_networks_trained_here_and_in_pytorch():
    results = (RESULTS / "mnist" / "README.md").read_text(encoding="utf-8")
    (ours, ours_error), (theirs, theirs_error) = (
        rows(results, "training images | 300 | 1,000")[label][0].replace("±", "").split()[:2]
        for label in ("wide LeNet", "PyTorch wide LeNet")
    )
    text = prose("coming_from/pytorch")
    assert f"test errors of {ours} % and {theirs} % with 300 MNIST images" in text
    assert f"standard errors over draws {ours_error} and {theirs_error}" in text
