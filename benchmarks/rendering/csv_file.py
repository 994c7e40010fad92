"""results.csv: one line a cell, for those who want the numbers alone."""

from kernelconv._files import write_csv

COLUMNS = (
    *("part", "model", "train_size", "seed", "error", "n_images", "n_features", "relative_change"),
    *("deformation_sensitivity", "cpu_seconds"),
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
        "cpu_seconds": record["fit_seconds"] + record["predict_seconds"] if test else record["seconds"],
    }
