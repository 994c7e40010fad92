"""The file of one finished cell: its identity, record and provenance, and a checksum of all of these."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from kernelconv._files import write_atomically

FORMAT = "kernelconv-cell-1"
_FIELDS = {"format", "study", "cell", "identity", "record", "provenance", "sha256"}
_AGAIN = "Delete it, and the same command computes it again."


def digest(identity: Mapping[str, Any]) -> str:
    """Return the twelve hexadecimal digits by which a cell's file is found, from all that determines its result.

    Examples
    --------
    >>> digest({"seed": 0}), digest({"seed": 1})
    ('de7d7744ccd7', 'a4bbadc1c789')
    """
    return _sha256(identity)[:12]


def write_cell(path: Path, content: Mapping[str, Any]) -> None:
    """Write a cell completely or not at all: `content` has study, cell, identity, record and provenance.

    Raises
    ------
    ValueError
        If a number is NaN or infinite.
    OSError
        If the file cannot be written.
    """
    write_atomically(path, cell_text(content))


def cell_text(content: Mapping[str, Any]) -> str:
    """Return what the file of a cell holds; raise ValueError if a number is NaN or infinite."""
    whole = {"format": FORMAT, **content}
    try:
        text = json.dumps({**whole, "sha256": _sha256(whole)}, allow_nan=False)
    except ValueError:
        raise ValueError(f"{content['cell']} gave numbers that are not finite: nothing is written.") from None
    return text + "\n"


def read_cell(path: Path) -> dict[str, Any]:
    """Return the content of a cell's file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is empty, truncated, edited, holds NaN, or is no cell; the message names it and says what to do.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    if not text.strip():
        raise ValueError(f"{path} is empty. {_AGAIN}")
    try:
        found = json.loads(text, parse_constant=_refuse)
        sha256 = _sha256({k: v for k, v in found.items() if k != "sha256"}) if isinstance(found, dict) else ""
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged ({error}). {_AGAIN}") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT or set(found) != _FIELDS:
        raise ValueError(f"{path} is no cell of this version ({FORMAT}). Move it out of this folder.")
    if found.pop("sha256") != sha256:
        raise ValueError(f"{path} was edited or damaged: its checksum is not that of its content. {_AGAIN}")
    if not path.stem.endswith(f"-{digest(found['identity'])}"):
        raise ValueError(f"{path} has the name of another cell: it holds {found['cell']}. Move it out of this folder.")
    return found


def read_cells(folder: str | Path, study: str | None = None) -> list[dict[str, Any]]:
    """Return the content of every cell in ``folder/cells``, in the order of their names, each one verified.

    Whether a cell agrees with the current settings is not checked, so that committed results can always be shown.

    Raises
    ------
    ValueError
        As `read_cell`; or if two files hold the same cell (two versions of a model, say).
    """
    found: dict[str, tuple[Path, dict[str, Any]]] = {}
    for path in sorted((Path(folder) / "cells").glob("*.json")):
        content = read_cell(path)
        if study not in (None, content["study"]):
            continue
        key = json.dumps([content["study"], content["cell"]], sort_keys=True)
        if key in found:
            raise ValueError(
                f"{found[key][0]} and {path.name} are the same cell under different settings. Delete one of them."
            )
        found[key] = path, content
    return [content for _, content in found.values()]


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"it holds {constant}, which is no number")


def _sha256(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, allow_nan=False).encode()).hexdigest()
