"""One file a representation or rival: its docstring is its citation, `RIVAL` says how it is built."""

import importlib
import pkgutil
from importlib.util import find_spec

from objective import Rival


def rivals() -> dict[str, Rival]:
    """Return every rival by its name, in the order of the table: by family, those of others last."""
    found = [importlib.import_module(f"{__name__}.{m.name}").RIVAL for m in pkgutil.iter_modules(__path__)]
    order = ("pixels", "scattering", "CKN", "both", "CNN", "others")
    return {r.name: r for r in sorted(found, key=lambda r: (order.index(r.family), r.augmented, r.name))}


def installed(rival: Rival) -> bool:
    """Say whether what a rival needs is there."""
    return rival.needs is None or find_spec(rival.needs) is not None
