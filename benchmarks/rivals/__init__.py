"""Rivals of others, one file each: `RIVALS` are representations, as the registry of the library has them."""

import importlib
import pkgutil

from kernelconv.studies.models import Model, Representation, find_model
from kernelconv.studies.registry import HEADS, REPRESENTATIONS


def rivals() -> dict[str, Representation]:
    """Return the rivals by name."""
    modules = [importlib.import_module(f"{__name__}.{m.name}") for m in pkgutil.iter_modules(__path__)]
    return {r.name: r for module in modules for r in module.RIVALS}


def model(name: str, shape: tuple[int, ...] = (28, 28)) -> Model:
    """Return the model of a name, ours or a rival's, for images of a shape; raise ValueError as `find_model`."""
    return find_model(name, {**REPRESENTATIONS, **rivals()}, HEADS, shape=shape)
