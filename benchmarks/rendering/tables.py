"""The tables, each a `kernelconv.report.table.Table`: errors, choices, differences, validation, stability and cost."""

from dataclasses import replace

from kernelconv.report.published import ELSEWHERE, best_published, published
from kernelconv.report.table import Column, Entry, Section, Table
from rendering.choice import best_by_test, chosen, competing, differences, lowest, of_how_many, reference
from rendering.words import few, joined, p_text, plus_minus, signed, tie

CHOSEN, FEWER, HELD = "◆", "†", "°"
NOT_RUN, BEYOND = "not run", "–"


#: Columns of sizes beside each other, so that a page or a sheet is wide enough.
ABREAST = 4


def in_parts(make, results):
    """Return the tables of `make(results, sizes)` for a few sizes each that have cells; notes stand below the last."""
    sizes = results.started() or results.sizes
    parts = [sizes[i : i + ABREAST] for i in range(0, len(sizes), ABREAST)]
    *first, last = [make(results, sizes) for sizes in parts]
    return [*(replace(table, notes=()) for table in first), last]


def _columns(sizes):
    return [Column("training images", align="left"), *(Column(f"{size:,}") for size in sizes)]


def _caption(what, results, sizes):
    """Return the caption of a table by size; halves of one table differ in their sizes."""
    ends = " to ".join(f"{s:,}" for s in dict.fromkeys((sizes[0], sizes[-1])))
    return f"{results.data.title}: {what}, %, with {ends} training images"


def absent(results, model, size):
    """Return what stands where a row has no cell: whether the protocol has one."""
    return Entry(NOT_RUN if results.draws(model, size) else BEYOND)


# -- errors ---------------------------------------------------------------------------------------------------------


def error_table(results, sizes=None, models=None):
    """Return the errors by size, what was chosen of them, and figures of papers; `models`: of some rows alone."""
    sizes = sizes or results.sizes
    rows = [[results.name(m), *(error(results, m, s) for s in sizes)] for m in models or results.models]
    sections = [Section("", rows), Section("of the rows that compete", choice_rows(results, sizes))]
    if papers := [*([] if models else method_rows(results, sizes)), *paper_rows(results, sizes)]:
        sections.append(Section("figures of papers", papers))
    return Table(
        _caption("test error", results, sizes),
        _columns(sizes),
        sections,
        error_notes(results, models or results.models),
    )


def error(results, model, size):
    """Return one entry: mean, the two standard errors, draws where the size has more, and what sets it apart."""
    found = results.summary(model, size)
    if found is None:
        return absent(results, model, size)
    marks = FEWER if results.models[model].representation.n_test else ""
    marks += CHOSEN if model in chosen(results, size) else ""
    bars = plus_minus(found.draws_error) + plus_minus(found.images_error)
    mark = f"{marks}{bars}{few(found.n_draws, results.draws(model, size), results.data.draws[size])}"
    return Entry(f"{found.error:.2f}", model in lowest(results, size), mark)


def choice_rows(results, sizes):
    """Return which rows were chosen by validation and are best by test, their test errors, and of how many."""
    names = ("chosen by validation", "its test error", "of how many", "best by test", "its test error", "of how many")
    lines = [[name] for name in names]
    for size in sizes:
        for line, choose, part in ((0, chosen, "validation"), (3, best_by_test, "test")):
            found = choose(results, size)
            errors = [error(results, m, size).text for m in found]
            lines[line].append(tie([results.label(m) for m in found]) if found else NOT_RUN)
            lines[line + 1].append(joined(errors) if set(errors) - {NOT_RUN} else NOT_RUN)
            lines[line + 2].append(of_how_many(results, size, part))
    return lines


def method_rows(results, sizes):
    """Return what papers report that report a range of sizes, one row for each method."""
    lines = {}
    for p in published(results.data.name):
        if p.family != ELSEWHERE:
            lines.setdefault(p.method, {})[p.size] = f"{p.error:.2f}{p.mark}"
    return [[f"published: {method}", *(line.get(s, "") for s in sizes)] for method, line in lines.items()]


