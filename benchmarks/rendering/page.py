"""What readers open: README.md and report.html of the folder, and the short table in the project's README."""

import re
from html import escape

from objective import DEFORMATION, N_DEFORMED, STRENGTH

from kernelconv._files import write_atomically
from kernelconv.comparison import describe
from kernelconv.report.page import definitions, fill_page
from kernelconv.report.published import CAVEAT, best_published, published
from rendering.tables import cost_table, error_table, html, markdown, short_table

BLOCK = re.compile(r"(<!-- comparison: .*? -->\n).*?(<!-- end of comparison -->)", re.DOTALL)
#: How to read the error table.
NOTE = (
    "Means ± one standard error over class-balanced draws (with one draw: of the test images counted); in brackets the "
    "number of draws where the protocol has more. Bold: the lowest of a size, without augmentation and on all test "
    "images. Published figures marked * are recalled, not compared with the paper again."
)


def title(results):
    """Return the heading of README.md and of the page."""
    return f"{results.data.upper()}: kernel networks, scattering and CNNs by training size"


def verdict(results):
    """Say at how many sizes our best is at or below the best published figure."""
    papers = best_published(results.data)
    sizes = [s for s in results.sizes if s in papers and results.best(s)]
    compared = [(s, results.row(results.best(s), s)["error"], papers[s]) for s in sizes]
    missed = [
        f"{s:,} images ({ours:.2f} against {theirs.error:.2f} %, {theirs.method})"
        for s, ours, theirs in compared
        if round(ours, 2) > theirs.error
    ]
    return (
        "Without augmentation our best figure is at or below the best published one at "
        f"{len(compared) - len(missed)} of {len(compared)} sizes."
    ) + (f" Above it: {'; '.join(missed)}." if missed else "")


def protocol(results):
    """Return the sentences of the protocol."""
    draws = "; ".join(f"{results.draws(s)} at {s:,}" for s in results.sizes)
    return [
        "One cell is one representation, one training size, one draw: a class-balanced random subset, the same for "
        f"every representation. Draws: {draws}.",
        "What a classifier chooses it chooses inside the subset, by cross-validation; above 5,000 images on a balanced "
        "5,000 of it. Architectures and training schedules were fixed beforehand on training images. Every cell "
        "predicts the test images once.",
        "No augmentation, but in the row that says so.",
        "“Our best” is the lowest mean of a size over our representations, picked by the test error itself, as “best "
        "published” is; one draw near 0.5 % has a standard error of 0.07 points.",
        f"Relative change: {DEFORMATION!r} at Jacobian norm {STRENGTH:g} on {N_DEFORMED} test images, the same fields "
        "for all.",
        "Every cell ran on one thread; times are CPU seconds. "
        f"All cells together took {results.hours:.1f} CPU hours. “not run”: not yet, or beyond what the representation "
        "is given.",
        CAVEAT,
    ]


def sources(results):
    """Return the source of each published curve."""
    return {p.method: p.source for p in published(results.data)}


def citation(model):
    """Return the docstring of a rival's file on one line."""
    module = __import__(f"representations.{model}", fromlist=["RIVAL"])
    return " ".join(module.__doc__.split())


def write_readme(results, figures):
    """Write README.md of the folder."""
    parts = [
        f"# {title(results)}",
        "Written by benchmarks/render.py from the files beside it.",
        verdict(results),
        markdown(*error_table(results)),
        NOTE,
        "## Protocol",
        "\n".join(f"- {item}" for item in protocol(results)),
        "## Stability and cost",
        markdown(*cost_table(results)),
        "## Figures",
        *(f"![{words.alt}]({path.name})\n\n{words.text}" for path, words in figures),
        "## Representations",
        "\n".join(f"- **{results.label(m)}** (`{m}`): {citation(m)}" for m in results.models),
        "## Published figures",
        "\n".join(f"- {method}: {source}." for method, source in sources(results).items()),
        "## Again",
        "The whole table: `python benchmarks/run.py --n-jobs 2 --out benchmarks/results/mnist`, then `python "
        "benchmarks/render.py`. One cell: `python benchmarks/run.py --models lenet --sizes 300 --seeds 0`.",
        "Environment: " + ", ".join(f"{k} {v}" for k, v in results.environment.items() if v is not None) + ".",
    ]
    write_atomically(results.folder / "README.md", "\n\n".join(parts) + "\n")


def write_page(results, figures):
    """Write report.html of the folder, with the template of `kernelconv compare`."""
    shapes = {results.label(m): describe(results.rivals[m].build(1000, 0)) for m in results.models}
    note = f'<p class="note">{NOTE}</p>'
    fill_page(
        results.folder / "report.html",
        title=title(results),
        lead=f"<p>{escape(verdict(results))}</p>",
        table=html(*error_table(results)) + note + html(*cost_table(results)),
        figures=figures,
        protocol=protocol(results),
        models=definitions(shapes, code=True) + definitions(sources(results)),
        environment=results.environment,
        command="python benchmarks/run.py --out benchmarks/results/mnist && python benchmarks/render.py",
    )


def with_short_table(readme, results):
    """Return the text of the project's README with today's short table between its two marks."""
    note = (
        f"{NOTE} {verdict(results)} Every representation, rivals, protocol, stability and cost: "
        "[benchmarks/results/mnist](benchmarks/results/mnist)."
    )
    return BLOCK.sub(lambda m: f"{m[1]}\n{markdown(*short_table(results))}\n\n{note}\n{m[2]}", readme)
