"""One self-contained HTML page of a comparison: no script, no link, figures inside."""

from __future__ import annotations

import base64
import os
import shlex
import struct
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from kernelconv._files import write_atomically
from kernelconv.report.captions import Caption, caption, error_bars
from kernelconv.report.summary import (
    Results,
    Row,
    binomial_error,
    cell_texts,
    change_at,
    compared_rows,
    count_cells,
    middle_strength,
    summary_rows,
)

_COLUMNS = {
    "n_features": "Features",
    "n_params": "Parameters",
    "fit_seconds": "Fit, s",
    "images_per_second": "Images/s",
}
_CSS_PIXELS = 0.5  # of the page per pixel of a figure: sharp on fine screens too


def write_page(results: Results, path: str | os.PathLike[str], figures: Sequence[str | os.PathLike[str]] = ()) -> None:
    """Write the report: what was measured, the table, the figures, the protocol and how to make it again.

    Parameters
    ----------
    results : dict
        What results.json holds, finished or not; of an unfinished comparison the page says how much is there.
    path : path-like
        The HTML file; it appears whole or not at all, and an existing one is replaced.
    figures : sequence of path-like
        PNG files of `write_figures`; they are copied into the page.

    Raises
    ------
    OSError
        If a figure cannot be read or the page cannot be written.
    ValueError
        As `summary_rows`; or if a figure is not one of those that `write_figures` makes.

    Notes
    -----
    Every text that comes from `results` is escaped. The page needs no script and nothing from outside, reads on a
    phone, in print, in light and in dark, and the same results give the same bytes.

    Examples
    --------
    >>> import os, tempfile
    >>> from pathlib import Path
    >>> from kernelconv.report import write_page
    >>> settings = {"data": "digits", "models": {"a < b": "SVC()"}, "train_sizes": [100], "seeds": [0],
    ...             "classes": ["0", "1"], "n_train_pool": 1198, "n_test": 599, "image_shape": [8, 8, 1],
    ...             "deformation": {"family": "Rotation()", "strengths": [0.2], "n_images": 200, "seed": 0}}
    >>> results = {"kernelconv": "0.1.0", "settings": settings, "environment": {}, "records": []}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "report.html")
    ...     write_page(results, path)
    ...     page = Path(path).read_text(encoding="utf-8")
    >>> "0 of 1 cells" in page, "a &lt; b" in page
    (True, True)
    """
    rows = summary_rows(results)
    settings = results["settings"]
    fill_page(
        Path(path),
        title=f"Image models compared on {settings['data']}",
        lead=_lead(results, rows),
        table=_table(results, rows) if rows else "<p>No cell is finished yet.</p>",
        figures=[(Path(figure), caption(Path(figure).stem, results, rows)) for figure in figures],
        protocol=_protocol(results, rows),
        models=definitions(settings["models"], code=True),
        environment={"kernelconv": results["kernelconv"], **results["environment"]},
        command=compare_command(settings),
    )


def fill_page(
    path: Path,
    *,
    title: str,
    lead: str,
    table: str,
    figures: Iterable[tuple[Path, Caption]],
    protocol: Iterable[str],
    models: str,
    environment: Mapping[str, Any],
    command: str,
) -> None:
    """Write page.html filled in; `lead`, `table` and `models` are HTML, all else is text."""
    template = Template(files("kernelconv.report").joinpath("page.html").read_text(encoding="utf-8"))
    page = template.substitute(
        version=escape(environment["kernelconv"]),
        title=escape(title),
        lead=lead,
        table=table,
        figures=_figures(figures),
        protocol="\n".join(f"<li>{prose(item)}</li>" for item in protocol),
        models=models,
        environment=definitions(environment),
        command=escape(command),
    )
    write_atomically(path, page)


def compare_command(settings: Mapping[str, Any]) -> str:
    """Return the command line of `kernelconv compare` that asks for these settings."""
    words = ["kernelconv", "compare", "--data", settings["data"], "--models", *settings["models"]]
    words += ["--train-sizes", *map(str, settings["train_sizes"]), "--seeds", str(len(settings["seeds"]))]
    return shlex.join(words)


