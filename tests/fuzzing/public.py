"""Every public name, and the targets that stand for it."""

from fuzzing import of_cli, of_datasets, of_deformations, of_functions, of_networks, of_parts, of_stability

ROOMS = (of_parts, of_functions, of_networks, of_deformations, of_stability, of_datasets, of_cli)
TARGETS = [target for room in ROOMS for target in room.TARGETS]
