"""Write README.md of benchmarks/results/stability-* from the committed results, so that no figure is typed by hand.

--check changes nothing and fails where a file differs from the results.
"""

import argparse
import json
from pathlib import Path

from kernelconv.report.stability_page import study_command
from kernelconv.report.summary import label
from kernelconv.report.table import Column, Entry, Section, Table, markdown

RESULTS = Path(__file__).parent / "results"
NAMES = {"mnist": "MNIST", "fashion-mnist": "Fashion-MNIST", "cifar10": "CIFAR-10"}
#: Measures of the main table, under smooth fields.
COLUMNS = {
    "relative_change": "change",
    "lipschitz_ratio": "change / s",
    "deformation_sensitivity": "D",
    "relative_stability": "R white",
    "relative_stability_spectrum": "R spectrum",
}


def value(results, model, family, strength, measure):
    """Return (mean, low, high)."""
    wanted = model, family, strength, measure
    (r,) = (r for r in results["rows"] if (r["model"], r["family"], r["strength"], r["measure"]) == wanted)
    return r["mean"], r["low"], r["high"]


def interval(found):
    mean, low, high = found
    return Entry(f"{mean:.3f}", mark=f" ± {(high - low) / 2:.3f}")


def main_table(results, strength=0.1):
    settings, rows = results["settings"], []
    for model, summary in results["summaries"].items():
        deformed = value(results, model, "smooth", 0.5, "accuracy")[0]
        rows.append(
            [
                label(settings, model),
                f"{summary['n_features']:,}",
                *(interval(value(results, model, "smooth", strength, m)) for m in COLUMNS),
                f"{summary['accuracy']:.3f} → {deformed:.3f}",
                interval(value(results, model, "worst", strength, "worst_change")),
                f"{value(results, model, 'worst', strength, 'worst_over_random')[0]:.2f}",
            ]
        )
    headings = ["features", *COLUMNS.values(), "accuracy, as they are → s = 0.5", "worst change", "worst / random"]
    caption = f"Smooth fields of Jacobian norm s = {strength:g}: mean ± half the 95 % bootstrap interval over images."
    notes = [
        "change: ‖Φ(L_τ x) − Φ(x)‖ / ‖Φ(x)‖; D: the mean squared change over that between two images; R: D over the "
        "same under noise of the same norm, white or with the deformation's spectrum. Accuracy: of a linear head. "
        f"Worst: {settings['families']['worst']['family']}."
    ]
    return Table(caption, [Column("representation", align="left"), *map(Column, headings)], [Section("", rows)], notes)


def expectation_table(results):
    found = {}
    for e in results["expectations"]:
        pair = f"{label(results['settings'], e['smaller'])} below {label(results['settings'], e['larger'])}"
        measure = e["measure"].replace("_", " ")
        came = f"{e['strength']:g}: {e['difference']:+.3f} {e['came_true']}"
        found.setdefault((pair, measure, e["reason"]), []).append(came)
    columns = [Column(h, align="left") for h in ("expected", "measure", "why", "s: paired difference, came true")]
    rows = [[*key, "; ".join(came)] for key, came in found.items()]
    notes = ["open: the 95 % interval of the difference holds 0."]
    caption = "Smooth fields: the paired difference of the two means at each strength s, and whether it came true."
    return Table(caption, columns, [Section("", rows)], notes)


def surprises(results, bounds):
    """Say what theory did not expect, with its figures."""
    settings = results["settings"]

    def mean(model, family, strength, measure):
        return value(results, model, family, strength, measure)[0]

    def above_one(measure):
        found = {m: mean(m, "smooth", 0.1, measure) for m in results["summaries"]}
        return "; ".join(f"{label(settings, m)} {v:.2f}" for m, v in found.items() if v > 1.05) or "none"

    (one_layer,) = (m for m, f in bounds["models"].items() if f["n_layers"] == 1)
    one, two = (mean(m, "smooth", 0.1, "relative_change") for m in (one_layer, "scattering-2"))
    shift = {m: mean(m, "translation", 1.0, "relative_change") for m in ("fourier", "scattering-3")}
    failed = [(e["smaller"], e["larger"], e["measure"]) for e in results["expectations"] if e["came_true"] != "yes"]
    named = [
        f"{label(settings, a)} below {label(settings, b)} in {m.replace('_', ' ')}" for a, b, m in dict.fromkeys(failed)
    ]
    return [
        f"- R with white noise is above 1 for {above_one('relative_stability')}: pooling kills white noise faster than "
        f"deformation. With noise of the deformation's own spectrum R is above 1 for: "
        f"{above_one('relative_stability_spectrum')}.",
        f"- A one-layer kernel network changes by {one:.3f} at s = 0.1, scattering of the same stride by {two:.3f}.",
        f"- A shift by one pixel changes the Fourier modulus by {shift['fourier']:.3f} (a digit on zeros shifts almost "
        f"circularly) and {label(settings, 'scattering-3')}, by {shift['scattering-3']:.3f}: on digits the modulus' "
        "instability, at high frequencies, hardly shows.",
        f"- Expectations that did not come true at every strength: {'; '.join(named) or 'none'}.",
    ]


