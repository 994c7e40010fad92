"""Types of the public API: Any only where nothing else says it, and choices that documentation lists are Literal."""

import dataclasses
import functools
import importlib
import importlib.util
import inspect
import pkgutil
import re
import types
import typing
from collections.abc import Mapping, Sequence

import pytest
from numpy.typing import ArrayLike, DTypeLike, NDArray

import kernelconv
from kernelconv._types.parameters import Border
from kernelconv.networks.cnn.presets import ARCHITECTURES, Preset
from kernelconv.networks.kernel.layers import INPUTS, WINDOWS, Input, Pooling
from kernelconv.networks.training.losses import CLASS_LOSSES, TARGET_LOSSES, ClassLoss, TargetLoss
from kernelconv.operators.pooling.orbit import GROUPS, Group

WINDOWED = "PatchExtraction AveragePooling MaxPooling Convolution TransposedConvolution LocallyConnected".split()
_PAIR = "a field: it holds the int or the pair that is given, then the pair that it becomes, and has one annotation"
_RECORD = "a record as JSON holds it: values of several types by name"
_DRAWN = "matplotlib's: no module needs that library to be imported, not even for types"
#: Parameters that may be Any, by name or by place and name, with the reason.
ANY = {
    **dict.fromkeys(("dilation", "columns", "output_padding", "GaussianPooling() subsampling"), _PAIR),
    **{f"{part}() {name}": _PAIR for part in WINDOWED for name in ("size", "stride")},
    **dict.fromkeys(("Pad() rows", "Crop() rows", "ScatteringTransform1D() Q"), _PAIR),
    "KernelMapping() kernel": "a field: it holds a kernel or its name, then the kernel, and has one annotation",
    "ImageEstimator.set_params params": "scikit-learn's: values of any parameter",
    "Network.set_params values": "scikit-learn's: values of any parameter",
    **dict.fromkeys(
        ("results", "card", "pictures", "examples", "worst", "write_figures images", "StabilityReport.from_dict data"),
        _RECORD,
    ),
    **{f"{chart} rows": _RECORD for chart in ("change", "curves", "learning_curves", "tradeoff")},
    **dict.fromkeys(("ax", "axes", "figure", "styles"), _DRAWN),
    "client": "Dask's: no module needs that library to be imported, not even for types",
}
LISTED = re.compile(r"^ *(\w+(?:, \w+)*) : .*?\{(.*?)\}", re.MULTILINE)


def public():
    """Yield (name, function, documentation) of every function, constructor and method in the packages' `__all__`."""
    names = [m.name for m in pkgutil.walk_packages(kernelconv.__path__, "kernelconv.")]
    without = importlib.util.find_spec("torch") is None  # the bridge's inner modules cannot be imported
    modules = [importlib.import_module(name) for name in names if not (without and ".torch." in name)]
    found = {}
    for package in [kernelconv, *modules]:
        for one in (getattr(package, name) for name in getattr(package, "__all__", [])):
            if inspect.isclass(one) and not issubclass(one, BaseException):
                found[f"{one.__qualname__}()"] = one, one.__doc__
                members = (getattr(v, "__func__", v) for k, v in inspect.getmembers_static(one) if k[0] != "_")
                found |= {f.__qualname__: (f, f.__doc__) for f in members if inspect.isfunction(f)}
            elif inspect.isfunction(one):
                found[one.__qualname__] = one, one.__doc__
    for name, (function, doc) in found.items():
        if function.__module__.startswith("kernelconv"):
            yield name, function, doc or ""


@functools.cache
def parameters(one):
    """Return the types of the parameters of a function or of a class's constructor by name, aliases resolved."""
    made = inspect.isclass(one) and not dataclasses.is_dataclass(one)
    hints = typing.get_type_hints(one.__init__ if made else one)
    return {name: hints[name] for name in inspect.signature(one).parameters if name in hints}


def has_any(kind):
    """Return whether a type is Any or a union or collection of it; NumPy's types and callables have their own."""
    if kind is typing.Any or kind in (DTypeLike, DTypeLike | None):
        return kind is typing.Any  # what NumPy's own types hold inside is NumPy's
    holds = typing.get_origin(kind) in (typing.Union, types.UnionType, tuple, list, dict, Sequence, Mapping)
    return holds and any(map(has_any, typing.get_args(kind)))


def words(kind):
    """Return the strings that a type lists."""
    if typing.get_origin(kind) is typing.Literal:
        return {w for w in typing.get_args(kind) if isinstance(w, str)}
    return set().union(*map(words, typing.get_args(kind)))


CASES = {name: (function, doc) for name, function, doc in public()}


def test_any_is_for_what_is_written():
    found = {f"{name} {p}" for name, (f, _) in CASES.items() for p, kind in parameters(f).items() if has_any(kind)}
    assert not {one for one in found if one not in ANY and one.split()[1] not in ANY}
    assert ANY.keys() <= found | {one.split()[1] for one in found}
    assert sum(len(parameters(f)) for f, _ in CASES.values()) > 800


def test_listed_choices_are_literal():
    seen, wrong = 0, []
    for name, (function, doc) in CASES.items():
        kinds = parameters(function)
        for names, choices in LISTED.findall(doc):
            wanted = set(re.findall(r'"(\w[\w ]*)"', choices))
            for p in names.split(", "):
                if p in kinds and wanted:
                    seen += 1
                    if words(kinds[p]) != wanted:
                        wrong.append((name, p, sorted(wanted), sorted(words(kinds[p]))))
    assert not wrong
    assert seen > 30


@pytest.mark.parametrize(
    ("choices", "named"),
    [
        (Group, GROUPS),
        (Preset, ARCHITECTURES),
        (ClassLoss, CLASS_LOSSES),
        (TargetLoss, TARGET_LOSSES),
        (Input, ["auto", *INPUTS]),
        (Pooling, ["gaussian", *WINDOWS]),
    ],
)
def test_every_choice_is_looked_up_by_name(choices, named):
    assert list(typing.get_args(choices)) == list(named)


def test_a_type_that_holds_any_is_found():
    assert has_any(typing.Any | None)
    assert has_any(Mapping[str, typing.Any])
    assert not has_any(NDArray | ArrayLike)
    assert not has_any(DTypeLike)
    assert words(Border | int | None) == {"zero", "reflect", "symmetric", "circular"}
