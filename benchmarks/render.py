"""Tables, figures and page of the research comparison, from its result files alone.

    python benchmarks/render.py [FOLDER]      (default benchmarks/results/mnist)

It reads results.csv, costs.csv, filters.json and environment.json of the folder and the published figures of
kernelconv.report, and writes README.md, report.html and the PNG files beside them. From the default folder it also
writes the short table of the project's README.
"""

import argparse
import csv
import json
import re
from collections import defaultdict
from html import escape
from importlib.resources import files
from pathlib import Path
from statistics import fmean, median, stdev
from string import Template

import matplotlib
import numpy as np
from objective import DEFORMATION, N_DEFORMED, STRENGTH, dataset
from representations import rivals

from kernelconv._files import write_atomically
from kernelconv._version import __version__
from kernelconv.comparison import describe
from kernelconv.report import charts
from kernelconv.report.captions import Caption
from kernelconv.report.figures import save_figure
from kernelconv.report.page import definitions, figure_block, prose
from kernelconv.report.published import CAVEAT, best_published, leading_curves, published
from kernelconv.report.summary import binomial_error

FOLDER = Path(__file__).parent / "results/mnist"
README = Path(__file__).parent.parent / "README.md"
BLOCK = re.compile(r"(<!-- comparison: .*? -->\n).*?(<!-- end of comparison -->)", re.DOTALL)
PANELS = 4  # models whose mistakes are drawn


class Table:
    """The rows of results.csv and costs.csv by (model, size), models in the order of the table."""

    def __init__(self, folder):
        self.folder, self.rivals = folder, rivals()
        self.environment = json.loads((folder / "environment.json").read_text(encoding="utf-8"))
        self.filters = json.loads((folder / "filters.json").read_text(encoding="utf-8"))
        self.data = self.environment.pop("data")
        self.module = dataset(self.data)
        costs = {key(row): row for row in read(folder / "costs.csv")}
        self.cells = defaultdict(list)
        for row in read(folder / "results.csv"):
            self.cells[row["model"], int(row["size"])].append({**costs[key(row)], **row})
        self.models = [m for m in self.rivals if any((m, s) in self.cells for s in self.module.SIZES)]
        self.hours = sum(float(c[f"{part}_seconds"]) for c in costs.values() for part in ("fit", "predict")) / 3600

    def draws(self, model, size):
        """Return (draws there are, draws of the protocol)."""
        return len(self.cells.get((model, size), ())), self.module.draws(size)

    def row(self, model, size):
        """Return the mean over the draws of one cell of the table, or None; the form is that of kernelconv.report."""
        found = self.cells.get((model, size))
        if not found:
            return None
        errors = [float(r["error"]) for r in found]
        one = len(errors) == 1
        spread = 100 * binomial_error(errors[0] / 100, int(found[0]["n_test"])) if one else stdev(errors)
        changes = [float(r["relative_change"]) for r in found if r["relative_change"]]
        change = {"strength": STRENGTH, **dict.fromkeys(("mean", "low", "high"), fmean(changes) if changes else np.nan)}
        return {
            "model": self.rivals[model].label,
            "train_size": size,
            "error": fmean(errors),
            "standard_error": spread / len(errors) ** 0.5,
            "relative_change": [change],
            "fit_seconds": median(float(r["fit_seconds"]) for r in found),
            "predict": median(int(r["n_test"]) / float(r["predict_seconds"]) for r in found),
            "features": found[0]["features"],
        }

    def best(self, size):
        """Return (error, label) of our best representation without augmentation at a size, or None."""
        ours = [m for m in self.models if self.rivals[m].family != "others" and not self.rivals[m].augmented]
        rows = [r for r in (self.row(m, size) for m in ours if self.rivals[m].n_test is None) if r]
        return min(((r["error"], r["model"]) for r in rows), default=None)


def read(file):
    """Return the rows of a csv file."""
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def key(row):
    """Return what names a cell."""
    return row["model"], row["size"], row["seed"]


# -- tables ---------------------------------------------------------------------------------------------------------


def error_text(table, model, size):
    """Return one entry of the error table: mean, standard error, draws where fewer than the protocol's; or why not."""
    row = table.row(model, size)
    if row is None:
        return "not run"
    have, asked = table.draws(model, size)
    return f"{row['error']:.2f} ± {row['standard_error']:.2f}" + (f" ({have})" if have < asked else "")


