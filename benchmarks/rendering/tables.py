"""The tables: lists of texts, and how they read in Markdown and in HTML."""

import re
from html import escape

import numpy as np

from kernelconv.report.published import best_published, published


def error_table(results):
    """Return heading and lines (lists of texts) of the errors by size, published figures below ours."""
    sizes = results.sizes
    bold = {(m, s) for s in sizes for m in lowest(results, s)}

    def entry(model, size):
        text = error_text(results, model, size)
        return f"**{text}**" if (model, size) in bold else text

    heading = ["test error, %", *(f"{s:,}" for s in sizes)]
    lines = [[results.label(m), *(entry(m, s) for s in sizes)] for m in results.models]
    ours = [f"**{error_text(results, best, s)}**" if (best := results.best(s)) else "" for s in sizes]
    return heading, [*lines, ["**our best, no augmentation**", *ours], *published_lines(results)]


def lowest(results, size):
    """Return the models whose error is the lowest of a size, rivals among them: all that show the same number."""
    shown = {m: round(results.row(m, size)["error"], 2) for m in results.compared(size)}
    return [m for m in shown if shown[m] == min(shown.values())]


def error_text(results, model, size):
    """Return one entry of the error table: mean, standard error, draws where fewer than the protocol's; or why not."""
    row = results.row(model, size)
    if row is None:
        return "not run"
    draws = f" ({row['draws']})" if row["draws"] < results.draws(size) else ""
    return f"{row['error']:.2f} ± {row['standard_error']:.2f}{draws}"


def published_lines(results):
    """Return what papers report, a line a method, and the best of it; none where we know of none."""
    lines = {}
    for p in published(results.data):
        lines.setdefault(p.method, {})[p.size] = f"{p.error:.2f}{star(p)}"
    if not lines:
        return []
    best = best_published(results.data)
    last = [
        "**best published**",
        *(f"**{best[s].error:.2f}**{star(best[s])}" if s in best else "" for s in results.sizes),
    ]
    return [[f"published: {m}", *(line.get(s, "") for s in results.sizes)] for m, line in lines.items()] + [last]


def star(figure):
    """Return the mark of a published figure that was not compared with its paper again."""
    return "" if figure.checked == "read" else "*"


def short_table(results):
    """Return heading and lines of the project's README: one line a family, our best, the best published."""
    heading, lines = error_table(results)
    kept = [*map(results.label, results.leaders()), "**our best, no augmentation**", "**best published**"]
    return heading, [line for line in lines if line[0] in kept]


def cost_table(results):
    """Return heading and lines of features, stability and cost at the size that stands for all."""
    size = results.shown_size()
    heading = [f"at {size:,} images", "features", "relative change", "fit, CPU s", "images/s, one core"]
    lines = []
    for row in results.rows(results.models, [size]):
        change = row["relative_change"][0]["mean"]
        shown = "" if np.isnan(change) else f"{change:.3f}"
        features = f"{int(row['features']):,}" if row["features"] else ""
        lines.append([row["model"], features, shown, f"{row['fit_seconds']:,.1f}", f"{row['predict']:,.0f}"])
    return heading, lines


def markdown(heading, lines):
    """Return a table as Markdown."""
    rule = ["---", *["---:"] * (len(heading) - 1)]
    return "\n".join("| " + " | ".join(line) + " |" for line in (heading, rule, *lines))


def html(heading, lines):
    """Return a table as HTML that scrolls where it is too wide; `**` around a text makes it bold."""

    def cell(text):
        return re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", escape(text))

    head = f'<th scope="col" class="name">{escape(heading[0])}</th>'
    head += "".join(f'<th scope="col">{escape(h)}</th>' for h in heading[1:])
    body = "\n".join(
        f'<tr><th scope="row">{cell(line[0])}</th>' + "".join(f"<td>{cell(t)}</td>" for t in line[1:]) + "</tr>"
        for line in lines
    )
    return (
        '<div class="scroll" role="region" aria-labelledby="results" tabindex="0">\n<table class="results">\n'
        f"<thead>\n<tr>{head}</tr>\n</thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</div>"
    )
