"""Write benchmarks/results/stability-mnist/README.md from the committed results, so that no figure is typed by hand.

--check changes nothing and fails where the file differs from the results.
"""

import argparse
import json
from pathlib import Path

from kernelconv.report.stability import study_command

FOLDER = Path(__file__).parent / "results/stability-mnist"


def value(rows, model, family, strength, measure):
    """Return (mean, low, high)."""
    (r,) = (
        r for r in rows if (r["model"], r["family"], r["strength"], r["measure"]) == (model, family, strength, measure)
    )
    return r["mean"], r["low"], r["high"]


def shown(triple):
    mean, low, high = triple
    return f"{mean:.3f} ± {(high - low) / 2:.3f}"


def main_table(results, strength=0.1):
    rows, lines = results["rows"], []
    measures = ["relative_change", "lipschitz_ratio", "deformation_sensitivity", "relative_stability"]
    measures += ["relative_stability_spectrum"]
    for model, summary in results["summaries"].items():
        cells = [shown(value(rows, model, "smooth", strength, m)) for m in measures]
        deformed = value(rows, model, "smooth", 0.5, "accuracy")[0]
        worst = value(rows, model, "worst", strength, "worst_change")
        ratio = value(rows, model, "worst", strength, "worst_over_random")
        cells += [f"{summary['accuracy']:.3f} → {deformed:.3f}", shown(worst), f"{ratio[0]:.2f}"]
        lines.append(f"| {model} | {summary['n_features']:,} | " + " | ".join(cells) + " |")
    return [
        f"| representation | features | change | change / s | D | R white | R spectrum | accuracy, clean → s = 0.5 "
        f"| worst change at s = {strength:g} | worst / random |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
        *lines,
    ]


def expectation_table(results):
    lines = ["| expected below | | measure | why | s: paired difference, came true |", "|---|---|---|---|---|"]
    found = {}
    for e in results["expectations"]:
        key = e["smaller"], e["larger"], e["measure"], e["reason"]
        found.setdefault(key, []).append(f"{e['strength']:g}: {e['difference']:+.3f} {e['came_true']}")
    return lines + [f"| {' | '.join(key)} | {'; '.join(texts)} |" for key, texts in found.items()]


def surprises(results):
    """Say what theory did not expect, with its figures."""
    rows = results["rows"]
    r = {m: value(rows, m, "smooth", 0.1, "relative_stability")[0] for m in results["summaries"]}
    above = ", ".join(f"{m} {v:.2f}" for m, v in r.items() if v > 1.05)
    spectrum = {m: value(rows, m, "smooth", 0.1, "relative_stability_spectrum")[0] for m in results["summaries"]}
    also = ", ".join(f"{m} {v:.2f}" for m, v in spectrum.items() if v > 1.05) or "none"
    one, three = (value(rows, m, "smooth", 0.1, "relative_change")[0] for m in ("ckn-1", "scattering-2"))
    shift = {m: value(rows, m, "translation", 1.0, "relative_change")[0] for m in ("fourier", "scattering-3")}
    failed = [e for e in results["expectations"] if e["came_true"] != "yes"]
    named = sorted({f"{e['smaller']} below {e['larger']} in {e['measure']}" for e in failed})
    return [
        f"- R with white noise is above 1 for {above}: pooling kills white noise faster than deformation. With noise "
        f"of the deformation's own spectrum R is above 1 for: {also}.",
        f"- A one-layer kernel network changes by {one:.3f} at s = 0.1, scattering of the same stride by {three:.3f}.",
        f"- A shift by one pixel changes the Fourier modulus by {shift['fourier']:.3f} (a digit on zeros shifts almost "
        f"circularly) and scattering-3 by {shift['scattering-3']:.3f}: on digits the modulus' instability, at high "
        "frequencies, hardly shows.",
        f"- Expectations that did not come true at every strength: {'; '.join(named) or 'none'}.",
    ]


def bound_table(bounds):
    lines = [
        "| network | layers | scale, px | C_1 | C_2 | above the bound, held out: shifts | smooth | combined | worst |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for model, f in bounds["models"].items():
        held = [f"{100 * f['violations_held_out'][k]:.1f} %" for k in ("translation", "smooth", "combined", "worst")]
        lines.append(
            f"| {model} | {f['n_layers']} | {f['scale_px']:.2f} | {f['c1']:.3f} | {f['c2']:.3f} | {' | '.join(held)} |"
        )
    return lines


def text():
    results = json.loads((FOLDER / "results.json").read_text(encoding="utf-8"))
    bounds = json.loads((FOLDER / "bounds.json").read_text(encoding="utf-8"))
    settings, environment = results["settings"], results["environment"]
    zero = [m for m, f in bounds["models"].items() if f["c1"] == 0]
    return "\n".join(
        [
            "# Stability to deformation on MNIST",
            "",
            f"The first {settings['n_images']} test digits, {settings['pad']} px of zeros around them; all fitted on "
            f"{settings['train_size']:,} training digits (seed {settings['seed']}). NumPy {environment['numpy']}, "
            f"SciPy {environment['scipy']}. Written by `python benchmarks/stability_table.py`; the results by",
            "",
            f"    {study_command(settings)} --out benchmarks/results/stability-mnist",
            "    python benchmarks/stability_bound.py",
            "",
            "## Smooth fields of Jacobian norm 0.1",
            "",
            f"Mean ± half the 95 % bootstrap interval over images. Worst: {settings['families']['worst']['family']}.",
            "",
            *main_table(results),
            "",
            "## What theory expects",
            "",
            *expectation_table(results),
            "",
            "## What surprises",
            "",
            *surprises(results),
            "",
            "## The theorem's constants",
            "",
            f"C_2 from translations, C_1 from the worst smooth fields found, as upper tolerance limits at level "
            f"{bounds['settings']['level']:g} (95 % confidence), on {bounds['settings']['images']} test digits "
            f"from number {bounds['settings']['first']:,} on; held out are as many after them. "
            + (f"C_1 = 0 for {', '.join(zero)}: what shifts do per pixel covers what these fields do." if zero else ""),
            "",
            *bound_table(bounds),
            "",
        ]
    )


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--check", action="store_true", help="fail where the file differs from the results")
    path, new = FOLDER / "README.md", text()
    if options.parse_args().check:
        if path.read_text(encoding="utf-8") != new:
            raise SystemExit(f"{path} differs from the results: run python benchmarks/stability_table.py")
    else:
        path.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
