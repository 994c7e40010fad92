"""Imports point one way, and none of them needs what only some users have."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import kernelconv

ROOT = Path(kernelconv.__file__).parent
LEAVES = {"_arrays", "_check", "_files", "_parallel", "_version"}
#: what the modules of each part of the house may import of the rest of it
ALLOWED = {
    **{leaf: set() for leaf in LEAVES},
    "_arrays": {"_check"},
    "operators": LEAVES,
    "networks": LEAVES | {"operators"},
    "deformations": LEAVES,
    "stability": LEAVES | {"deformations"},
    "datasets": LEAVES,
    "testing": LEAVES | {"operators"},
}
OPTIONAL = {"matplotlib", "PIL", "torch", "pandas", "rich", "kymatio"}


def imported(path):
    """Every name of the package that a file imports, anywhere in it, as the path below kernelconv."""
    for node in ast.walk(ast.parse(path.read_text())):
        modules = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative import"
            modules = [f"{node.module}.{a.name}" for a in node.names]
        yield from (m.removeprefix("kernelconv.") for m in modules if m.startswith("kernelconv."))


FILES = {str(p.relative_to(ROOT)): p for p in ROOT.rglob("*.py")}
RULED = [name for name in FILES if name.split("/")[0].removesuffix(".py") in ALLOWED]


@pytest.mark.parametrize("name", RULED)
def test_imports_point_one_way(name):
    house = name.split("/")[0].removesuffix(".py")
    allowed = ALLOWED[house] | {house} | ({"deformations"} if name == "networks/training/augmentation.py" else set())
    assert {m.split(".")[0] for m in imported(FILES[name])} <= allowed


def test_only_the_command_line_imports_the_comparison():
    for name, path in FILES.items():
        if name.split("/")[0].removesuffix(".py") not in ("comparison", "study", "rivals", "report", "cli", "__main__"):
            assert not {m.split(".")[0] for m in imported(path)} & {"comparison", "report", "cli"}, name


def test_the_rules_are_about_something():
    assert len(RULED) > 25
    assert {"operators", "_check"} <= {m.split(".")[0] for m in imported(FILES["networks/cnn/classifier.py"])}


def test_no_module_needs_an_optional_library_to_be_imported():
    """Only kymatio's adapter imports one at its top, and only those who ask for that engine import the adapter."""
    for name, path in FILES.items():
        if name in RULED and name != "networks/scattering/kymatio.py":
            top = [n for n in ast.parse(path.read_text()).body if isinstance(n, ast.Import | ast.ImportFrom)]
            names = {a.name for n in top for a in n.names} | {getattr(n, "module", "") or "" for n in top}
            assert not {n.split(".")[0] for n in names} & OPTIONAL, name
            assert "kernelconv.networks.scattering.kymatio" not in names, name


WITHOUT_THEM = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name in {optional}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing())
import {modules}
assert not set(sys.modules) & set({optional})
print("ok")
"""


def test_the_package_is_imported_without_optional_libraries():
    """In a fresh interpreter that cannot find them (scikit-learn imports some of them where it can)."""
    modules = [n.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for n in RULED]
    wanted = ["kernelconv", *(f"kernelconv.{m}" for m in modules if m != "networks.scattering.kymatio")]
    code = WITHOUT_THEM.format(optional=sorted(OPTIONAL), modules=", ".join(wanted))
    run = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(run, capture_output=True, text=True, check=False, cwd=ROOT.parent)
    assert done.stdout == "ok\n", done.stderr