def _lead(results: Results, rows: Sequence[Row]) -> str:
    settings = results["settings"]
    sizes = _join([f"{size:,}" for size in settings["train_sizes"]], "or")
    text = (
        f"Models compared: {_join(list(settings['models']), 'and')}, fitted on the same {sizes} training images of "
        f"{settings['data']} and tested on the same {settings['n_test']:,}. Measured are the share of test images they "
        "get wrong, how far their features move when the images are smoothly deformed, and what they cost. "
        f"{_headline(results, rows)}"
    )
    done, wanted = count_cells(results)
    unfinished = f"Not finished: {done} of {wanted} cells (model × training-set size × seed)."
    return f"<p>{escape(text.strip())}</p>" + (
        f'\n<p class="unfinished">{escape(unfinished)}</p>' if done < wanted else ""
    )


def _headline(results: Results, rows: Sequence[Row]) -> str:
    """Say in two sentences what came out, at the size that the figures show."""
    if not rows:
        return ""
    strength = middle_strength(results)
    rows = compared_rows(rows)
    lowest = [row for row in rows if row["best"]]
    still = min(rows, key=lambda row: change_at(row, strength)["mean"])
    return (
        f"With {rows[0]['train_size']:,} training images the lowest test error is {lowest[0]['error']:.2f} % "
        f"({_join([row['model'] for row in lowest], 'and')}); the features that move least are those of "
        f"{still['model']}, by {100 * change_at(still, strength)['mean']:.1f} % of their norm at Jacobian norm "
        f"{strength:g}."
    )


def _table(results: Results, rows: Sequence[Row]) -> str:
    strengths = results["settings"]["deformation"]["strengths"]
    texts = cell_texts(rows, results)
    n_columns = 3 + len(_COLUMNS) + len(strengths)
    bodies = []
    for size in dict.fromkeys(row["train_size"] for row in rows):
        lines = [_line(r, t, strengths) for r, t in zip(rows, texts, strict=True) if r["train_size"] == size]
        head = f'<tr><th scope="rowgroup" colspan="{n_columns}">{size:,} training images</th></tr>'
        bodies.append("<tbody>\n" + "\n".join([head, *lines]) + "\n</tbody>")
    note = (
        f"± is {error_bars(rows)}; the lowest mean error of each size is in bold. Features are what the classifier "
        "sees, parameters what is learned; times are medians over seeds. The relative change is the mean of "
        "‖Φ(L_τ x) − Φ(x)‖ / ‖Φ(x)‖ at the Jacobian norm above its column."
    )
    return (
        '<div class="scroll" role="region" aria-labelledby="results" tabindex="0">\n<table class="results">\n'
        + _table_head(strengths)
        + "\n"
        + "\n".join(bodies)
        + f'\n</table>\n</div>\n<p class="note">{prose(note)}</p>'
    )


def _table_head(strengths: Sequence[float]) -> str:
    plain = "".join(f'<th scope="col" rowspan="2">{escape(name)}</th>' for name in _COLUMNS.values())
    return (
        '<thead>\n<tr><th scope="col" class="name" rowspan="2">Model</th>'
        f'<th scope="col" colspan="2" rowspan="2">Test error, %</th>{plain}'
        f'<th scope="colgroup" colspan="{len(strengths)}"><span>Relative change at ‖∇τ‖<sub>∞</sub></span></th></tr>\n'
        "<tr>" + "".join(f'<th scope="col">{s:g}</th>' for s in strengths) + "</tr>\n</thead>"
    )


def _line(row: Row, text: Mapping[str, Any], strengths: Sequence[float]) -> str:
    strong = "<strong>{}</strong>" if row["best"] else "{}"
    note = f' <span class="note">({escape(text["note"])})</span>' if text["note"] else ""
    cells = [text[key] for key in _COLUMNS] + [text["relative_change"][s] for s in strengths]
    return (
        f'<tr><th scope="row">{strong.format(escape(text["model"]))}{note}</th><td>{strong.format(text["error"])}</td>'
        f'<td class="se">± {text["standard_error"]}</td>' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
    )


