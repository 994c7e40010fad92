"""Arrays in files that are opened, and not read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from kernelconv.streams.on_disk.rows import import_zarr


def opened_array(path: Path, name: str) -> Any:
    """Return the array of a zarr folder or an .npy file, its values not yet read; None where there is neither.

    Raises
    ------
    ValueError
        If an .npy file is damaged; the message calls it `name`.
    """
    if path.is_dir() and any((path / file).exists() for file in ("zarr.json", ".zarray")):
        return import_zarr().open_array(str(path.absolute()), mode="r")  # a worker may be elsewhere
    if path.suffix == ".npy" and path.is_file():
        try:
            return np.load(path, mmap_mode="r")
        except (ValueError, EOFError) as error:
            raise ValueError(f"{name}={str(path)!r} cannot be read as an .npy file: {error}") from None
    return None
