"""The order of the package: who imports whom, who reads memory order, how large a file and a folder may be."""

import ast
import graphlib
import importlib
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import kernelconv

ROOT = Path(kernelconv.__file__).parent
LEAVES = {
    "_arrays",
    "_check",
    "_files",
    "_identity",
    "_interrupt",
    "_numbers",
    "_parallel",
    "_scales",
    "_tables",
    "_trusted",
    "_types",
    "_version",
}
BELOW_STUDIES = {"datasets", "deformations", "networks", "stability", "streams"}
#: what the modules of each part of the package may import of its rest; the longest name that fits a module rules it
ALLOWED = {
    **{leaf: set() for leaf in LEAVES},
    "_arrays": {"_check", "_numbers", "_types"},
    "_check": {"_numbers"},
    "_parallel": {"_check", "_types"},
    "_types/stored": {"_arrays", "_check", "_numbers"},
    "operators": LEAVES,
    "networks": LEAVES | {"operators"},
    "networks/training": LEAVES | {"operators", "networks", "deformations"},  # augmentation deforms
    "streams": LEAVES | {"operators", "networks", "datasets"},  # heads and stores of features that networks make
    "deformations": LEAVES,
    "stability": LEAVES | {"deformations"},  # it measures any callable
    "datasets": LEAVES,
    "testing": LEAVES | {"operators"},
    "studies": LEAVES | BELOW_STUDIES | {"operators"},
    "jax": LEAVES | {"operators", "networks"},
    "torch": LEAVES | {"operators", "networks"},
    "report": LEAVES,  # it reads what studies write
    "report/networks": LEAVES | {"operators", "networks"},  # it draws networks themselves
    "_arguments": LEAVES | {"datasets", "studies"},
    "cli": LEAVES | {"_arguments", "datasets", "report", "studies"},
    "__main__": {"cli"},
    "__init__": LEAVES | BELOW_STUDIES | {"operators"},
}
UPPER = {"report", "studies", "_arguments", "cli", "__main__", "__init__", "jax", "torch"}
OPTIONAL = {
    "matplotlib",
    "PIL",
    "torch",
    "jax",
    "pandas",
    "rich",
    "jinja2",
    "kymatio",
    "dask",
    "distributed",
    "zarr",
    "h5py",
    "onnx",
    "onnxruntime",
}
KYMATIO = "networks/scattering/kymatio.py"