def bound_table(results, bounds):
    kinds = ("translation", "smooth", "combined", "worst")
    rows = [
        [
            label(results["settings"], model),
            *(str(f["n_layers"]), f"{f['scale_px']:.2f}", f"{f['c1']:.3f}", f"{f['c2']:.3f}"),
            *(f"{100 * f['violations_held_out'][k]:.1f} %" for k in kinds),
        ]
        for model, f in bounds["models"].items()
    ]
    columns = [
        Column("network", align="left"),
        *map(Column, ("layers", "scale, px", "C_1", "C_2")),
        *(Column("shifts" if k == "translation" else k, "above the bound, held out") for k in kinds),
    ]
    settings, zero = bounds["settings"], [m for m, f in bounds["models"].items() if f["c1"] == 0]
    notes = [
        f"C_2 from translations, C_1 from the worst smooth fields found, as upper tolerance limits at level "
        f"{settings['level']:g} (95 % confidence), on {settings['images']} test digits from number "
        f"{settings['first']:,} on; held out are as many after them. Networks of this table are fitted on "
        f"{settings['train_size']:,} training images."
    ]
    if zero:
        names = "; ".join(label(results["settings"], m) for m in zero)
        notes.append(f"C_1 = 0 for {names}: what shifts do per pixel covers what these fields do.")
    return Table("The theorem's constants of kernel networks.", columns, [Section("", rows)], notes)


def fitted(settings):
    """Say what was measured, and what networks were fitted on."""
    border = "zeros" if settings.get("border", "zero") == "zero" else f"{settings['border']} border"
    starts = settings.get("starts", 1)
    trained = (
        f" Networks that learn from labels are trained {starts} times, from other start weights: means over the "
        "trainings, with t intervals over trainings and images together."
        if starts > 1
        else ""
    )
    return (
        f"The first {settings['n_images']} test images, {settings['pad']} px of {border} around them; all fitted on "
        f"{settings['train_size']:,} training images (seed {settings['seed']}).{trained}"
    )


def text(folder):
    """Return README.md of a folder; with bounds.json it has the theorem's constants, too."""
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    settings, environment, bounds = results["settings"], results["environment"], folder / "bounds.json"
    lines = [
        f"# Stability to deformation on {NAMES[settings['data']]}",
        "",
        f"{fitted(settings)} NumPy {environment['numpy']}, SciPy {environment['scipy']}. Written by "
        "`python benchmarks/stability_table.py`; the results by",
        "",
        f"    {study_command(settings)} --out benchmarks/results/{folder.name}",
        *(["    python benchmarks/stability_bound.py"] if bounds.exists() else []),
        "",
        *("## What was measured", "", markdown(main_table(results)), ""),
        *("## What theory expects", "", markdown(expectation_table(results)), ""),
    ]
    if bounds.exists():
        found = json.loads(bounds.read_text(encoding="utf-8"))
        lines += ["## What surprises", "", *surprises(results, found), ""]
        lines += ["## The theorem's constants", "", markdown(bound_table(results, found)), ""]
    return "\n".join(lines)


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--check", action="store_true", help="fail where a file differs from the results")
    check = options.parse_args().check
    for folder in sorted(RESULTS.glob("stability-*")):
        path, new = folder / "README.md", text(folder)
        if not check:
            path.write_text(new, encoding="utf-8")
        elif path.read_text(encoding="utf-8") != new:
            raise SystemExit(f"{path} differs from the results: run python benchmarks/stability_table.py")


if __name__ == "__main__":
    main()
