"""The targets by package: calls of the public API with ordinary arguments, and how each argument is read."""

from fuzzing.targets import (
    command,
    datasets,
    deformations,
    estimators,
    functions,
    heads,
    inspection,
    measures,
    networks,
    parts,
    samplers,
    smoothing,
    stability,
    stores,
)

MODULES = (
    parts,
    functions,
    estimators,
    networks,
    inspection,
    heads,
    deformations,
    measures,
    stability,
    smoothing,
    datasets,
    samplers,
    stores,
    command,
)
TARGETS = [target for module in MODULES for target in module.TARGETS]