def error_table(table):
    """Return heading and lines (lists of texts) of the errors by size, published figures below ours."""
    sizes = table.module.SIZES
    heading = ["test error, %", *(f"{s:,}" for s in sizes)]
    lines = [[table.rivals[m].label, *(error_text(table, m, s) for s in sizes)] for m in table.models]
    bests, papers = [table.best(s) for s in sizes], best_published(table.data)
    lines.append(["**our best, no augmentation**", *(f"**{b[0]:.2f}**" if b else "" for b in bests)])
    if papers:
        known = defaultdict(dict)
        for p in published(table.data):
            known[p.method][p.size] = p
        for method, by_size in known.items():
            figures = [
                f"{by_size[s].error:.2f}{'' if by_size[s].checked == 'read' else '*'}" if s in by_size else ""
                for s in sizes
            ]
            lines.append([f"published: {method}", *figures])
        lines.append(["**best published**", *(f"**{papers[s].error:.2f}**" if s in papers else "" for s in sizes)])
    return heading, lines


def cost_table(table, size):
    """Return heading and lines of features, stability and cost at one size."""
    heading = [f"at {size:,} images", "features", "relative change", "fit, CPU s", "images/s, one core"]
    lines = []
    for m in table.models:
        row = table.row(m, size)
        if row is not None:
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
    """Return a table as HTML that scrolls where it is too wide."""

    def cell(text):
        strong = text.startswith("**")
        return f"<strong>{escape(text.strip('*'))}</strong>" if strong else escape(text)

    head = "".join(
        f'<th scope="col"{"" if i else " class=" + chr(34) + "name" + chr(34)}>{escape(h)}</th>'
        for i, h in enumerate(heading)
    )
    body = "\n".join(
        f'<tr><th scope="row">{cell(line[0])}</th>' + "".join(f"<td>{cell(t)}</td>" for t in line[1:]) + "</tr>"
        for line in lines
    )
    return (
        '<div class="scroll" role="region" aria-labelledby="results" tabindex="0">\n<table class="results">\n'
        f"<thead>\n<tr>{head}</tr>\n</thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</div>"
    )


# -- figures --------------------------------------------------------------------------------------------------------


def shown_size(table):
    """Return the size with the most models that see the whole test set, the larger of equals: it stands for all."""
    whole = [m for m in table.models if table.rivals[m].n_test is None]
    return max(table.module.SIZES, key=lambda s: (sum((m, s) in table.cells for m in whole), s))


def leaders(table):
    """Return one model a family: the one whose errors are lowest on average over the sizes that its family shares."""
    best = {}
    for family in dict.fromkeys(table.rivals[m].family for m in table.models if table.rivals[m].family != "others"):
        members = [m for m in table.models if table.rivals[m].family == family and not table.rivals[m].augmented]
        scored = {m: [r["error"] for s in table.module.SIZES if (r := table.row(m, s))] for m in members}
        if scored:
            most = max(map(len, scored.values()))
            full = {m: fmean(e) for m, e in scored.items() if len(e) == most}
            best[family] = min(full, key=full.get)
    return list(best.values())


def draw_figures(table):
    """Draw every figure; return [(path, caption)]."""
    labels = [table.rivals[m].label for m in table.models]
    styles, size = charts.model_styles(labels), shown_size(table)
    of_leaders = charts.model_styles([table.rivals[m].label for m in leaders(table)])
    rows = [r for m in leaders(table) for s in table.module.SIZES if (r := table.row(m, s))]
    here = [r for m in table.models if (r := table.row(m, size))]
    drawn = [
        ("learning_curves", lambda: charts.learning_curves(rows, of_leaders, leading_curves(table.data)), CURVES),
        (
            "tradeoff",
            lambda: charts.tradeoff(
                [r for r in here if not np.isnan(r["relative_change"][0]["mean"])], styles, STRENGTH
            ),
            Caption(
                TRADEOFF.title,
                TRADEOFF.alt,
                f"{TRADEOFF.text} {size:,} training images; Jacobian norm {STRENGTH:g}, {N_DEFORMED} test images.",
            ),
        ),
        ("confusion", lambda: confusions(table, of_leaders, size), CONFUSION),
        ("first_layers", lambda: charts.first_layers(shown_filters(table)), LAYERS),
    ]
    with matplotlib.rc_context(charts.STYLE):
        return [(save_figure(draw(), table.folder / f"{name}.png"), words) for name, draw, words in drawn]


