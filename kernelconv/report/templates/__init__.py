"""The HTML templates (Jinja2): every text that comes in is escaped."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape


def render(name: str, **values: Any) -> str:
    """Return the template `name` filled in with `values`."""
    return _environment().get_template(name).render(values)


@cache
def _environment() -> Environment:
    loader = PackageLoader("kernelconv.report", "templates")
    options: dict[str, Any] = {"autoescape": True, "undefined": StrictUndefined}
    environment = Environment(loader=loader, trim_blocks=True, lstrip_blocks=True, **options)
    environment.filters["prose"] = prose
    return environment


def prose(text: str) -> Markup:
    """Return `text` escaped, with the two subscripts of its formulas set as such.

    Examples
    --------
    >>> str(prose("‖∇τ‖∞ < 1"))
    '‖∇τ‖<sub>∞</sub> &lt; 1'
    """
    found = str(escape(text)).replace("L_τ x", "L<sub>τ</sub>x").replace("‖∞", "‖<sub>∞</sub>")
    return Markup(found)
