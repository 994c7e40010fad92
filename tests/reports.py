"""Results made by hand, in the form of results.json, and what reads a report back: for the tests of the report."""

import base64
import io
import json
from html.parser import HTMLParser

import numpy as np
from rich.console import Console

from kernelconv import report

MODELS = ("pixels", "scattering", "ckn", "cnn")
STRENGTHS = (0.1, 0.2, 0.4)
N_TEST = 599
#: One white pixel.
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTLxVwAAAABJRU5ErkJggg==")


def changes(rng, size, strengths):
    return [
        {"strength": s, "mean": c, "low": 0.95 * c, "high": 1.05 * c}
        for s, c in ((s, size * s * rng.uniform(0.2, 0.22)) for s in strengths)
    ]


def make_record(rng, k, model, size, seed, n_classes, strengths):
    """One record with numbers that differ from all others and, as in truth, an error that is its mistakes'."""
    wrong = np.sort(rng.choice(N_TEST, min(N_TEST, 1 + rng.poisson(3000 * (k + 1) / size)), replace=False))
    truth = rng.integers(n_classes, size=len(wrong))
    predicted = (truth + rng.integers(1, n_classes, size=len(wrong))) % n_classes
    return {
        "model": model,
        "train_size": size,
        "seed": seed,
        "part": "test",
        "test_error": len(wrong) / N_TEST,
        "n_test": N_TEST,
        "mistakes": np.stack([wrong, truth, predicted], 1).tolist(),
        "n_features": 64 * (k + 1),
        "n_params": None if k < 2 else 12345 * k,
        "chosen": {"C": 1.0},
        "fit_seconds": float((k + 0.5) * size / 100 * rng.uniform(1, 1.2)),
        "predict_seconds": float(rng.uniform(0.1, 0.9)),
        "relative_change": changes(rng, k + 1, strengths),
        "deformation_sensitivity": changes(rng, 0.1 * (k + 1), strengths),
    }


def make_results(models=MODELS, sizes=(100, 300, 1000), seeds=(0, 1, 2), n_classes=10, strengths=STRENGTHS):
    rng = np.random.default_rng(0)
    settings = {
        "data": "digits",
        "models": {m: f"Pipeline(steps=[('{m}', None)])" for m in models},
        "train_sizes": list(sizes),
        "seeds": list(seeds),
        "n_train_pool": 1198,
        "n_test": N_TEST,
        "image_shape": [8, 8, 1],
        "classes": [str(c) for c in range(n_classes)],
        "deformation": {"family": "Smooth(cutoff=3)", "strengths": list(strengths), "n_images": 200, "seed": 0},
    }
    records = [
        make_record(rng, k, m, size, seed, n_classes, strengths)
        for size in sizes
        for k, m in enumerate(models)
        for seed in seeds
    ]
    environment = {"python": "3.11.7", "numpy": "2.4.6", "torch": None, "cores": 2}
    results = {"kernelconv": "0.1.0", "settings": settings, "environment": environment, "records": records}
    return json.loads(json.dumps(results))  # what is read back from results.json


def set_mistakes(record, mistakes):
    """Give a record these mistakes, and the error that they make."""
    record["mistakes"] = [list(m) for m in mistakes]
    record["test_error"] = len(mistakes) / record["n_test"]


def without_features(results, model):
    """Make a model one that has no features, such as an exact kernel."""
    for record in results["records"]:
        if record["model"] == model:
            record.update(relative_change=None, deformation_sensitivity=None, n_features=None, n_params=None)
    return results


def hex_to_rgb(colour):
    return np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])


def make_study(families=("smooth", "translation"), models=("pixels", "scattering-2", "lenet")):
    """Results of `kernelconv stability`: rows that differ from each other, and one expectation."""
    rng = np.random.default_rng(1)
    measures = ("relative_change", "lipschitz_ratio", "deformation_sensitivity", "relative_stability", "accuracy")
    rows = []
    for family in families:
        for model in models:
            for strength in (0.05, 0.1):
                for measure in measures:
                    mean = float(rng.uniform(0.1, 0.9))
                    ends = {"low": mean - 0.02, "high": mean + 0.04}
                    unit = "px" if family == "translation" else ""
                    where = {"model": model, "family": family, "strength": strength, "unit": unit, "measure": measure}
                    rows.append({**where, "mean": mean, **ends, "n_images": 50, "n_draws": 1})
    settings = {
        "data": "digits",
        "models": {m: f"what {m} is" for m in models},
        "labels": {"lenet": "LeNet-5"},
        "families": {f: {"family": f"{f.title()}()", "strengths": [0.05, 0.1]} for f in families},
        **{"n_images": 50, "train_size": 100, "seed": 0, "pad": 2, "n_cells": len(families) * len(models)},
    }
    expectation = {
        "smaller": "scattering-2",
        "larger": "pixels",
        "measure": "relative_change",
        "reason": "averages are stable",
        **{"strength": 0.1, "difference": -0.2, "low": -0.3, "high": -0.1, "came_true": "yes"},
    }
    return {
        "kernelconv": "0.1.0",
        "settings": settings,
        "environment": {"python": "3.11.7", "torch": None},
        "cells": [[m, f, 0] for m in models for f in families],
        "summaries": {m: {"n_features": 64, "accuracy": 0.875} for m in models if m != "lenet"},
        "rows": rows,
        "expectations": [expectation],
    }


class Parsed(HTMLParser):
    """Parses HTML strictly: every element that is opened is closed, in order. Tables are lists of rows of texts."""

    VOID = frozenset({"meta", "img", "br", "hr", "link", "input"})

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.tables, self.text = [], [], [], ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("th", "td"):
            self.tables[-1][-1].append("")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data
        if "th" in self.open or "td" in self.open:
            self.tables[-1][-1][-1] += data

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def write_page(results, folder, figures=()):
    report.write_page(results, folder / "report.html", figures)
    return Parsed((folder / "report.html").read_text(encoding="utf-8"))


def write_study_page(results, folder, figures=()):
    report.write_study_page(results, folder / "report.html", figures)
    return Parsed((folder / "report.html").read_text(encoding="utf-8"))


def printed(show, results, width=80):
    console = Console(width=width, file=io.StringIO(), color_system=None)
    show(results, console)
    return console.file.getvalue()
