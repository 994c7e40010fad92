"""What readers open: README.md and report.html of the folder, and the table in the project's README."""

import json
import re

from kernelconv._files import write_atomically
from kernelconv._version import __version__
from kernelconv.report.page import Page, definitions, save_page
from kernelconv.report.published import published, sources
from kernelconv.report.table import markdown
from rendering.sentences import protocol, separated, unfinished, verdict
from rendering.tables import cost_table, difference_table, error_table, in_parts, validation_table

BLOCK = r"(<!-- comparison: [^>]*/{name} -->\n).*?(<!-- end of comparison -->)"


def again(results):
    """Return the commands that make the cells, the tables and the page."""
    run = f"python benchmarks/run.py --data {results.data.name}"
    return [f"{run} --part {part} --workers 2" for part in ("validation", "test")] + ["python benchmarks/render.py"]


def title(results):
    """Return the heading of README.md and of the page."""
    return f"{results.data.title}: kernel networks, scattering and CNNs by training size"


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


def costs(results):
    """Return the table of stability and cost, once there are test cells."""
    return [cost_table(results)] if results.parts["test"] else []


def write_readme(results, figures):
    """Write README.md of the folder."""
    parts = [
        f"# {title(results)}",
        "Written by benchmarks/render.py from the cells beside it.",
        "\n\n".join(filter(None, [unfinished(results), verdict(results), separated(results)])),
        *map(markdown, in_parts(error_table, results)),
        "## Protocol",
        "\n".join(f"- {item}" for item in protocol(results)),
        "## Differences",
        markdown(difference_table(results)),
        "## Validation",
        *map(markdown, in_parts(validation_table, results)),
        "## Stability and cost",
        *map(markdown, costs(results)),
        "## Figures",
        *(f"![{words.alt}]({path.name})\n\n{words.text}" for path, words in figures),
        "## Rows",
        "\n".join(
            f"- **{results.label(m)}** (`{m}`): {row.representation.source}" for m, row in results.models.items()
        ),
        "## Published figures",
        "\n".join(f"- {method}: {source}." for method, source in sources(published(results.data.name)).items()),
        "## Again",
        "```sh\n" + "\n".join(again(results)) + "\n```",
        "Made with: " + "; ".join(f"{name} {value}" for name, value in environment(results).items()) + ".",
    ]
    write_atomically(results.folder / "README.md", "\n\n".join(parts) + "\n")


def write_page(results, figures):
    """Write report.html of the folder: the page of `kernelconv compare`, with these tables."""
    page = Page(
        title=title(results),
        lead=[*filter(None, [verdict(results), separated(results)])],
        warning=unfinished(results),
        tables=[*in_parts(error_table, results), difference_table(results)],
        figures=figures,
        further=[*in_parts(validation_table, results), *costs(results)],
        protocol=protocol(results),
        models=[
            definitions("Rows", {results.label(m): row.representation.source for m, row in results.models.items()}),
            definitions("Settings, as the cells of the largest training set of each row have them", settings(results)),
            definitions("Published figures", sources(published(results.data.name))),
        ],
        environment=[definitions("What the cells were made with", environment(results))],
        command="\n".join(again(results)),
        files="results.csv, beside this page, holds errors, measures and times of each cell; the cells the rest.",
        version=__version__,
    )
    save_page(page, results.folder / "report.html")


def with_table(readme, results):
    """Return the text of the project's README with today's table between the two marks of the data set."""
    more = (
        "Every row, differences with their intervals, validation errors, protocol, stability and cost: "
        f"[benchmarks/results/{results.data.name}](benchmarks/results/{results.data.name})."
    )
    note = " ".join(filter(None, [unfinished(results), verdict(results), more]))
    table = markdown(error_table(results, results.started("test") or None, models=results.leaders()))
    block = re.compile(BLOCK.format(name=results.data.name), re.DOTALL)
    return block.sub(lambda m: f"{m[1]}\n{table}\n\n{note}\n{m[2]}", readme)