def _figures(figures: Iterable[tuple[Path, Caption]]) -> str:
    parts = [_figure_block(path, words) for path, words in figures]
    if not parts:
        return ""
    return '<section aria-labelledby="figures">\n<h2 id="figures">Figures</h2>\n' + "\n".join(parts) + "\n</section>"


def _figure_block(path: Path, words: Caption) -> str:
    """Return a PNG with its caption as HTML, the image inside."""
    png = path.read_bytes()
    width, height = (round(_CSS_PIXELS * size) for size in struct.unpack(">II", png[16:24]))
    data = base64.b64encode(png).decode("ascii")
    return (
        f"<h3>{escape(words.title)}</h3>\n<figure>\n"
        f'<img width="{width}" height="{height}" alt="{escape(words.alt)}" src="data:image/png;base64,{data}">\n'
        f"<figcaption>{prose(words.text)}</figcaption>\n</figure>"
    )


def _protocol(results: Results, rows: Sequence[Row]) -> list[str]:
    settings, deformation = results["settings"], results["settings"]["deformation"]
    shape = " × ".join(map(str, settings["image_shape"]))
    return [
        f"Data: {settings['data']}, images of {shape} (height × width × channels), {len(settings['classes'])} classes. "
        f"{settings['n_train_pool']:,} images to train from and {settings['n_test']:,} to test on, the same split for "
        "every model.",
        f"Runs: {_join([f'{size:,}' for size in settings['train_sizes']], 'or')} training images, seeds "
        f"{_join(list(map(str, settings['seeds'])), 'and')}. A seed chooses the training images, balanced over the "
        "classes and the same for every model, and starts the models' own randomness. Smaller sets are parts of larger "
        "ones.",
        "Nothing was tuned on the test images: the models' settings are fixed beforehand and written below, and what "
        "they choose by themselves they choose on their training images.",
        _error_note(settings, rows),
        f"Deformation: {deformation['family']}, L_τ x(u) = x(u − τ(u)), each field scaled to the exact Jacobian norm "
        f"‖∇τ‖∞ asked for ({', '.join(f'{s:g}' for s in deformation['strengths'])}; no unit), on "
        f"{deformation['n_images']:,} test images, one draw (seed {deformation['seed']}) for all models. Intervals are "
        "95 % bootstrap intervals over images.",
        "Times are wall-clock seconds on the machine below, one fit per cell; they depend on it and on its load.",
    ]


def _error_note(settings: Mapping[str, Any], rows: Sequence[Row]) -> str:
    if not rows:
        return "Standard error: over seeds; with one seed, of the test images."
    best = min(compared_rows(rows), key=lambda row: row["error"])
    sampling = 100 * binomial_error(best["error"] / 100, settings["n_test"])
    return (
        "Standard error: over seeds, the standard deviation (n − 1) over √n, which leaves out that the test images are "
        "a sample too; with one seed, √(e (1 − e) / n) over the n test images. For scale: the sampling error of a test "
        f"error of {best['error']:.2f} % on {settings['n_test']:,} images is {sampling:.2f} %."
    )


def definitions(items: Mapping[str, Any], *, code: bool = False) -> str:
    """Return a table of two columns: a name and what it stands for."""
    form = "<code>{}</code>" if code else "{}"
    texts = {name: "not installed" if value is None else str(value) for name, value in items.items()}
    lines = [
        f'<tr><th scope="row">{escape(name)}</th><td>{form.format(escape(text))}</td></tr>'
        for name, text in texts.items()
    ]
    return '<div class="scroll">\n<table class="text">\n<tbody>\n' + "\n".join(lines) + "\n</tbody>\n</table>\n</div>"


def prose(text: str) -> str:
    """Return `text` escaped, with the two subscripts of its formulas set as such."""
    return escape(text).replace("L_τ x", "L<sub>τ</sub>x").replace("‖∞", "‖<sub>∞</sub>")


def _join(words: Sequence[str], last: str) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"
