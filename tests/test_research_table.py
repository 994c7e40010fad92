"""The research table from synthetic cells: its figures, its choices, and its sentences against the cells."""

import dataclasses
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from kernelconv._files import pack
from kernelconv.datasets import registered_datasets
from kernelconv.studies.cells import digest, read_cell, write_cell
from kernelconv.studies.significance import holm, mcnemar, paired_difference

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
N_TEST, DRAWS = 3000, {300: 3, 1000: 2, 60_000: 1}
#: mean test and validation errors, %, and draws
ROWS = {
    "pixels+svm": (12.0, 12.5, 3),
    "scattering+gaussian": (3.0, 2.6, 3),
    "ckn-gradient+gaussian": (2.8, 3.0, 3),
    "exact-kernel": (1.9, 4.0, 1),
    "lenet": (4.5, 4.4, 2),
    "lenet-augmented": (1.5, 1.0, 3),
    "kymatio+affine": (2.4, 2.4, 3),
}


@pytest.fixture(autouse=True)
def modules(monkeypatch):
    """Let tests import benchmarks/ as its scripts do, and forget it afterwards."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield
    for name in [n for n in sys.modules if n.split(".")[0] in ("plans", "rendering", "rivals")]:
        del sys.modules[name]


def record_of_test(name, size, seed, error, n_test=N_TEST):
    """A record of part "test": the hardest images are the same for all rows, the others change with row and draw."""
    rng = np.random.default_rng([*name.encode(), size, seed])
    difficulty = np.random.default_rng(0).standard_normal(N_TEST)[:n_test] + 0.3 * (np.arange(n_test) < 2000)
    score = difficulty + 0.7 * rng.standard_normal(n_test)
    wrong = np.argsort(-score)[: round(n_test * error / 100)]
    truth = np.arange(n_test) % 10
    predicted = np.where(np.isin(np.arange(n_test), wrong), (truth + 1 + seed) % 10, truth)
    measures = {"relative_change": 0.1, "deformation_sensitivity": 0.02}
    kernel = name == "exact-kernel"
    return {
        "test_error": len(wrong) / n_test,
        "n_test": n_test,
        "classes": [str(c) for c in range(10)],
        "class_counts": np.bincount(truth).tolist(),
        "predictions": pack(predicted.astype(np.uint8)),
        "mistakes": [[int(i), int(truth[i]), int(predicted[i])] for i in np.sort(wrong)],
        "n_features": None if kernel else 100,
        "n_params": None,
        "chosen": {"residual": 1e-5 * len(name)} if name.endswith("gaussian") and size > 10_000 else {},
        "fit_seconds": 10.0 + seed,
        "predict_seconds": 3.0,
        **{
            m: None if kernel else [{"strength": 0.2, "mean": v + seed / 100, "low": v, "high": v}]
            for m, v in measures.items()
        },
        "first_layer": pack(np.full((4, 3, 3), 100, np.int8)) if name == "lenet" and seed == 0 else None,
    }


def record_of_validation(name, size, seed, error):
    n, once = (size, name.startswith("lenet")) if size <= 5000 else (size // 5, True)
    n_held_out = n // 5 if once and size <= 5000 else n
    wrong = round(n_held_out * error / 100)
    return {
        "validation_error": wrong / n_held_out,
        "n_held_out": n_held_out,
        "n_folds": 5,
        "n_fitted": 1 if once else 5,
        "mistakes": [[i, 0, 1] for i in range(wrong)],
        "chosen": [{}],
        "seconds": 7.0,
    }


def put(folder, model, size, seed, part, record, data="d" * 64, version=1):
    deformation = {
        "family": {"class": "SmoothDeformation", "cutoff": 3},
        "strengths": [0.2],
        "n_images": 200,
        "seed": 0,
    }
    identity = {
        **{"data": {"name": "mnist", "sha256": data}, "train_size": size, "seed": seed, "part": part},
        "model": {"estimator": {"class": model}, "versions": [version]},
        "protocol": {"n_test": N_TEST, "deformation": deformation} if part == "test" else {"n_all_folds": 5000},
    }
    (folder / "cells").mkdir(exist_ok=True)
    cell = {"model": model, "train_size": size, "seed": seed, "part": part}
    content = {"study": "accuracy", "cell": cell, "identity": identity, "record": record}
    path = folder / "cells" / f"{model}-{size}-{seed}-{part}-{digest(identity)}.json"
    write_cell(path, {**content, "provenance": {"kernelconv": "0.1.0", "numpy": "2.4.6", "cores": 2}})


def fill(folder, rows=ROWS, sizes=DRAWS, absent=()):
    """Write the cells of some rows and sizes; larger training sets have smaller errors."""
    for model, (test, validation, most) in rows.items():
        for size in sizes:
            for seed in range(min(DRAWS[size], most)):
                if (model, size) in absent or (model == "exact-kernel" and size > 1000):
                    continue
                shrink = (300 / size) ** 0.35 * (1 + 0.04 * seed**2)
                n_test = 2000 if model == "exact-kernel" else N_TEST
                put(folder, model, size, seed, "test", record_of_test(model, size, seed, test * shrink, n_test))
                put(
                    folder,
                    model,
                    size,
                    seed,
                    "validation",
                    record_of_validation(model, size, seed, validation * shrink),
                )


def read(folder, models=(*ROWS, "resnet")):
    from plans import PLANS
    from rendering.results import Results

    data = dataclasses.replace(registered_datasets()["mnist"], draws=DRAWS)
    return Results(folder, dataclasses.replace(PLANS["mnist"], rows=tuple(models)), data)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("mnist")
    fill(found, absent={("lenet", 60_000)})
    return found


@pytest.fixture
def results(folder):
    return read(folder)


def entries(table, name):
    """The row of a table that begins with `name`: what its entries show, by the heading of the column."""
    (row,) = [r for section in table.sections for r in section.entries() if r[0].text == name]
    return {c.heading: e.text + e.mark for c, e in zip(table.columns, row, strict=True)}


def bold(table, heading):
    """The names of the rows whose entry in a column is bold."""
    column = [c.heading for c in table.columns].index(heading)
    return [row[0].text for section in table.sections for row in section.entries() if row[column].bold]


# -- errors -----------------------------------------------------------------------------------------------------------


def test_an_entry_is_the_mean_of_its_cells_with_both_standard_errors(results):
    from rendering.tables import error_table

    records = [record_of_test("pixels+svm", 300, seed, 12.0 * (1 + 0.04 * seed**2)) for seed in range(3)]
    errors = [100 * r["test_error"] for r in records]
    losses = np.zeros(N_TEST)
    for record in records:
        for image, *_ in record["mistakes"]:
            losses[image] += 100 / 3
    bars = f"±{np.std(errors, ddof=1) / 3**0.5:.2f} ±{losses.std() / N_TEST**0.5:.2f}".replace("±0", "±")
    expected = f"{np.mean(errors):.2f} {bars}"
    assert entries(error_table(results), "pixels + SVM")["300"] == expected
    e = record_of_test("pixels+svm", 60_000, 0, 12.0 * 200**-0.35)["test_error"]
    binomial = 100 * (e * (1 - e) / N_TEST) ** 0.5
    assert entries(error_table(results), "pixels + SVM")["60,000"] == f"{100 * e:.2f} ±– ±{f'{binomial:.2f}'[1:]}"


def test_what_is_missing_is_not_run_and_what_the_protocol_lacks_is_a_dash(results):
    from rendering.tables import error_table, validation_table

    for table in (error_table(results), validation_table(results)):
        assert list(entries(table, "ResNet").values()) == ["ResNet", "not run", "not run", "not run"]
        assert entries(table, "wide LeNet")["60,000"] == "not run"
        assert entries(table, "exact kernel")["60,000"] == "–"
        assert entries(table, "wide LeNet")["300"].endswith(" (2/3)")
        assert entries(table, "exact kernel")["1,000"].endswith(" (1)")
        assert "/" not in entries(table, "pixels + SVM")["300"]


def test_the_lowest_of_a_size_is_bold_rivals_too_but_none_with_augmentation_or_fewer_test_images(results):
    from rendering.tables import error_table

    table = error_table(results)
    errors = {m: results.summary(m, 300).error for m in ROWS}
    assert min(errors, key=errors.get) == "lenet-augmented"
    assert bold(table, "300") == bold(table, "1,000") == bold(table, "60,000") == ["kymatio + affine"]


def test_the_first_test_images_are_marked_and_it_is_said_how_hard_they_are(results):
    from rendering.tables import difference_table, error_table

    table = error_table(results)
    assert entries(table, "exact kernel")["300"].startswith("1.90† ")
    rows = ("pixels+svm", "scattering+gaussian", "ckn-gradient+gaussian", "lenet")
    wrong = np.array([results.wrong(m, 1000).mean(0) for m in rows])
    first, rest = (f"{100 * part.mean():.2f} %" for part in (wrong[:, :2000], wrong[:, 2000:]))
    (note,) = [n for n in table.notes if n.startswith("†")]
    assert "the first 2,000 test images alone. With 1,000 training images the rows that compete" in note
    assert f"get {first} of these wrong on average, and {rest} of the others" in note
    assert note in difference_table(results).notes
    assert not any(n.startswith("†") for n in error_table(results, models=["lenet"]).notes)


def test_figures_of_papers_stand_below_with_their_marks(results):
    from rendering.tables import error_table

    full, short = error_table(results), error_table(results, models=results.leaders())
    for table in (full, short):
        assert [entries(table, "best of these papers")[s] for s in ("300", "1,000", "60,000")] == [
            "4.15*",
            "2.05*",
            "0.39",
        ]
        assert entries(table, "elsewhere")["300"] == ""
        assert entries(table, "elsewhere")["60,000"] == "0.28*, 0.31*, 0.31*, 0.37"
        assert any("; 0.37 fixed features + least squares." in note for note in table.notes)
    assert entries(full, "published: ConvNet")["60,000"] == "0.53"
    assert "published: recurrent CNN" not in [row[0] for row in full.sections[2].rows]
    assert [row[0] for row in short.sections[0].rows] == [results.label(m) for m in results.leaders()]
    results.data = dataclasses.replace(results.data, name="digits")
    assert [s.title for s in error_table(results).sections] == ["", "of the rows that compete"]


def test_a_page_is_as_wide_as_four_sizes_and_has_the_notes_once(results):
    from rendering.tables import error_table, in_parts, validation_table

    results.sizes = [300, 1000, 300, 60_000, 1000]
    for make in (error_table, validation_table):
        first, last = in_parts(make, results)
        assert [c.heading for c in first.columns[1:]] == ["300", "1,000", "300", "60,000"]
        assert [c.heading for c in last.columns[1:]] == ["1,000"]
        assert first.caption.endswith(" error, %, with 300 to 60,000 training images")
        assert last.caption.endswith(" error, %, with 1,000 training images")
        assert first.notes == ()
        assert last.notes == make(results).notes
        assert entries(last, "wide LeNet")["1,000"] == entries(first, "wide LeNet")["1,000"]


# -- choice -----------------------------------------------------------------------------------------------------------


def test_validation_chooses_among_ours_and_best_by_test_stands_beside(results):
    from rendering.tables import CHOSEN, error_table

    table = error_table(results)
    names = [
        word for first in ("chosen by validation", "best by test") for word in (first, "its test error", "of how many")
    ]
    assert [row[0] for row in table.sections[1].rows] == names
    by_size = [row[1:] for row in table.sections[1].rows]
    assert by_size[0] == ["scattering + Gaussian"] * 3  # lower: kymatio (a rival), the augmented one
    assert by_size[3] == ["gradient CKN + Gaussian"] * 3
    for line, model in ((1, "scattering+gaussian"), (4, "ckn-gradient+gaussian")):
        assert by_size[line] == [f"{results.summary(model, s).error:.2f}" for s in DRAWS]
    assert (
        by_size[2] == by_size[5] == ["4 of 5", "4 of 5", "3 of 5"]
    )  # without the exact kernel, the augmented one, kymatio; wide LeNet not at 60,000
    marked = [r[0].text for r in table.sections[0].entries() if CHOSEN in r[1].mark]
    assert marked == ["scattering + Gaussian"]


def test_what_validation_chose_stands_before_the_test_images_are_predicted(results, tmp_path):
    from rendering.choice import differences
    from rendering.figures import draw_figures
    from rendering.page import costs, with_table, write_page
    from rendering.sentences import separated, verdict
    from rendering.tables import difference_table, error_table

    results.parts["test"].pop(("scattering+gaussian", 300))
    table = error_table(results)
    assert entries(table, "scattering + Gaussian")["300"] == "not run"
    rows = [row[1] for row in table.sections[1].rows]
    assert rows[:3] == ["scattering + Gaussian", "not run", "4 of 5"]
    assert [rows[3], rows[5]] == ["gradient CKN + Gaussian", "3 of 5"]
    assert [s.title.split(" ")[0] for s in difference_table(results).sections] == ["1,000", "60,000"]
    assert "at 0 of 2 sizes" in verdict(results)
    results.parts["test"].clear()
    for cached in (results.summary, differences):
        cached.cache_clear()
    results.folder = tmp_path / "page"
    results.folder.mkdir()
    assert "scattering + Gaussian with 300, 1,000 and 60,000 training images (chosen of" in verdict(results)
    assert "sizes" not in verdict(results)
    fill(tmp_path, {"lenet": (3.0, 1.0, 1)}, sizes=[300])
    alone = read(tmp_path)
    assert separated(alone) == ""
    assert draw_figures(results) == costs(results) == []
    write_page(results, [])
    text = with_table("<!-- comparison: a/mnist -->\n<!-- end of comparison -->", results)
    assert "| its test error | not run | not run | not run |" in text


def test_a_tie_is_shown_as_a_tie(tmp_path):
    from rendering.tables import CHOSEN, difference_table, error_table, validation_table

    fill(tmp_path, {m: (3.0, 2.5, 3) for m in ("lenet", "ckn-gradient+gaussian")}, sizes=[60_000])
    fill(tmp_path, {"pixels+svm": (9.0, 9.0, 3)}, sizes=[60_000])
    results = read(tmp_path)
    names = ["gradient CKN + Gaussian", "wide LeNet"]
    table, both = error_table(results), "gradient CKN + Gaussian and wide LeNet (tied)"
    assert [entries(table, name)["60,000"] for name in ("chosen by validation", "best by test")] == [both, both]
    assert [r[0].text for r in table.sections[0].entries() if CHOSEN in r[3].mark] == names
    assert bold(validation_table(results), "60,000") == bold(table, "60,000") == names
    (section,) = difference_table(results).sections
    tie = "minus gradient CKN + Gaussian (tied with wide LeNet; the first in the table that is tested)"
    assert section.title == f"60,000 training images: {tie}, chosen of 3 of 5 rows"


def test_of_a_tie_the_first_tested_row_is_the_one_that_counts_and_a_better_one_of_the_tie_is_said_to_be_tied(tmp_path):
    from rendering.choice import differences
    from rendering.sentences import separated, verdict
    from rendering.tables import difference_table, error_table

    tie = {
        "scattering+gaussian": (3.0, 2.5, 3),
        "ckn-gradient+gaussian": (5.0, 2.5, 3),
        "scattering-ckn+gaussian": (1.0, 2.5, 3),
    }
    fill(tmp_path, {**tie, "pixels+svm": (9.0, 9.0, 3)}, sizes=[300])
    results = read(tmp_path, (*tie, "pixels+svm"))
    results.parts["test"].pop(("scattering+gaussian", 300))
    table = error_table(results)
    assert table.sections[1].rows[0][1] == "scattering + Gaussian, gradient CKN + Gaussian and both + Gaussian (tied)"
    errors = [f"{results.summary(m, 300).error:.2f}" for m in ("ckn-gradient+gaussian", "scattering-ckn+gaussian")]
    assert table.sections[1].rows[1][1] == f"not run, {errors[0]} and {errors[1]}"
    assert [c.model for c in differences(results, 300)] == ["scattering-ckn+gaussian", "pixels+svm"]
    title = difference_table(results).sections[0].title
    assert "minus gradient CKN + Gaussian (tied with scattering + Gaussian and both + Gaussian; the first" in title
    assert "Tested are 3 of 4 with 300: at 0 of 1 sizes the chosen row (of a tie the first in" in verdict(results)
    assert bold(difference_table(results), "mean") == ["both + Gaussian", "pixels + SVM"]
    assert "the chosen one, both + Gaussian at 300 images (−4.27 points, tied with it in vali" in separated(results)


def test_equal_shares_are_a_tie_whatever_their_last_digit(tmp_path):
    from rendering.choice import chosen

    for model, counts in {"pixels+svm": (5, 11), "mlp": (8, 8)}.items():
        for seed, count in enumerate(counts):
            put(tmp_path, model, 300, seed, "test", record_of_test(model, 300, seed, 3.0))
            record = {**record_of_validation(model, 300, seed, 1.0), "validation_error": count / 300}
            put(tmp_path, model, 300, seed, "validation", record)
    results = read(tmp_path, ("pixels+svm", "mlp"))
    first, second = (results.validation_error(m, 300)[0] for m in results.models)
    assert first != second
    assert chosen(results, 300) == ["pixels+svm", "mlp"]


def test_controls_compete_and_are_called_controls(tmp_path):
    from rendering.choice import chosen
    from rendering.sentences import protocol

    fill(tmp_path, {"pixels+gaussian": (3.0, 1.0, 3), "lenet": (3.0, 2.0, 3)}, sizes=[300])
    results = read(tmp_path, ("pixels+gaussian", "lenet"))
    assert chosen(results, 300) == ["pixels+gaussian"]
    assert results.name("pixels+gaussian") == "pixels + Gaussian (control)"
    assert results.leaders() == ["lenet"]
    assert any(text.startswith("Controls: pixels + Gaussian, the head") for text in protocol(results))


def test_a_row_with_fewer_draws_is_chosen_only_where_it_is_lower_on_the_shared_ones(tmp_path):
    from rendering.choice import chosen

    for model, errors in {"lenet": (0.02, 0.06, 0.07), "resnet": (0.03, 0.05), "mlp": (0.03,)}.items():
        for seed, error in enumerate(errors):
            record = {**record_of_validation(model, 300, seed, 1.0), "validation_error": error}
            put(tmp_path, model, 300, seed, "validation", record)
    names = ("resnet", "lenet", "mlp")
    results = read(tmp_path, names)
    means = [results.validation_error(m, 300)[0] for m in names]
    assert max(means) == means[1]
    assert chosen(results, 300) == results.leaders() == ["lenet"]
    results = read(tmp_path, names)
    results.validation("resnet", 300)[1]["validation_error"] = 0.04  # now 3.5 against 4.0 on the two they share
    assert chosen(results, 300) == results.leaders() == ["resnet"]


def test_families_are_led_by_validation(results):
    assert results.leaders() == ["pixels+svm", "scattering+gaussian", "ckn-gradient+gaussian", "lenet"]


def test_the_lowest_at_the_largest_size_follows_the_one_that_leads_over_all(tmp_path):
    from rendering.figures import curves_caption

    fill(tmp_path, {"lenet": (3.0, 2.0, 3), "resnet": (5.0, 4.0, 3)})
    names = ("resnet", "mlp", "lenet")
    assert read(tmp_path, names).leaders() == ["lenet"]
    fill(tmp_path, {"mlp": (9.0, 8.0, 1)}, sizes=[60_000])
    assert read(tmp_path, names).leaders() == ["lenet"]
    shutil.rmtree(tmp_path / "cells")
    fill(tmp_path, {"lenet": (3.0, 2.0, 3), "resnet": (5.0, 4.0, 3)}, sizes=[300, 1000])
    fill(tmp_path, {"mlp": (0.5, 0.5, 1)}, sizes=[60_000])
    assert read(tmp_path, names).leaders() == ["lenet", "mlp"]
    fill(tmp_path, {"lenet": (3.0, 2.0, 1)}, sizes=[60_000])
    results = read(tmp_path, names)
    assert results.leaders() == ["lenet", "mlp"]
    assert "and the one with the lowest at the family's largest size" in curves_caption(results).text


# -- differences ------------------------------------------------------------------------------------------------------


def test_differences_are_over_shared_draws_and_images_with_holm_over_the_rows(results):
    from rendering.choice import differences
    from rendering.tables import difference_table
    from rendering.words import p_text, signed

    wrong = lambda m, size, n: np.array([results.wrong(m, size)[seed] for seed in range(n)])  # noqa: E731
    found = {c.model: c for c in differences(results, 300)}
    assert list(found) == [m for m in ROWS if m != "scattering+gaussian"]
    shared = {"lenet": 2, "exact-kernel": 1}
    for model, c in found.items():
        n = shared.get(model, 3)
        a, b = wrong(model, 300, n), wrong("scattering+gaussian", 300, n)[:, : c.n_images]
        assert (c.n_draws, c.n_images) == (n, 2000 if model == "exact-kernel" else N_TEST)
        expected = paired_difference(a, b, 0)
        assert c.difference[:3] == expected[:3]
        assert c.test == ("McNemar" if n == 1 else "bootstrap, t")
        assert c.difference.p == (mcnemar(a, b) if n == 1 else expected.p)
    assert [c.p_holm for c in found.values()] == pytest.approx(list(holm([c.difference.p for c in found.values()])))
    table = difference_table(results)
    assert table.sections[0].title == "300 training images: minus scattering + Gaussian, chosen of 4 of 5 rows"
    shown = dict(zip(found, table.sections[0].entries(), strict=True))
    for model, c in found.items():
        assert [e.text for e in shown[model][2:6]] == [
            *(signed(c.difference.mean), f"{signed(c.difference.low)} to {signed(c.difference.high)}"),
            *(p_text(c.difference.p), p_text(c.p_holm)),
        ]
        assert shown[model][2].bold == (c.p_holm <= 0.05 and c.n_draws > 1)
    assert any(c.difference.p <= 0.05 < c.p_holm for c in found.values())
    assert 1 < sum(row[2].bold for row in shown.values()) < len(shown)
    assert shown["exact-kernel"][0].mark == "†"
    assert {row[6].text for row in table.sections[2].entries()} == {"McNemar"}
    assert not any(row[2].bold for row in table.sections[2].entries())  # nothing is known of other training sets


def test_a_row_without_a_shared_draw_has_no_difference(tmp_path):
    from rendering.choice import differences

    for seed, model in ((0, "scattering+gaussian"), (1, "lenet"), (0, "mlp")):
        put(tmp_path, model, 300, seed, "test", record_of_test(model, 300, seed, 3.0))
        put(
            tmp_path,
            model,
            300,
            seed,
            "validation",
            record_of_validation(model, 300, seed, 2.0 + (model != "scattering+gaussian")),
        )
    results = read(tmp_path, ("scattering+gaussian", "lenet", "mlp"))
    assert [c.model for c in differences(results, 300)] == ["mlp"]


# -- validation, stability, cost --------------------------------------------------------------------------------------


def test_validation_errors_are_means_over_draws_and_say_where_fewer_images_were_held_out(results):
    from rendering.tables import validation_table

    table = validation_table(results)
    errors = [
        100 * record_of_validation("pixels+svm", 300, s, 12.5 * (1 + 0.04 * s**2))["validation_error"] for s in range(3)
    ]
    expected = f"{np.mean(errors):.2f} ±{f'{np.std(errors, ddof=1) / 3**0.5:.2f}'[1:]}"
    assert entries(table, "pixels + SVM")["300"] == expected
    assert "°" in entries(table, "wide LeNet")["300"]
    assert "°" not in "".join(entries(table, "wide LeNet, augmented")["60,000"])  # there all hold out as many
    assert bold(table, "300") == bold(table, "60,000") == ["scattering + Gaussian"]


def test_stability_and_cost_stand_side_by_side(results):
    from rendering.tables import cost_table

    table = cost_table(results)
    assert table.caption == "MNIST: stability and cost, 1,000 training images"
    assert entries(table, "wide LeNet") == {
        **{"row": "wide LeNet", "features": "100", "relative change": "0.105 ±.005", "D": "0.0250 ±.0050"},
        **{"fit": "10.5", "1,000 predictions": "1.00", "validation": "7.0"},
    }
    assert [entries(table, "exact kernel")[c] for c in ("features", "relative change", "D")] == ["", "", ""]
    assert "ResNet" not in [row[0].text for row in table.sections[0].entries()]
    seconds = sum(r.get(k, 0) for c in results.cells for r in [c["record"]] for k in ("fit_seconds", "predict_seconds"))
    seconds += sum(c["record"].get("seconds", 0) for c in results.cells)
    assert results.hours == pytest.approx(seconds / 3600)


# -- sentences --------------------------------------------------------------------------------------------------------


def test_the_verdict_counts_what_the_tables_show(results):
    from rendering.sentences import verdict

    text = verdict(results)
    assert (
        "Chosen by validation error of the rows that compete: scattering + Gaussian with 300, 1,000 and 60,000" in text
    )
    assert "training images (chosen of 4 of 5 with 300 and 1,000; 3 of 5 with 60,000)." in text
    assert (
        "Tested are 4 of 5 with 300 and 1,000; 3 of 5 with 60,000: at 0 of 3 sizes the chosen row has the lowest"
        in text
    )
    ours = {s: round(results.summary("scattering+gaussian", s).error, 2) for s in DRAWS}
    best = {300: 4.15, 1000: 2.05, 60_000: 0.39}
    assert [ours[s] <= best[s] for s in DRAWS] == [True, True, False]
    assert "at or below the best figure of these papers at 2 of 3 sizes, above it at 60,000 images" in text
    assert f"({ours[60_000]:.2f} against 0.39 %, CKN-GM2)." in text
    lower = ["0.28 % (ensemble of ten networks", "0.31 % (generalized pooling", "0.31 % (recurrent CNN"]
    lower = [f"{figure}, 60,000 images)" for figure in [*lower, "0.37 % (fixed features + least squares"]]
    assert ours[60_000] > 0.37
    assert (
        f"Elsewhere, without augmentation, there is {'; '.join(lower[:3])}; and {lower[3]}, lower than the chosen row."
        in text
    )


def test_a_figure_that_is_the_papers_is_not_above_it(results, monkeypatch):
    from rendering import sentences

    same = round(results.summary("scattering+gaussian", 300).error, 2)
    papers = sentences.best_published("mnist")
    monkeypatch.setattr(sentences, "best_published", lambda name: {300: dataclasses.replace(papers[300], error=same)})
    (text, _) = sentences.beside_papers(results, list(DRAWS))
    assert text == "Its mean is at or below the best figure of these papers at 1 of 1 sizes."


def test_a_row_that_is_better_beyond_chance_is_named(results, tmp_path):
    from rendering.sentences import separated

    assert "with the chosen one, none is better by more than test images and draws explain" in separated(results)
    fill(tmp_path, {"scattering+gaussian": (3.0, 1.0, 3), "lenet": (1.0, 2.0, 3)}, sizes=[300])
    better = read(tmp_path)
    gap = better.summary("lenet", 300).error - better.summary("scattering+gaussian", 300).error
    assert f"with the chosen one, wide LeNet at 300 images (−{-gap:.2f} points) is better by more" in separated(better)


def test_of_one_draw_no_row_is_called_better(tmp_path):
    from rendering.choice import differences
    from rendering.sentences import separated

    fill(tmp_path, {"scattering+gaussian": (9.0, 1.0, 1), "lenet": (1.0, 2.0, 1)}, sizes=[300])
    results = read(tmp_path)
    assert [c.p_holm < 0.001 for c in differences(results, 300)] == [True]
    assert separated(results) == ""


def test_the_protocol_says_what_there_is(results):
    from rendering.sentences import protocol

    text = "\n".join(protocol(results))
    draws = {**dict.fromkeys(ROWS, 3 + 2 + 1), "exact-kernel": 2, "resnet": 6}
    there = sum(1 for c in results.cells if c["cell"]["part"] == "test")
    assert (
        f"Of {sum(draws.values())} cells of the protocol {there} are there, and of as many validations {there}." in text
    )
    assert "in part after test figures had been seen" in text
    assert "at most 2.1e-04 in 2 cells" in text
    assert "predicts the test images once, of exact kernel the first 2,000." in text
    assert "SmoothDeformation (cutoff 3) at Jacobian norm 0.2 on the first 200 test images" in text
    assert "At 60,000 images a draw is a permutation" in text


def test_what_is_not_finished_says_so(results, tmp_path):
    from rendering.page import with_table, write_page, write_readme
    from rendering.sentences import unfinished

    results.folder, there = tmp_path, len(results.cells) // 2
    text = f"Not finished: {there} of 44 cells on the test images, {there} of 44 validations."
    assert sum(results.draws(m, s) for m in results.models for s in results.sizes) == 44
    for write in (write_page, write_readme):
        write(results, [])
    assert f'<p class="unfinished">{text}</p>' in (tmp_path / "report.html").read_text()
    assert text in (tmp_path / "README.md").read_text()
    assert text in with_table("<!-- comparison: a/mnist -->\n<!-- end of comparison -->", results)
    (tmp_path / "lenet").mkdir()
    fill(tmp_path / "lenet", {"lenet": (3.0, 1.0, 3)})
    assert unfinished(read(tmp_path / "lenet", ["lenet"])) == ""


def test_nothing_is_said_of_residuals_without_such_cells(tmp_path):
    from rendering.sentences import protocol, verdict

    fill(tmp_path, {"scattering+gaussian": (3.0, 1.0, 3)}, sizes=[300])
    results = read(tmp_path)
    assert "residual" not in "\n".join(protocol(results))
    results.parts["validation"].clear()
    assert verdict(results) == "No row has a validation error yet: nothing is chosen."


def test_versions_are_those_of_the_cells(tmp_path):
    from rendering.page import environment

    fill(tmp_path, {"lenet": (3.0, 1.0, 1)}, sizes=[300])
    results = read(tmp_path)
    results.cells[0]["provenance"] |= {"numpy": "9.9", "torch": None, "packages": {"scipy": "1.17"}}
    assert environment(results) == {
        **{"kernelconv": "0.1.0", "numpy": "2.4.6 (1 cells), 9.9 (1 cells)", "cores": "2", "scipy": "1.17"}
    }


# -- files ------------------------------------------------------------------------------------------------------------


def test_a_cell_that_the_protocol_does_not_have_is_refused(tmp_path):
    put(tmp_path, "mlp", 300, 0, "test", record_of_test("mlp", 300, 0, 3.0))
    with pytest.raises(ValueError, match=r"the protocol of MNIST does not have: mlp, 300 images\. Move its file out"):
        read(tmp_path)


def test_cells_of_different_data_are_refused(tmp_path):
    put(tmp_path, "lenet", 300, 0, "test", record_of_test("lenet", 300, 0, 3.0))
    put(tmp_path, "lenet", 300, 1, "test", record_of_test("lenet", 300, 1, 3.0), data="e" * 64)
    with pytest.raises(ValueError, match="computed from different data"):
        read(tmp_path)


def test_files_are_written_the_same_each_time_and_hold_every_table(results, tmp_path):
    from rendering.csv_file import write_results
    from rendering.figures import draw_figures
    from rendering.page import write_page, write_readme

    results.folder, seen = tmp_path, []
    figures = draw_figures(results)
    for _ in range(2):
        for write in (write_readme, write_page):
            write(results, figures)
        write_results(results)
        seen.append({path.name: path.read_bytes() for path in tmp_path.iterdir()})
    assert seen[0] == seen[1]
    pictures = {"learning_curves.png", "tradeoff.png", "confusion.png", "first_layers.png"}
    assert set(seen[0]) == {"README.md", "report.html", "results.csv", *pictures}
    page, readme = seen[0]["report.html"].decode(), seen[0]["README.md"].decode()
    assert page.count("data:image/png;base64,") == 4
    assert "<script" not in page
    for title in ("test error, %", "differences to the row chosen", "validation error, %", "stability and cost"):
        assert f"**MNIST: {title}" in readme
        assert f"<span>MNIST: {title}" in page
    lines = seen[0]["results.csv"].decode().splitlines()
    assert len(lines) == 1 + len(results.cells)
    assert lines[1] == "test,pixels+svm,300,0,0.12,3000,100,0.1,0.02,10.0,3.0,"
    assert any(line.startswith("validation,lenet,300,1,") and line.endswith(",,,,,,7.0") for line in lines)
    assert "holds errors, measures and times of each cell; the cells the rest." in page


def test_a_figure_that_cannot_be_drawn_any_more_is_deleted(tmp_path):
    from rendering.figures import draw_figures

    fill(tmp_path, {"kymatio+affine": (3.0, 1.0, 3)}, sizes=[300])  # it leads no family, and has no pictures of a layer
    for name in ("learning_curves", "tradeoff", "confusion", "first_layers", "mine"):
        (tmp_path / f"{name}.png").write_text("old")
    assert [path.name for path, _ in draw_figures(read(tmp_path))] == ["tradeoff.png"]
    assert {path.name for path in tmp_path.glob("*.png")} == {"tradeoff.png", "mine.png"}


def test_captions_say_what_is_drawn(results, tmp_path):
    from rendering.figures import captions

    many = captions(results)
    assert many["learning_curves"].alt.startswith("Line chart")
    assert "lowest validation errors, on the draws that its rows share, controls" in many["learning_curves"].text
    assert "Dashed: what papers report" in many["learning_curves"].text
    assert "Horizontal bars: 95 % bootstrap intervals over images" in many["tradeoff"].text
    results.parts["validation"] = {key: {} for key in results.parts["validation"]}
    assert captions(results)["learning_curves"].text.startswith("Of each family the first row, controls left out.")
    fill(tmp_path, {"lenet": (3.0, 1.0, 3)}, sizes=[300])
    one = captions(read(tmp_path))["learning_curves"]
    assert one.alt.startswith("Dot chart of the test error with 300 training images")
    assert "Dashed" not in one.text
    assert "(without any the first row)" in one.text


def test_readme_gets_the_table_of_the_leaders_between_its_marks(results):
    from rendering.page import with_table
    from rendering.sentences import verdict

    empty = "before\n<!-- comparison: command, from results/mnist -->\nreplaced\n<!-- end of comparison -->\nafter\n"
    text = with_table(empty, results)
    assert with_table(text, results) == text
    assert text.startswith("before\n<!-- comparison: command, from results/mnist -->\n")
    assert text.endswith("<!-- end of comparison -->\nafter\n")
    assert "replaced" not in text
    assert verdict(results) in text
    assert "| scattering + Gaussian |" in text
    assert "| wide LeNet, augmented |" not in text
    assert "the lowest of a size, of all rows, those not shown here too, without" in text


def test_the_charts_have_the_bars_of_the_table(results):
    from rendering.figures import rows

    (row,) = rows(results, ["lenet"], [300])
    found = results.summary("lenet", 300)
    ends = [found.error, found.draws_error, found.images_error]
    assert [row["error"], row["over_draws"], row["over_images"]] == pytest.approx(ends, rel=1e-9)


def test_cells_of_different_results_versions_are_refused(tmp_path):
    for seed, version in ((0, 1), (1, 2)):
        put(tmp_path, "lenet", 300, seed, "test", record_of_test("lenet", 300, seed, 3.0), version=version)
    with pytest.raises(ValueError, match=r"cells of lenet .* different results versions, \['\[1\]', '\[2\]'\]: delete"):
        read(tmp_path)


def test_a_head_that_solves_large_systems_otherwise_may_have_another_version_there(tmp_path):
    name = "pixels+gaussian"
    put(tmp_path, name, 300, 0, "test", record_of_test(name, 300, 0, 3.0), version=1)
    put(tmp_path, name, 60_000, 0, "test", record_of_test(name, 60_000, 0, 3.0), version=2)
    assert len(read(tmp_path, [name]).cells) == 2
    put(tmp_path, name, 1000, 0, "test", record_of_test(name, 1000, 0, 3.0), version=2)
    with pytest.raises(ValueError, match=r"cells of pixels\+gaussian .* different results versions"):
        read(tmp_path, [name])


def test_a_mean_over_cells_of_different_settings_is_refused(tmp_path):
    for seed in (0, 1):
        put(tmp_path, "lenet", 300, seed, "test", record_of_test("lenet", 300, seed, 3.0))
    (path, _) = sorted((tmp_path / "cells").glob("*.json"))
    content = read_cell(path)
    path.unlink()
    content["identity"]["model"]["epochs"] = 7
    write_cell(path.with_name(f"{path.stem[:-12]}{digest(content['identity'])}.json"), content)
    with pytest.raises(
        ValueError, match=r"The test cells of lenet with 300 images in .* have different settings, so they"
    ):
        read(tmp_path)
