"""Write the map of the code, docs/extending/map.md, from the docstrings of its folders and modules.

python docs/code_map.py
python docs/code_map.py --check      (change nothing; fail where the page differs)
"""

import argparse
import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "kernelconv"
PAGE = ROOT / "docs" / "extending" / "map.md"
BLOCK = re.compile(r"(<!-- map: .*? -->\n).*?(<!-- end of map -->)", re.DOTALL)

#: The order in which the packages are read; what is not named here follows, by name, engines last.
READING = ("operators", "patches", "wavelets", "mappings", "pooling", "learned", "networks", "scattering", "kernel")
READING += ("cnn", "training", "streams", "deformations", "stability", "datasets", "studies", "report")

#: What has no docstring of its own.
BESIDE = {
    "tests/": "`registry.py` lists tiny operators, `test_laws.py` runs every law on them, `reference.py` naive loops",
    "examples/": "a gallery, one idea a file, with its pictures",
    "benchmarks/": "the research comparison, timing against peers, committed results",
    "docs/": "the pages of the documentation; `build.py` builds the site, `code_map.py` writes this map",
}


def rank(path):
    """Return what folders and modules are sorted by: folders in reading order, then modules, the private ones last."""
    known = READING.index(path.name) if path.name in READING else len(READING)
    return (not path.is_dir(), path.name.startswith("_"), path.name == "fast", known, path.name)


def folders(folder):
    """Yield the packages in a folder, each before those inside it."""
    for path in sorted((p for p in folder.iterdir() if (p / "__init__.py").exists()), key=rank):
        yield path
        yield from folders(path)


def modules(folder):
    """Return the modules of a folder, those that are read first."""
    return sorted((p for p in folder.glob("*.py") if not p.name.startswith("__") and p.name != "_version.py"), key=rank)


def headline(path):
    """Return the first line of a module's docstring as a table cell."""
    line = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))).splitlines()[0]
    return line.removesuffix(".").replace("``", "`").replace("|", r"\|")


def code_map():
    """Return the table as Markdown: folders with their modules, then the modules beside the folders."""
    lines = ["", "| folder or module | what is there | its modules |", "|---|---|---|"]
    for folder in folders(PACKAGE):
        names = " ".join(f"`{path.stem}`" for path in modules(folder))
        lines.append(f"| `{folder.relative_to(ROOT)}/` | {headline(folder / '__init__.py')} | {names} |")
    lines += [f"| `{path.relative_to(ROOT)}` | {headline(path)} | |" for path in modules(PACKAGE)]
    lines += [f"| `{folder}` | {text} | |" for folder, text in BESIDE.items()]
    return "\n".join([*lines, ""])


def with_map(text):
    """Return the page's text with the map of today's code."""
    return BLOCK.sub(lambda m: m[1] + code_map() + m[2], text)


def main():
    """Write the page, or check it."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--check", action="store_true", help="change nothing; fail where the page differs")
    check, before = options.parse_args().check, PAGE.read_text(encoding="utf-8")
    after = with_map(before)
    if check and after != before:
        raise SystemExit(f"{PAGE.name} differs from the code: run python docs/code_map.py")
    if not check:
        PAGE.write_text(after, encoding="utf-8")


if __name__ == "__main__":
    main()
