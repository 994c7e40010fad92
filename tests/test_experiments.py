"""Experiments with known answers: cells, tables, the command, and what is committed of them."""

import importlib.util
import json
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import jv

from kernelconv import Scattering1D
from kernelconv.datasets import DataError
from kernelconv.deformations import FourierField, holder_norm
from kernelconv.stability import Inversion
from kernelconv.studies.cells import read_cells

FOLDER = Path(__file__).parent.parent / "benchmarks" / "experiments"
MODULES = [path.stem for path in FOLDER.glob("*.py") if path.stem != "__main__"]


@pytest.fixture(autouse=True)
def modules(monkeypatch):
    """Let tests import the experiments as their command does, and forget them afterwards."""
    monkeypatch.syspath_prepend(str(FOLDER))
    yield
    for name in MODULES:
        sys.modules.pop(name, None)


def command():
    """Return the module that the folder runs as."""
    spec = importlib.util.spec_from_file_location("experiments_command", FOLDER / "__main__.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def known(name):
    """Return an experiment; skip where its data are not there."""
    found = command().EXPERIMENTS[name]
    try:
        found.identity(found.cells[0])
    except DataError as error:
        pytest.skip(str(error))
    return found


def shortened(monkeypatch, **names):
    """Make the sample complexity a matter of a second."""
    import sample_complexity as module

    for name, value in names.items():
        monkeypatch.setattr(module, name, value)
    cells = [module.Cell("pooled squares", d, k) for d in (8, 16) for k in range(2)]
    return module, replace(module.EXPERIMENT, cells=cells)


def test_the_fewest_samples_are_the_first_of_the_ladder_that_do(monkeypatch):
    module, experiment = shortened(monkeypatch)
    record = experiment.run(experiment.cells[0])
    assert record["samples"] == record["tried"][-1]
    assert all(a < module.WANTED for a in record["accuracies"][:-1])
    assert record["accuracies"][-1] >= module.WANTED
    assert list(module.LADDER) == sorted(set(module.LADDER))
    monkeypatch.setattr(module, "LADDER", (4, 5))
    with pytest.raises(ValueError, match=r"5 samples do not reach 0\.95"):
        module.measure(module.Cell("quadratic SVC", 16, 0))


def test_the_slope_is_that_of_a_power(monkeypatch):
    module, _ = shortened(monkeypatch)
    found = {module.Cell("a", d, k): {"samples": 3 * d**1.7 * (1 + k)} for d in (8, 16, 32) for k in range(2)}
    assert module.slope(found, "a") == pytest.approx(1.7)


def test_everything_that_decides_a_cell_is_in_its_identity(monkeypatch):
    module, experiment = shortened(monkeypatch)
    cell = experiment.cells[0]
    same = json.dumps(experiment.identity(cell))
    changed = [json.dumps(experiment.identity(other)) for other in experiment.cells[1:]]
    changed.append(json.dumps(replace(experiment, version=2).identity(cell)))
    for name, value in {"WANTED": 0.9, "N_TEST": 10, "LADDER": (4, 5)}.items():
        with monkeypatch.context() as patch:
            patch.setattr(module, name, value)
            changed.append(json.dumps(experiment.identity(cell)))
    assert len({same, *changed}) == 1 + len(changed)
    assert json.dumps(experiment.identity(cell)) == same


def test_a_stopped_experiment_goes_on_and_its_files_say_what_is_missing(monkeypatch, tmp_path):
    import experiment

    _, study = shortened(monkeypatch)
    sweep = study.sweep(tmp_path)
    next(iter(sweep.run()))
    experiment.write(sweep)
    assert "Not finished: 3 of 4 cells are missing." in (tmp_path / "README.md").read_text()
    assert [done.known for done in study.sweep(tmp_path).run()] == [True, False, False, False]
    experiment.write(sweep)
    text = (tmp_path / "README.md").read_text()
    assert "Not finished" not in text
    records = json.loads((tmp_path / "results.json").read_text())
    assert [(r["learner"], r["d"], r["draw"]) for r in records] == [(c.learner, c.d, c.draw) for c in study.cells]
    assert f"{np.sqrt(records[0]['samples'] * records[1]['samples']):,.0f}" in text


def test_the_command_lists_runs_and_writes(monkeypatch, tmp_path, capsys):
    found = command()
    _, study = shortened(monkeypatch)
    monkeypatch.setattr(found, "EXPERIMENTS", {"sample-complexity": study})
    found.main(["sample-complexity", "--out", str(tmp_path), "--workers", "1"])
    assert "4 of 4 cells to run" in capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} == {"cells", "results.json", "README.md"}
    with pytest.raises(SystemExit):
        found.main(["unknown"])
    assert "invalid choice: 'unknown'" in capsys.readouterr().err


