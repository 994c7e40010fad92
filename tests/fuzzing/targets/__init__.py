"""The targets by room: calls of the public API with ordinary arguments, and how each argument is read."""

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
    stability,
    stores,
)

ROOMS = (
    parts,
    functions,
    estimators,
    networks,
    inspection,
    heads,
    deformations,
    measures,
    stability,
    datasets,
    samplers,
    stores,
    command,
)
TARGETS = [target for room in ROOMS for target in room.TARGETS]
