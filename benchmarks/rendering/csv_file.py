"""results.csv: one line a cell, for those who want the numbers alone."""

from kernelconv._files import write_csv

#: CPU seconds of a cell: the first two of part "test", the last of part "validation".
SECONDS = ("fit_seconds", "predict_seconds", "seconds")
COLUMNS = (
    *("part", "model", "train_size", "seed", "error", "n_images", "n_features", "relative_change"),
    *("deformation_sensitivity", *SECONDS),
)


def write_results(results):
    """Write results.csv of the folder, in the order of the table."""
    lines = [
        _line(part, model, size, seed, record, results.strength)
        for part, of in (("test", results.test), ("validation", results.validation))
        for model in results.models
        for size in results.sizes
        for seed, record in of(model, size).items()
    ]
    write_csv(results.folder / "results.csv", COLUMNS, lines)


def _line(part, model, size, seed, record, strength):
    test = part == "test"
    measured = {
        name: next((m["mean"] for m in record.get(name) or () if m["strength"] == strength), None)
        for name in ("relative_change", "deformation_sensitivity")
    }
    return {
        **{"part": part, "model": model, "train_size": size, "seed": seed},
        "error": record["test_error" if test else "validation_error"],
        "n_images": record["n_test" if test else "n_held_out"],
        "n_features": record.get("n_features"),
        **measured,
        **{name: record.get(name) for name in SECONDS},
    }