def paper_rows(results, sizes):
    """Return the best figure at each size of these papers, and all that we know of elsewhere."""
    best = {s: [p] for s, p in best_published(results.data.name).items()}
    rows = {
        "best of these papers": best,
        "elsewhere": {s: [p for p in elsewhere(results) if p.size == s] for s in sizes},
    }
    return [
        [name, *(", ".join(f"{p.error:.2f}{p.mark}" for p in found.get(s, ())) for s in sizes)]
        for name, found in rows.items()
        if any(found.values())
    ]


def elsewhere(results):
    """Return the figures beyond the papers that report a range of sizes, the lowest first."""
    return sorted((p for p in published(results.data.name) if p.family == ELSEWHERE), key=lambda p: p.error)


def error_notes(results, models):
    """Return how to read the error table of some rows."""
    draws = "; ".join(f"{n} at {size:,}" for size, n in results.data.draws.items())
    among = (
        "of all rows, those not shown here too" if set(models) < set(results.models) else "rivals of others included"
    )
    notes = [
        "Mean over class-balanced draws of the training images ± one standard error over draws (–: there is one draw) "
        "± one standard error over test images, of the mean loss over draws (of one draw: binomial). Draws of the "
        f"protocol: {draws}; (n): the protocol gives this row n alone, (n/m): n of its m are there. Bold: the lowest "
        f"of a size, {among}, without augmentation and on all test images. {CHOSEN}: chosen by validation. "
        f"“{NOT_RUN}”: cells of the protocol that are not there; “{BEYOND}”: the protocol has none.",
        *subset_notes(results, models),
    ]
    if published(results.data.name):
        beyond = "; ".join(f"{p.error:.2f} {p.method}" for p in elsewhere(results))
        notes.append(
            "Figures of papers: * recalled, not compared with the paper again. "
            + ("“These papers” report a range of sizes. " if best_published(results.data.name) else "")
            + f"Elsewhere, what we know of beyond them, without augmentation: {beyond}."
        )
    return notes


def subset_notes(results, models):
    """Return what is to be said of rows that predict the first test images only, and how the others do on these."""
    notes = []
    for model in models:
        n = results.models[model].representation.n_test
        sizes = [s for s in results.sizes if results.test(model, s) and competing(results, s)]
        if n is None or not sizes:
            continue
        size = sizes[-1]
        wrong = [results.wrong(m, size).mean(axis=0) for m in competing(results, size)]
        first, rest = (100 * sum(w[part].mean() for w in wrong) / len(wrong) for part in (slice(n), slice(n, None)))
        notes.append(
            f"{FEWER} {results.label(model)}: of the first {n:,} test images alone. With {size:,} training images the "
            f"rows that compete get {first:.2f} % of these wrong on average, and {rest:.2f} % of the others."
        )
    return notes


# -- differences ------------------------------------------------------------------------------------------------------


def difference_table(results):
    """Return the differences of all rows to the chosen one of a size, a section a size."""
    group = "difference of the means, points"
    columns = [
        Column("row", align="left"),
        Column("draws shared"),
        Column("mean", group),
        Column("95 % interval", group),
        Column("p"),
        Column("p, Holm"),
        Column("test", align="left"),
    ]
    sections = [section for size in results.sizes if (section := _difference_section(results, size))]
    notes = (
        "Both means are over the draws that the two rows share, and on the same test images. The interval spans the "
        "percentiles of a bootstrap over test images and draws together, 10,000 resamples, and a t interval from the "
        "variances of draws and of images, which few draws make wide; of one shared draw percentiles over test images "
        "alone, so that what another training subset would change is not in it. p: the larger of both; of one shared "
        "draw McNemar's exact test, of these two fitted models and one training subset. Holm's correction is over the "
        "rows of a size: what it limits holds of each size by itself. Bold: at most 0.05 after it, of two or more "
        "shared draws. Negative: lower than the chosen row.",
        *subset_notes(results, results.models),
    )
    return Table(f"{results.data.title}: differences to the row chosen by validation", columns, sections, notes)


