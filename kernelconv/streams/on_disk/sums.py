"""Sums of a stream in a file while they are made: one archive, whole at any moment, from which the same run goes on."""

from __future__ import annotations

import json
import time
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._files import as_place, naming, whole_file

FORMAT = "kernelconv-sums-1"
#: Writing the sums takes at most about one second of so many: they are as large as several Gram matrices.
SPARED = 20


@dataclass(frozen=True)
class Progress:
    """How far a stream has come.

    Attributes
    ----------
    chunks, images : int
        Added to the sums.
    digest : str
        Of all those chunks, each after the ones before it.
    """

    chunks: int = 0
    images: int = 0
    digest: str = ""


class SumsOnDisk:
    """The checkpoint of sums over a stream.

    Parameters
    ----------
    path : path or None
        Its name; None keeps nothing.
    decisive : mapping
        What decides the sums, as JSON, each by the words that name it in messages.

    Raises
    ------
    TypeError
        If `path` is no path.
    ValueError
        If its folder is not there, or it is no regular file.
    """

    def __init__(self, path: str | Path | None, decisive: Mapping[str, Any]) -> None:
        self.path = None if path is None else as_place(path, "checkpoint")
        self.decisive = json.loads(json.dumps(decisive))  # as it is read: tuples are lists
        self._kept, self._seconds, self._at = Progress(), 0.0, -float("inf")

    def resume(self, head: Any) -> Progress:
        """Bring `head` to where the file says that it stood; return how far that was.

        Raises
        ------
        ValueError
            If the file is damaged, none of these, or of other sums; it is left as it is.
        OSError
            If it cannot be read.
        """
        if self.path is None or not self.path.exists():
            return Progress()
        text, arrays = self._read(self.path)
        words = [name for name, value in self.decisive.items() if text["decisive"].get(name) != value]
        if words:
            raise ValueError(
                f"{self.path} holds sums of other {', '.join(words)} than asked for: call with the same again, name "
                "another checkpoint, or delete it."
            )
        try:
            head.load_state(arrays)
        except ValueError as error:
            raise self._damaged(error) from None
        self._kept = Progress(**text["progress"])
        return self._kept

    def keep(self, head: Any, progress: Progress, *, now: bool = False) -> None:
        """Write where `head` stands in place of what was there, whole or not at all; `now`, or when it is time."""
        due = time.monotonic() >= self._at + SPARED * self._seconds
        if self.path is None or progress == self._kept or not (due or now):
            return
        began = time.monotonic()
        text = {"format": FORMAT, "decisive": self.decisive, "progress": asdict(progress)}
        told = np.frombuffer(json.dumps(text).encode(), np.uint8)
        with whole_file(self.path) as part, open(part, "wb") as file:
            np.savez(file, stream=told, **head.state())
        self._kept, self._at = progress, time.monotonic()
        self._seconds = self._at - began

    def _read(self, path: Path) -> tuple[dict[str, Any], dict[str, NDArray]]:
        """Return the text and the arrays; zip keeps a checksum of each."""
        try:
            with naming(path), open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            text = json.loads(arrays.pop("stream").tobytes())
            if text["format"] != FORMAT:
                raise ValueError(f"its format is {text['format']!r}")
            return {"decisive": dict(text["decisive"]), "progress": text["progress"]}, arrays
        except OSError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile, RuntimeError) as error:
            raise self._damaged(error) from None

    def _damaged(self, error: Exception) -> ValueError:
        return ValueError(
            f"{self.path} is no checkpoint of fit_stream, or a damaged one ({error}): delete it to begin anew, or name "
            "another."
        )
