"""Every public name, and the targets that stand for it."""

import inspect
from collections.abc import Iterator
from typing import Any

import kernelconv
from fuzzing.targets import TARGETS
from kernelconv import datasets, deformations, networks, operators, stability, streams

PACKAGES = (kernelconv, operators, networks, streams, deformations, stability, datasets)

_ABSTRACT = "abstract: its subclasses are called"
_FOUND = "what functions return, which check what they put into it"
_WORKERS = "given to in_order, which has tests of its own: another process for every odd call"
_NO_ARGUMENT = "takes no argument"
#: Names that no target stands for, and why.
LEFT_OUT = {
    "__version__": "a string",
    "TRUSTED_TYPES": "a tuple of strings",
    "HAND_MADE": "a table of arrays",
    "CORRUPTIONS": "a table of what corrupt does, by the names that it takes",
    "DataError": "an exception",
    "scattering_tree": "takes a geometry, which ScatteringTransform makes of checked sizes",
    **dict.fromkeys(("Part", "DotProductKernel", "Deformation", "LinearDeformation", "DisplacementField"), _ABSTRACT),
    "StrongestPatches": _FOUND,
    **dict.fromkeys(("Recommendation", "StabilityRow", "WorstCase", "Observations", "PixelGraph", "Inversion"), _FOUND),
    **dict.fromkeys(("Certificate", "ChangeCertificate", "SmallestFlip"), _FOUND),
    **dict.fromkeys(("load_digits_images", "data_folder", "registered_datasets"), _NO_ARGUMENT),
}
#: Parameters that are not made odd, and why.
UNTRIED = {
    ("Dataset", "load"): "called by load_split alone, which checks what it returns",
    ("Dataset", "notice"): "called by the command line alone",
    ("Dataset", "folders"): "called by the command line alone",
    ("Network", "parts"): "given by serial",
    ("Network", "names"): "given by serial",
    ("StabilityReport", "rows"): "given by from_dict",
    ("StabilityReport", "summaries"): "given by from_dict",
    ("StabilityBound", "*"): "given by fit_bound",
    ("Architecture", "layers"): "given by Architecture.of",
    ("Split", "name"): "printed, nothing else",
    ("sample_patches", "rng"): "a generator, which the caller makes",
    ("invert", "representation"): "tried as phi of worst_case; without a gradient it is refused",
    ("strongest_patches", "network"): "a network, which the caller builds",
    ("preset", "options"): "keyword arguments of the architecture, which checks them",
    ("serial", "parts"): "tried as first and second",
    **{(name, k): _WORKERS for name in ("transform_store", "fit_stream", "ImageChunks") for k in ("workers", "client")},
    ("transform_store", "estimator"): "anything with a transform",
    ("transform_signal", "scattering"): "a Scattering1D, whose parameters are tried themselves",
    ("fit_stream", "pipeline"): "a Pipeline of estimators that are tried themselves",
    ("measure_worst_case", "options"): "those of worst_case",
    ("measure_layers", "network"): "anything with a trace",
    ("measure_corruptions", "y"): "tried as the labels of measure_stability",
    ("measure_corruptions", "head"): "tried as the head of measure_stability",
    ("compare_stability", "phis"): "tried as phi",
    ("observe", "architecture"): "tried in fit_bound",
    ("bootstrap_difference", "over_first"): "tried as over of bootstrap_interval",
    ("bootstrap_difference", "over_second"): "tried as over of bootstrap_interval",
}


def public_names() -> dict[str, Any]:
    """Return every public object by its name."""
    return {name: getattr(package, name) for package in PACKAGES for name in package.__all__}


def stands_for(name: str) -> Iterator[Any]:
    """Yield the targets that stand for a public name."""
    for target in TARGETS:
        if target.name.partition(":")[0].rpartition(".")[2] == name:
            yield target


def untried(name: str, thing: Any) -> list[str]:
    """Return the parameters of a public name that no target makes odd, though nothing says why."""
    if (name, "*") in UNTRIED:
        return []
    tried = {argument for target in stands_for(name) for argument in (*target.inputs, *target.kinds)}
    return [p for p in inspect.signature(thing).parameters if p not in tried and (name, p) not in UNTRIED]