def confusions(table, of_leaders, size):
    """Draw the most frequent mistakes at a size: the sum of what results.csv names of each draw."""
    models = [m for m in leaders(table) if (m, size) in table.cells][:PANELS]
    records = []
    for m in models:
        counts = np.zeros((10, 10))
        for row in table.cells[m, size]:
            for mistake in filter(None, row["mistakes"].split("; ")):
                pair, count = mistake.split(" ")
                truth, predicted = map(int, pair.split(">"))
                counts[truth, predicted] += int(count) / len(table.cells[m, size])
        records.append({"model": table.rivals[m].label, "train_size": size, "confusion": counts})
    results = {"settings": {"classes": [str(c) for c in range(10)]}, "records": records}
    return charts.confusion(results, [table.row(m, size) for m in models], of_leaders)


def shown_filters(table):
    """Return the pictures of first layers, one model a kind of picture."""
    chosen = ("scattering_gaussian", "ckn_1", "ckn_2", "lenet", "resnet")
    return {table.rivals[m].label: table.filters[m] for m in chosen if m in table.filters}


CURVES = Caption(
    "Test error by training-set size",
    "Line chart of the test error against the number of training images, one line a family; the table holds the "
    "numbers.",
    "The best representation of each family; bars: one standard error over draws (with one draw, of the test images). "
    f"Dashed: what papers report, one curve a family. {CAVEAT}",
)
TRADEOFF = Caption(
    "What accuracy costs",
    "Two scatter plots of the test error of each model: against the relative change of its features, and against the "
    "CPU seconds it takes to fit.",
    "Test error against the relative change ‖Φ(L_τ x) − Φ(x)‖ / ‖Φ(x)‖ of the features that the classifier reads "
    "(left) and against the CPU seconds to fit, on one core (right). Lower left is better in both.",
)
CONFUSION = Caption(
    "Which digits are confused",
    "Bar charts, one per family, of the most frequent pairs of true and predicted digit.",
    "The most frequent mistakes, true digit → predicted digit, in test images per draw (of each draw its eight most "
    "frequent are counted).",
)
LAYERS = Caption(
    "What the first layers look for",
    "Rows of small pictures, one row per model.",
    "Scattering: the real part of its wavelets, from fine to coarse. Kernel networks: their anchors, patches that "
    "spherical k-means found. CNN: the filters that training found. Grey is zero; each picture has its own scale.",
)


# -- README.md and report.html --------------------------------------------------------------------------------------


def verdict(table):
    """Say at how many sizes our best is at or below the best published figure."""
    papers = best_published(table.data)
    compared = [(s, table.best(s), papers[s]) for s in table.module.SIZES if s in papers and table.best(s)]
    reached = [s for s, ours, theirs in compared if round(ours[0], 2) <= theirs.error]
    missed = [
        f"{s:,} images ({ours[0]:.2f} against {theirs.error:.2f} %, {theirs.method})"
        for s, ours, theirs in compared
        if s not in reached
    ]
    text = f"Without augmentation our best figure is at or below the best published one at {len(reached)} of "
    return f"{text}{len(compared)} sizes." + (f" Above it: {'; '.join(missed)}." if missed else "")


def protocol(table):
    """Return the sentences of the protocol."""
    draws = "; ".join(f"{table.module.draws(s)} at {s:,}" for s in table.module.SIZES)
    return [
        "One cell is one representation, one training size, one draw: a class-balanced random subset, the same for "
        f"every representation. Draws: {draws}; where fewer were run, their number is in brackets.",
        "Entries are means ± one standard error over the draws (with one draw: of the test images counted).",
        "What a classifier chooses it chooses inside the subset, by cross-validation; above 5,000 images on a balanced "
        "5,000 of it. Architectures and training schedules were fixed beforehand on training images. Every cell "
        "predicts the test images once.",
        "No augmentation, but in the row that says so.",
        "“Our best” is the lowest mean of a size over our representations, picked by the test error itself, as “best "
        "published” is; one draw near 0.5 % has a standard error of 0.07 points.",
        f"Relative change: {DEFORMATION!r} at Jacobian norm {STRENGTH:g} on {N_DEFORMED} test images, the same fields "
        "for all.",
        "Every cell ran on one thread; times are CPU seconds. "
        f"All cells together took {table.hours:.1f} CPU hours. “not run”: not yet, or beyond what the representation "
        "is given.",
        CAVEAT,
    ]


