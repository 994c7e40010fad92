"""A Sphinx extension: what docstrings and examples hold that reStructuredText would read otherwise.

Bars are norms, |x|, where it reads substitutions; the labels of scikit-learn's pages, in inherited docstrings, are not
here.
"""

import functools
import re

from jinja2 import Environment, PackageLoader
from numpydoc.docscrape_sphinx import SphinxDocString

#: What bars are left alone in: literals, formulas, roles.
KEPT = re.compile(r"(``.+?``|:\w+:`.+?`)", re.DOTALL)
#: Paragraphs that are no text: directives, prompts, tables.
NO_TEXT = re.compile(r"\s*(\.\. |>>>|\+-|==)")


def escaped(text):
    """Return a text in reStructuredText whose bars stand for themselves."""
    result, inside = [], None  # inside: how deep the directive is indented, whose block is left as it is
    for paragraph in re.split(r"(\n\s*\n)", text):
        lines = [line for line in paragraph.splitlines() if line.strip()]
        depth = min((len(line) - len(line.lstrip()) for line in lines), default=None)
        if depth is not None and inside is not None and depth <= inside:
            inside = None
        if inside is None and lines and NO_TEXT.match(paragraph):
            inside = depth if paragraph.lstrip().startswith(".. ") else None
        elif inside is None and "|" in paragraph:
            parts = KEPT.split(paragraph)
            parts[::2] = [re.sub(r"(?<!\\)\|", r"\\|", part) for part in parts[::2]]
            paragraph = "".join(parts)
        if inside is None and paragraph.rstrip().endswith("::"):
            inside = depth
        result.append(paragraph)
    return "".join(result)


def of_docstring(app, what, name, obj, options, lines):
    """Escape the bars of a docstring; of links to labels, keep the words."""
    text = re.sub(r":ref:`([^`<]+?)\s*<[^`>]+>`", r"\1", "\n".join(lines))
    lines[:] = escaped(text).split("\n")


def of_page(app, name, source):
    """Escape the bars of a page of the gallery."""
    if name.startswith("gallery/"):
        source[0] = escaped(source[0])


def skipped(app, what, name, obj, skip, options):
    """Leave out what scikit-learn writes into every estimator: set_output, and the requests of metadata routing."""
    theirs = (getattr(obj, "__module__", None) or "").startswith("sklearn.")
    return True if theirs or re.fullmatch(r"set_\w+_request", name) else None


@functools.cache
def template():
    """Return numpydoc's own template, compiled once: it would compile it for every docstring, a fifth of the build."""
    return Environment(loader=PackageLoader("numpydoc")).get_template("numpydoc_docstring.rst")


def setup(app):
    """Join the build."""
    load_config = SphinxDocString.load_config
    SphinxDocString.load_config = lambda self, config: load_config(self, {"template": template(), **config})
    app.connect("autodoc-process-docstring", of_docstring, priority=900)
    app.connect("source-read", of_page)
    app.connect("autodoc-skip-member", skipped)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