def test_crops_are_shifts_by_whole_pixels():
    import regularization

    images = np.random.default_rng(0).random((40, 6, 6, 3), np.float32)
    found = regularization.cropped(images, np.random.default_rng(1))
    assert found.dtype == images.dtype
    shifts = set()
    for before, after in zip(images, found, strict=True):
        padded = np.pad(before, ((2, 2), (2, 2), (0, 0)))
        places = [(r, c) for r in range(5) for c in range(5) if np.array_equal(padded[r : r + 6, c : c + 6], after)]
        shifts |= set(places)
        assert len(places) == 1
    assert len(shifts) > 10
    assert regularization.cropped(images[..., 0], np.random.default_rng(1)).shape == (40, 6, 6)


def test_networks_of_every_depth_have_that_many_layers_with_weights():
    import depth

    for cell in depth.EXPERIMENT.cells:
        built = depth.network(cell).build((8, 8, 1), np.random.default_rng(0))
        assert len([name for name in built.params if name.endswith("weight")]) == cell.depth
        assert ("Residual" in repr(built)) == cell.skip


def test_the_law_of_relative_stability_is_read_as_a_slope():
    import relative_stability as module

    rng = np.random.default_rng(0)
    records = {}
    for k, draw in ((k, draw) for k in range(9) for draw in range(2)):
        r = np.exp(k / 3 + 0.1 * draw)
        features = [0, 0, [r * np.exp(2 * rng.standard_normal())]]
        records[module.Cell("mnist", f"model {k}", draw)] = {"error": 0.02 * r**0.5, "scores": [0, 0, [r]]}
        records[module.Cell("mnist", f"model {k}", draw)]["features"] = features
    np.testing.assert_allclose(module.slope(records, "scores"), 0.5, rtol=1e-9)
    found, low, high = module.slope(records, "features")
    assert low < found < high
    single = dict(list(records.items())[:1])
    assert np.isnan(module.slope(single, "scores")).all()


@pytest.mark.parametrize("a", [0.5, 0.75, 1.0, 1.5])
def test_periodic_fields_have_the_holder_norm_of_the_library(a):
    import regularity

    n, octaves, rng = 256, np.array([1, 2, 4]), np.random.default_rng(0)
    coefficients = rng.standard_normal((2, 3))
    tau, slope = regularity.sampled(octaves, coefficients, n)
    u = np.arange(n) / n
    angles = 2 * np.pi * octaves[:, None] * u
    expected = coefficients[0] @ np.sin(angles) + coefficients[1] @ np.cos(angles)
    np.testing.assert_allclose(tau, expected, atol=1e-12)
    series = np.zeros((2, 1, 9))
    series[1, 0, octaves], series[1, 0, 4 + octaves] = n * coefficients[1], n * coefficients[0]
    whole = holder_norm(FourierField((1, n + 1), series, (1.0, float(n))), a)
    assert 0.96 * whole < regularity.holder_norm(tau, slope, a) < 1.001 * whole
    tau, slope = regularity.scaled(octaves, coefficients, n, a)
    assert regularity.holder_norm(tau, slope, a) == pytest.approx(0.1, rel=1e-12)


def test_a_deformed_tone_has_the_spectrum_of_bessel_functions():
    import regularity

    n, f, wave, height = 256, 32, 4, 0.01
    u = np.arange(n) / n
    for axis in (0, 1):
        frequencies = np.array([[f]]) if axis == 0 else np.array([[f, f]])
        found = regularity.deformed(
            (frequencies.astype(float), np.zeros(1), axis), height * np.sin(2 * np.pi * wave * u)
        )
        line = found if axis == 0 else found[:, 0]
        spectrum = np.fft.fft(line) / n
        orders = np.arange(-6, 7)
        bessel = jv(orders, -2 * np.pi * f * height) / 2  # half of it at the negative frequency
        np.testing.assert_allclose(spectrum[f + wave * orders], bessel, atol=1e-6)
        assert found.shape == ((n,) if axis == 0 else (n, n))


