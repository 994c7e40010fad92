"""The API reference: a page per public module, whose tables follow `__all__`, and its comments, of the package."""

import ast
import importlib
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "kernelconv"
#: Public modules in reading order. What the top level names is documented there; a module's page links to it.
PACKAGES = (
    *("", "operators", "networks", "streams", "deformations", "stability", "datasets", "report", "torch", "jax"),
    "testing",
)


def sections(source):
    """Return [(title, names)] of the `__all__` of a module, where comments begin sections."""
    body = ast.parse(source).body
    lists = [n.value for n in body if isinstance(n, ast.Assign) and n.targets[0].id == "__all__"]
    lines, title, result = source.splitlines(), "", []
    for number in range(lists[0].lineno, lists[0].end_lineno + 1):
        line = lines[number - 1].strip()
        title = line.lstrip("# ") if line.startswith("#") else title
        names = [value.value for value in lists[0].elts if value.lineno == number]
        if names and (not result or result[-1][0] != title):
            result.append((title, []))
        if names:
            result[-1][1].extend(names)
    return result


def page(package, top):
    """Return the page of a public module in reStructuredText."""
    name = f"kernelconv.{package}" if package else "kernelconv"
    path = PACKAGE / package / "__init__.py"
    source = path.read_text(encoding="utf-8")
    summary = ast.get_docstring(ast.parse(source)).split("\n\n")[0].replace("\n", " ")
    lines = [name, "=" * len(name), "", f".. py:module:: {name}", "", f".. currentmodule:: {name}", "", "|summary|", ""]
    lines[lines.index("|summary|")] = summary
    for title, names in sections(source):
        names = [each for each in names if each not in ("__version__", "CORRUPTIONS", "HAND_MADE", "TRUSTED_TYPES")]
        elsewhere = [each for each in names if package and each in top]
        own = [each for each in names if each not in elsewhere]
        lines += [title, "-" * len(title), ""] if title and names else []
        for toctree, members in (("generated", own), (None, [f"~kernelconv.{each}" for each in elsewhere])):
            if members:
                lines += [".. autosummary::", *([f"   :toctree: {toctree}"] if toctree else []), ""]
                lines += [*(f"   {each}" for each in members), ""]
    return "\n".join(lines)


def write(folder):
    """Write the page of every public module, and the list of them, into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    top = set(importlib.import_module("kernelconv").__all__)
    for package in PACKAGES:
        text = page(package, top)
        file = folder / f"{package or 'kernelconv'}.rst"
        if not file.exists() or file.read_text(encoding="utf-8") != text:  # Sphinx reads again what has changed
            file.write_text(text, encoding="utf-8")
    listed = "\n".join(f"   {package or 'kernelconv'}" for package in PACKAGES)
    text = f"API reference\n=============\n\n.. toctree::\n   :maxdepth: 1\n\n{listed}\n"
    (folder / "index.rst").write_text(text, encoding="utf-8")