def write_readme(table, figures):
    """Write README.md of the folder."""
    size = shown_size(table)
    entries = [f"![{words.alt}]({path.name})\n\n{words.text}" for path, words in figures]
    again = (
        "The whole table: `python benchmarks/run.py --n-jobs 2 --out benchmarks/results/mnist`, then "
        "`python benchmarks/render.py`. One cell: `python benchmarks/run.py --models lenet --sizes 300 --seeds 0`."
    )
    parts = [
        f"# {table.data.upper()}: kernel networks, scattering and CNNs by training size",
        "Written by benchmarks/render.py from the files beside it.",
        verdict(table),
        markdown(*error_table(table)),
        "\\* recalled, not compared with the paper again.",
        "## Protocol",
        "\n".join(f"- {item}" for item in protocol(table)),
        "## Stability and cost",
        markdown(*cost_table(table, size)),
        "## Figures",
        *entries,
        "## Representations",
        "\n".join(f"- **{table.rivals[m].label}** (`{m}`): {citation(m)}" for m in table.models),
        "## Published figures",
        "\n".join(f"- {method}: {source}." for method, source in sources(table).items()),
        "## Again",
        again,
        "Environment: " + ", ".join(f"{k} {v}" for k, v in table.environment.items() if v is not None) + ".",
    ]
    write_atomically(table.folder / "README.md", "\n\n".join(parts) + "\n")


def sources(table):
    """Return the source of each published curve."""
    return {p.method: p.source for p in published(table.data)}


def citation(model):
    """Return the docstring of a rival's file on one line."""
    module = __import__(f"representations.{model}", fromlist=["RIVAL"])
    return " ".join(module.__doc__.split())


def readme_table(table):
    """Return the short table of the project's README: one line a family, our best, the best published."""
    heading, lines = error_table(table)
    by_label = {line[0].strip("*"): line for line in lines}
    kept = [by_label[table.rivals[m].label] for m in leaders(table)]
    kept += [by_label[name] for name in ("our best, no augmentation", "best published") if name in by_label]
    note = (
        f"Means ± standard error over class-balanced draws (with one draw, of the test images; fewer draws than the "
        f"protocol's in brackets). {verdict(table)} Every representation, rivals, protocol, stability and cost: "
        "[benchmarks/results/mnist](benchmarks/results/mnist)."
    )
    return f"\n{markdown(heading, kept)}\n\n{note}\n"


def update_readme(table, readme=README):
    """Write the short table into the project's README, between its two marks."""
    before = readme.read_text(encoding="utf-8")
    after = BLOCK.sub(lambda m: m[1] + readme_table(table) + m[2], before)
    write_atomically(readme, after)


def write_page(table, figures):
    """Write report.html of the folder, with the template of `kernelconv compare`."""
    template = Template(files("kernelconv.report").joinpath("page.html").read_text(encoding="utf-8"))
    shapes = {table.rivals[m].label: describe(table.rivals[m].build(1000, 0)) for m in table.models}
    page = template.substitute(
        version=__version__,
        title=escape(f"{table.data.upper()}: kernel networks, scattering and CNNs by training size"),
        lead=f"<p>{escape(verdict(table))}</p>",
        table=html(*error_table(table))
        + '<p class="note">* recalled, not compared with the paper again.</p>'
        + html(*cost_table(table, shown_size(table))),
        figures='<section aria-labelledby="figures">\n<h2 id="figures">Figures</h2>\n'
        + "\n".join(figure_block(path, words) for path, words in figures)
        + "\n</section>",
        protocol="\n".join(f"<li>{prose(item)}</li>" for item in protocol(table)),
        models=definitions(shapes, code=True) + definitions(sources(table)),
        environment=definitions(table.environment),
        command="python benchmarks/run.py --out benchmarks/results/mnist && python benchmarks/render.py",
    )
    write_atomically(table.folder / "report.html", page)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER)
    table = Table(parser.parse_args().folder)
    figures = draw_figures(table)
    write_readme(table, figures)
    write_page(table, figures)
    if table.folder.resolve() == FOLDER.resolve():
        update_readme(table)
    print(verdict(table))


if __name__ == "__main__":
    main()