def test_the_regularity_of_fields_is_searched_and_no_worse_than_single_waves(monkeypatch):
    import regularity

    for name in ("SEARCHED", "RANDOM"):
        monkeypatch.setitem(getattr(regularity, name), 1, 6)
    cell = regularity.Cell(1, 0.75, 256)
    record = regularity.measure(cell)
    trials, octaves = regularity.Trials(cell), regularity.waves(256)
    assert octaves.tolist() == [1, 2, 4, 8, 16]
    again = regularity.scaled(octaves, np.array(record["waves"]), 256, 0.75)
    assert trials.change(record["signal"], again[0]) == pytest.approx(record["found"], rel=1e-9)
    single = [
        trials.change(name, regularity.scaled(octaves, np.stack([row, 0 * row]), 256, 0.75)[0])
        for name in trials.signals
        for row in np.eye(5)
    ]
    assert record["found"] >= max(single)
    assert trials.change("noise", np.full(256, 0.03)) < 1e-4  # a translation


def test_what_scattering_loses_is_counted_up_to_the_sign(monkeypatch):
    import inversion

    cell = inversion.Cell("signals", 1, 1, 0)
    monkeypatch.setattr(inversion, "STEPS", 1)
    x = inversion.example("signals", 0)
    assert x.shape == (512,)
    assert np.abs(x - inversion.example("signals", 1)).max() > 1
    monkeypatch.setattr(
        inversion, "invert", lambda *given, **how: Inversion(-x, 0.25, np.array([0.5, 0.25]), *[x[:2]] * 2)
    )
    record = inversion.measure(cell)
    assert (record["lost"], record["coefficients"], record["worse_start"]) == (0, 0.25, 0.5)
    assert record["redundancy"] == Scattering1D(1, 8, max_order=1).fit_transform(x[None]).size / 512


#: Those with committed cells.
COMMITTED = ["sample-complexity", "depth", "rotations", "layerwise", "capsules"]
COMMITTED += [
    "regularization-mnist",
    "regularization-cifar10",
    "regularity",
    "two-sided",
    "inversion",
    "relative-stability",
]


@pytest.mark.parametrize("name", COMMITTED)
def test_committed_cells_are_todays_and_their_files_are_of_them(name, tmp_path):
    import experiment

    study = known(name)
    committed = experiment.RESULTS / name
    if not committed.is_dir():
        pytest.skip("the committed results are not in this copy")
    assert {json.dumps(c["cell"]) for c in read_cells(committed, name)} <= {json.dumps(asdict(c)) for c in study.cells}
    sweep = study.sweep(committed)
    paths = {sweep.path(cell) for cell in study.cells}
    assert set((committed / "cells").iterdir()) <= paths
    written = [(committed / file).read_bytes() for file in ("results.json", "README.md")]
    copy = study.sweep(tmp_path)
    (tmp_path / "cells").mkdir()
    for path in (committed / "cells").iterdir():
        (tmp_path / "cells" / path.name).write_bytes(path.read_bytes())
    experiment.write(copy)
    assert [(tmp_path / file).read_bytes() for file in ("results.json", "README.md")] == written


#: By how much a training may differ on another processor and with other packages.
ROUNDING = {"sample-complexity": 0.002, "depth": 0.05, "regularity": 0.002}
#: Those whose smallest cell takes minutes: KERNELCONV_SLOW=1 makes them again too.
SLOW = dict.fromkeys(("rotations", "layerwise", "capsules", "regularization-mnist", "regularization-cifar10"), 0.01)


@pytest.mark.parametrize("name", [*ROUNDING, *SLOW])
def test_the_smallest_cell_gives_the_committed_record_again(name):
    if name in SLOW and os.environ.get("KERNELCONV_SLOW") != "1":
        pytest.skip("minutes: KERNELCONV_SLOW=1 runs it")
    study = known(name)
    cell = min(study.cells, key=study.seconds) if name in SLOW else study.cells[0]
    committed = study.sweep().load(cell)
    assert committed is not None, asdict(cell)
    again = study.run(cell)
    for key, value in committed.items():
        if not isinstance(value, str) and (key != "losses" or name in ROUNDING):
            np.testing.assert_allclose(again[key], value, atol=(ROUNDING | SLOW)[name], err_msg=key)