def _difference_section(results, size):
    rows = []
    for c in differences(results, size):
        d, mark = c.difference, FEWER if results.models[c.model].representation.n_test else ""
        rows.append(
            [
                Entry(results.name(c.model), mark=mark),
                str(c.n_draws),
                Entry(signed(d.mean), bold=c.separated),
                f"{signed(d.low)} to {signed(d.high)}",
                p_text(d.p),
                p_text(c.p_holm),
                c.test,
            ]
        )
    if not rows:
        return None
    first = reference(results, size)
    others = [results.label(m) for m in chosen(results, size) if m != first]
    tied = f" (tied with {joined(others)}; the first in the table that is tested)" if others else ""
    title = f"{size:,} training images: minus {results.label(first)}{tied}"
    return Section(f"{title}, chosen of {of_how_many(results, size, 'validation')} rows", rows)


# -- validation -------------------------------------------------------------------------------------------------------


def validation_table(results, sizes=None):
    """Return the validation errors by size."""
    sizes = sizes or results.sizes
    rows = [[results.name(m), *(validation(results, m, s) for s in sizes)] for m in results.models]
    notes = (
        "Mean over draws ± one standard error over draws, of the images held out inside the training subset: no test "
        f"image is in it. Bold: the chosen one, the lowest of the rows that compete on the draws they share. {HELD}: "
        "scored on fewer held-out images than other rows of the size, on one fold of the five.",
    )
    return Table(_caption("validation error", results, sizes), _columns(sizes), [Section("", rows)], notes)


def validation(results, model, size):
    """Return one entry of the validation table."""
    found = results.validation_error(model, size)
    if found is None:
        return absent(results, model, size)
    held = {m: [r["n_held_out"] for r in results.validation(m, size).values()] for m in results.models}
    mark = HELD if min(held[model]) < max(max(n, default=0) for n in held.values()) else ""
    n_draws = few(len(held[model]), results.draws(model, size), results.data.draws[size])
    return Entry(f"{found[0]:.2f}", model in chosen(results, size), f"{mark}{plus_minus(found[1])}{n_draws}")


# -- stability and cost -----------------------------------------------------------------------------------------------


def cost_table(results):
    """Return features, stability and cost at the size that stands for all; it needs cells on the test images."""
    size, strength = results.shown_size(), f"at Jacobian norm {results.strength:g}"
    columns = [
        Column("row", align="left"),
        Column("features"),
        Column("relative change", strength),
        Column("D", strength),
        Column("fit", "CPU seconds"),
        Column("1,000 predictions", "CPU seconds"),
        Column("validation", "CPU seconds"),
    ]
    rows = [_cost_row(results, m, size) for m in results.models if results.test(m, size)]
    notes = (
        "Relative change: mean of ‖Φ(L_τ x) − Φ(x)‖ / ‖Φ(x)‖ of the features that the head reads. D: mean of ‖Φ(L_τ x) "
        "− Φ(x)‖² over the mean of ‖Φ(x) − Φ(x′)‖² of two images: relative to the spread, so that features with a "
        "large mean or a square root gain nothing. Both: mean over draws ± one standard error over draws. Seconds: "
        "medians over draws, of one thread; fit with what is chosen inside it.",
    )
    return Table(
        f"{results.data.title}: stability and cost, {size:,} training images", columns, [Section("", rows)], notes
    )


def _cost_row(results, model, size):
    features = next(iter(results.test(model, size).values()))["n_features"]
    fit, predict, validate = results.cost(model, size)
    measures = [results.measured(model, size, m) for m in ("relative_change", "deformation_sensitivity")]
    changed, sensitive = (
        Entry("") if m is None else Entry(f"{m[0]:.{d}f}", mark=plus_minus(m[1], d))
        for m, d in zip(measures, (3, 4), strict=True)
    )
    seconds = [f"{fit:,.1f}", f"{1000 * predict:,.2f}", "" if validate is None else f"{validate:,.1f}"]
    return [results.name(model), f"{features:,}" if features else "", changed, sensitive, *seconds]
