"""Checkpoint: where a training stands between two epochs, in a file that only the same training goes on from.

The file is one `.npz`, read without pickle: the arrays, and a JSON text with the history and with all that decides the
training (data, settings, network). It ends with the SHA-256 of every byte before, as the comment of the archive.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._files import as_place, naming, write_atomically
from kernelconv._identity import described
from kernelconv._version import __version__
from kernelconv.networks.serial import Network

FORMAT = "kernelconv-training-1"
Record = dict[str, float]
_DIGITS = 64  # those of a SHA-256


@dataclass
class Run:
    """Where a training stands between two epochs."""

    network: Network
    memory: dict[str, Any]
    rng: np.random.Generator
    seed: int
    learning_rate: float
    history: list[Record] = field(default_factory=list)
    best: Network | None = None
    waited: int = 0  # epochs since the best


class Checkpoint:
    """The file of one training.

    Parameters
    ----------
    path : path
        Its name; the folder must be there.
    decisive : mapping
        All that decides the training, by name: arrays, numbers, words, networks, dataclasses, functions that have a
        name.

    Raises
    ------
    TypeError
        If `path` is no path.
    ValueError
        If its folder does not exist, it is no regular file, or a decisive value cannot be told from another one in a
        later run.
    """

    def __init__(self, path: str | Path, decisive: Mapping[str, Any]) -> None:
        self.path = as_place(path, "checkpoint")
        self.identity = {"kernelconv": __version__}
        for name, value in decisive.items():
            try:
                self.identity[name] = described(value)
            except TypeError:
                raise ValueError(
                    f"A checkpoint goes on with the same {name} alone, and {value!r} cannot be told from another one "
                    "in a later run: give a function or a class of a module, a dataclass, or no checkpoint."
                ) from None

    def keep(self, run: Run) -> None:
        """Write where `run` stands, in place of what was there, whole or not at all."""
        best = run.best is not None
        text = {"format": FORMAT, "identity": self.identity, "history": run.history, "waited": run.waited}
        text |= {"count": run.memory["count"], "best": best}
        arrays = _arrays_of(run.network, run.memory, best=run.best)
        buffer = io.BytesIO()
        np.savez(buffer, training=np.frombuffer(json.dumps(text).encode(), np.uint8), **arrays)  # type: ignore[arg-type]
        with zipfile.ZipFile(buffer, "a") as archive:
            archive.comment = bytes(_DIGITS)
        body = buffer.getvalue()[:-_DIGITS]
        write_atomically(self.path, body + hashlib.sha256(body).hexdigest().encode())

    def resume(self, run: Run) -> None:
        """Bring `run` from its start to where the file says that it stood; begin the file where there is none.

        Raises
        ------
        ValueError
            If the file is damaged, no checkpoint, or that of another training; it is left as it is.
        OSError
            If it cannot be read or written.
        """
        if not self.path.exists():
            self.keep(run)
            return
        with naming(self.path):
            data = self.path.read_bytes()
        text, arrays = self._read(data)
        if different := list(_differences(self.identity, text["identity"])):
            raise ValueError(
                f"{self.path} keeps another training than the one asked for: {'; '.join(_some(different))}. It is left "
                "as it is: delete it to train anew, or name another file. In a cross-validation or a grid search each "
                "fit is a training of its own: checkpoint=None there."
            )
        wanted = _arrays_of(run.network, run.memory, best=run.network if text["best"] else None)
        if _forms(wanted) != _forms(arrays):
            raise self._damaged("it lacks arrays, or has others")
        run.history, run.waited = text["history"], text["waited"]
        run.memory["count"] = text["count"]
        for moment, name in _moments(run.memory):
            run.memory[moment][name] = arrays[f"memory/{moment}/{name}"]
        run.best = _with_arrays(run.network, arrays, "best") if text["best"] else None
        run.network = _with_arrays(run.network, arrays, "network")

    def _read(self, data: bytes) -> tuple[dict[str, Any], dict[str, NDArray]]:
        """Return the text and the arrays; nothing of the file is looked at before its checksum is right."""
        body, checksum = data[:-_DIGITS], data[-_DIGITS:]
        if checksum != hashlib.sha256(body).hexdigest().encode():
            raise self._damaged("its checksum is not that of its content")
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                if sum(member.file_size for member in archive.infolist()) > len(data):
                    raise ValueError("it unpacks to more than its size")
            with np.load(io.BytesIO(data), allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            text = json.loads(arrays.pop("training").tobytes())
            found = text["format"]
            known = {key: text[key] for key in ("identity", "history", "waited", "count", "best")}
        except Exception as error:  # what was made to deceive fails in as many ways as zip, npy and JSON have
            raise self._damaged(f"{error}") from None
        if found != FORMAT:
            raise self._damaged(f"its format is {found!r}, not {FORMAT!r}")
        return known, arrays

    def _damaged(self, why: str) -> ValueError:
        return ValueError(
            f"{self.path} is no checkpoint of a training, or a damaged one: {why}. Delete it to train anew, or name "
            "another file."
        )


def _arrays_of(network: Network, memory: Mapping[str, Any], *, best: Network | None) -> dict[str, NDArray]:
    """Return every array of a run by its name in the file."""
    networks = {"network": network} | ({} if best is None else {"best": best})
    found = {f"memory/{moment}/{name}": memory[moment][name] for moment, name in _moments(memory)}
    for where, kept in networks.items():
        for kind in ("params", "state"):
            found |= {f"{where}/{kind}/{name}": value for name, value in getattr(kept, kind).items()}
    return found


def _moments(memory: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (moment, name of the param) of each array that an optimizer keeps."""
    return [(moment, name) for moment, values in memory.items() if isinstance(values, dict) for name in values]


def _with_arrays(network: Network, arrays: Mapping[str, NDArray], where: str) -> Network:
    """Return `network` with the params and the state that lie under `where` in the file."""
    params = {name: arrays[f"{where}/params/{name}"] for name in network.params}
    return network.replace(params, {name: arrays[f"{where}/state/{name}"] for name in network.state})


def _forms(arrays: Mapping[str, NDArray]) -> dict[str, Any]:
    """Return what the arrays of one training have in common; a step with float64 memory widens float32 params."""
    return {name: (values.shape, values.dtype.kind) for name, values in arrays.items()}


def _differences(asked: Any, found: Any, name: str = "") -> Iterator[str]:
    """Say of each value in which two descriptions differ what was asked for and what the file has."""
    if asked == found:
        return
    if isinstance(asked, dict) and isinstance(found, dict) and "sha256" not in asked:
        for key in {**asked, **found}:
            yield from _differences(asked.get(key), found.get(key), f"{name}.{key}" if name else key)
    elif isinstance(asked, list) and isinstance(found, list) and len(asked) == len(found):
        for i, pair in enumerate(zip(asked, found, strict=True)):
            yield from _differences(*pair, f"{name}[{i}]")
    else:
        yield f"{name}: {_words(asked)} asked for, {_words(found)} in the file"


def _some(words: list[str], most: int = 6) -> list[str]:
    return words if len(words) <= most else [*words[:most], f"{len(words) - most} more"]


def _words(value: Any) -> str:
    """Return a description in words: of an array its dtype, its shape and the start of its digest."""
    if isinstance(value, dict) and "sha256" in value:
        return f"{np.dtype(value['array'])} {tuple(value['shape'])} of SHA-256 {value['sha256'][:8]}"
    return repr(value)
