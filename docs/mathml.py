"""A Sphinx extension: formulas as MathML, which browsers draw by themselves, without a script from elsewhere.

What the converter cannot read it leaves as it was, with a backslash or an ampersand in it: the build fails on that.
"""

import html
import re

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.util import logging

#: A command, or an alignment, that was not understood.
UNREAD = re.compile(r"\\[A-Za-z]+|<m\w+>&(?:amp;)?</m\w+>")


def mathml(node, display):
    """Return the formula of a node as MathML; warn of what was not understood."""
    text = node.astext()
    aligned = r"\\" in text and r"\begin" not in text  # lines of their own, as LaTeX's display has them
    lines = rf"\begin{{align*}}{text}\end{{align*}}" if aligned else text
    try:
        known = lines.replace(r"\arg", r"\operatorname{arg}").replace("{aligned}", "{align*}")
        found = convert(known, display=display)
        unread = UNREAD.findall(html.unescape(re.sub(r"<annotation.*?</annotation>", "", found)))
    except Exception as error:  # the converter has an exception a mistake
        found, unread = "", [type(error).__name__]
    if unread:
        logging.getLogger(__name__).warning("cannot read %s in %s", ", ".join(unread), text, location=node)
    return found


def inline(self, node):
    """Write a formula within a line."""
    self.body.append(mathml(node, "inline"))
    raise nodes.SkipNode


def block(self, node):
    """Write a formula on lines of its own."""
    self.body.append(f'<div class="math">{mathml(node, "block")}</div>')
    raise nodes.SkipNode


def setup(app):
    """Join the build."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
