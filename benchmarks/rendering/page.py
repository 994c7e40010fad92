"""What readers open: README.md and report.html of the folder, and the table in the project's README."""

import json
import re
from html import escape

from kernelconv._files import write_atomically
from kernelconv.report.page import definitions, fill_page
from kernelconv.report.published import published
from kernelconv.report.table import html, markdown
from rendering.sentences import protocol, separated, verdict
from rendering.tables import cost_table, difference_table, error_table, validation_table

BLOCK = re.compile(r"(<!-- comparison: .*? -->\n).*?(<!-- end of comparison -->)", re.DOTALL)
AGAIN = (
    "python benchmarks/run.py --part validation --workers 2",
    "python benchmarks/run.py --part test --workers 2",
    "python benchmarks/render.py",
)


def title(results):
    """Return the heading of README.md and of the page."""
    return f"{results.data.title}: kernel networks, scattering and CNNs by training size"


def sources(results):
    """Return the source of each method whose figures papers report."""
    return {p.method: p.source for p in published(results.data.name)}


def environment(results):
    """Return what the cells were made with: of each thing the versions there are, and in how many cells each."""
    found = {}
    for content in results.cells:
        for name, value in _flat(content["provenance"]):
            if value is not None:
                found.setdefault(name, {}).setdefault(str(value), []).append(content)
    return {
        name: ", ".join(v if len(values) == 1 else f"{v} ({len(cells)} cells)" for v, cells in sorted(values.items()))
        for name, values in found.items()
    }


def _flat(provenance):
    for name, value in provenance.items():
        yield from value.items() if isinstance(value, dict) else [(name, value)]


def settings(results):
    """Return the settings of each row as its cells have them, of the first draw of its largest training set."""
    found = {}
    for content in sorted(results.cells, key=lambda c: (c["cell"]["train_size"], -c["cell"]["seed"])):
        found[content["cell"]["model"]] = json.dumps(content["identity"]["model"], sort_keys=True)
    return {results.label(m): found[m] for m in results.models if m in found}


def write_readme(results, figures):
    """Write README.md of the folder."""
    parts = [
        f"# {title(results)}",
        "Written by benchmarks/render.py from the cells beside it.",
        f"{verdict(results)} {separated(results)}",
        markdown(error_table(results)),
        "## Protocol",
        "\n".join(f"- {item}" for item in protocol(results)),
        "## Differences",
        markdown(difference_table(results)),
        "## Validation",
        markdown(validation_table(results)),
        "## Stability and cost",
        markdown(cost_table(results)),
        "## Figures",
        *(f"![{words.alt}]({path.name})\n\n{words.text}" for path, words in figures),
        "## Rows",
        "\n".join(
            f"- **{results.label(m)}** (`{m}`): {row.representation.source}" for m, row in results.models.items()
        ),
        "## Published figures",
        "\n".join(f"- {method}: {source}." for method, source in sources(results).items()),
        "## Again",
        "```sh\n" + "\n".join(AGAIN) + "\n```",
        "Made with: " + "; ".join(f"{name} {value}" for name, value in environment(results).items()) + ".",
    ]
    write_atomically(results.folder / "README.md", "\n\n".join(parts) + "\n")


def write_page(results, figures):
    """Write report.html of the folder, with the template of `kernelconv compare`."""
    tables = (error_table, difference_table, validation_table, cost_table)
    fill_page(
        results.folder / "report.html",
        title=title(results),
        lead=f"<p>{escape(f'{verdict(results)} {separated(results)}')}</p>",
        table="\n".join(html(make(results)) for make in tables),
        figures=figures,
        protocol=protocol(results),
        models=definitions(settings(results), code=True) + definitions(sources(results)),
        environment=environment(results),
        command=" && ".join(AGAIN),
    )


def with_table(readme, results):
    """Return the text of the project's README with today's table between its two marks."""
    note = (
        f"{verdict(results)} Every row, differences with their intervals, validation errors, protocol, stability and "
        "cost: [benchmarks/results/mnist](benchmarks/results/mnist)."
    )
    table = markdown(error_table(results, results.leaders()))
    return BLOCK.sub(lambda m: f"{m[1]}\n{table}\n\n{note}\n{m[2]}", readme)