FILES = {str(p.relative_to(ROOT)): p for p in sorted(ROOT.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in FILES.items()}
LOWER = [name for name in FILES if name.split("/")[0].removesuffix(".py") not in UPPER]


def imported(nodes):
    """Every name of the package that these nodes import, as the path below kernelconv."""
    for node in nodes:
        modules = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative import"
            modules = [f"{node.module}.{a.name}" for a in node.names]
        yield from (m.removeprefix("kernelconv.") for m in modules if m.startswith("kernelconv."))


def outside_functions(node):
    """Every node that runs at import, or would if TYPE_CHECKING were true."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from outside_functions(child)


# -- who imports whom -----------------------------------------------------------------------------------------------


def rule(name):
    """The entry of ALLOWED that rules a file."""
    fits = [part for part in ALLOWED if f"{name.removesuffix('.py')}/".startswith(f"{part}/")]
    return max(fits, key=len, default=None)


@pytest.mark.parametrize("name", FILES)
def test_imports_point_one_way(name):
    part = rule(name)
    assert part is not None, f"{name} is in no part that ALLOWED knows: say there what it may import"
    found = {m.split(".")[0] for m in imported(ast.walk(TREES[name]))} - {"__version__"}
    assert found <= ALLOWED[part] | {part.split("/")[0]}


def test_the_rules_are_about_something():
    assert {rule(name) for name in FILES} == set(ALLOWED)
    assert len(FILES) > 90
    found = imported(ast.walk(TREES["networks/cnn/estimator.py"]))
    assert {"operators", "_check"} <= {m.split(".")[0] for m in found}
    assert rule("networks/training/loop.py") == "networks/training"
    assert rule("networks/serial.py") == "networks"
    assert rule("surprise.py") is None


def module(path):
    """The module that `path`, the path below kernelconv of a module or of a name in one, is in."""
    while path:
        if f"{path.replace('.', '/')}.py" in FILES:
            return f"{path.replace('.', '/')}.py"
        if f"{path.replace('.', '/')}/__init__.py" in FILES:
            return f"{path.replace('.', '/')}/__init__.py"
        path = path.rpartition(".")[0]
    return "__init__.py"


def circle(graph):
    """The modules of one circle of a graph {module: modules it imports}; empty where there is none."""
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return []


def test_no_imports_run_in_a_circle_not_even_for_types():
    graph = {name: {module(m) for m in imported(outside_functions(tree))} - {name} for name, tree in TREES.items()}
    assert sum(map(len, graph.values())) > 200
    assert circle(graph) == []


def test_a_circle_would_be_found():
    types = ast.parse("if TYPE_CHECKING:\n    from kernelconv.operators.base import Part\n")
    assert [module(m) for m in imported(outside_functions(types))] == ["operators/base.py"]
    assert module("operators.Layer") == "operators/__init__.py"
    later = ast.parse("def f():\n    from kernelconv.operators.base import Part\n")
    assert list(imported(outside_functions(later))) == []
    assert set(circle({"a": {"b"}, "b": {"c"}, "c": {"b"}})) == {"b", "c"}


# -- what is needed to import -----------------------------------------------------------------------------------------


def test_no_module_needs_an_optional_library_to_be_imported():
    """Only kymatio's adapter imports one at its top, and only those who ask for that engine import the adapter."""
    for name in LOWER:
        if name != KYMATIO:
            top = [n for n in TREES[name].body if isinstance(n, ast.Import | ast.ImportFrom)]
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
    modules = [n.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for n in LOWER if n != KYMATIO]
    wanted = ["kernelconv", *(f"kernelconv.{m}" for m in modules)]
    code = WITHOUT_THEM.format(optional=sorted(OPTIONAL), modules=", ".join(wanted))
    run = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(run, capture_output=True, text=True, check=False, cwd=ROOT.parent)
    assert done.stdout == "ok\n", done.stderr


# -- who reads memory order -------------------------------------------------------------------------------------------

#: names of NumPy under which a program learns how an array lies in memory, or makes use of it
STRIDES = {"as_strided", "strides"}
FLAGS = {"c_contiguous", "f_contiguous", "contiguous", "forc", "fnc", "farray", "carray", "isfortran"}


def words(tree):
    """Attributes, imported names and strings: all the ways to spell what STRIDES and FLAGS name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.ImportFrom):
            yield from (a.name for a in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value.lower()


def test_only_fast_folders_read_memory_order():
    readers = {name: set(words(tree)) & (STRIDES | FLAGS) for name, tree in TREES.items()}
    assert {name: found for name, found in readers.items() if found and "/fast/" not in name} == {}


def test_only_layouts_reads_flags():
    readers = {name for name, tree in TREES.items() if set(words(tree)) & FLAGS}
    assert readers == {"operators/fast/layouts.py"}


@pytest.mark.parametrize(
    "line", ["x.flags.c_contiguous", 'x.flags["C_CONTIGUOUS"]', "np.isfortran(x)", "from numpy.lib import as_strided"]
)
def test_a_reader_of_memory_order_would_be_found(line):
    assert set(words(ast.parse(line))) & (STRIDES | FLAGS)
    assert not set(words(ast.parse("np.ascontiguousarray(x); x.flags.writeable; part.stride"))) & (STRIDES | FLAGS)


# -- how large --------------------------------------------------------------------------------------------------------

MOST_LINES, MOST_FILES = 300, 14


def test_files_are_short():
    assert {name for name, path in FILES.items() if len(path.read_text().splitlines()) > MOST_LINES} == set()


def test_folders_hold_about_a_dozen_files():
    of_folder = Counter(str(path.parent.relative_to(ROOT)) for path in FILES.values())
    assert {folder: n for folder, n in of_folder.items() if n > MOST_FILES} == {}
    assert max(of_folder.values()) > 5


def test_no_module_is_called_utils():
    assert not {name for name in FILES if "util" in name}


SCRIPTS = [p for folder in ("benchmarks", "examples") for p in sorted((ROOT.parent / folder).rglob("*.py"))]


@pytest.mark.skipif(not SCRIPTS, reason="no benchmarks beside the package")
def test_what_scripts_import_exists():
    """Most benchmarks are too long to be run by tests: at least their names are there."""
    missing = []
    for path in SCRIPTS:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "kernelconv":
                try:
                    found = importlib.import_module(node.module)
                except ImportError as error:  # of an optional library
                    missing += [str(error)] if (error.name or "").startswith("kernelconv") else []
                    continue
                missing += [f"{path.name}: {node.module}.{a.name}" for a in node.names if not hasattr(found, a.name)]
    assert not missing
