"""A Sphinx extension: what docstrings and examples hold that reStructuredText would read otherwise.

Bars are norms, |x|, where it reads substitutions; the labels of scikit-learn's pages, in inherited docstrings, are not
here.
"""

import re

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


def setup(app):
    """Join the build."""
    app.connect("autodoc-process-docstring", of_docstring, priority=900)
    app.connect("source-read", of_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
