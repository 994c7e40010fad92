"""Training schedules by the number of images, the same for this library's networks and others."""

from __future__ import annotations

from typing import Any

#: Epochs by training images: 60,000 images are seen at 300 and 600,000 at 60,000.
EPOCHS = {300: 200, 1000: 100, 2000: 60, 5000: 30, 10_000: 20, 20_000: 15, 40_000: 12, 60_000: 10}


def epochs(size: int) -> int:
    """Return how many epochs a network is trained on `size` images, the same for this library's and others.

    Examples
    --------
    >>> epochs(300), epochs(45_000)
    (200, 10)
    """
    return next((e for s, e in EPOCHS.items() if size <= s), 10)


def schedule(size: int, learning_rate: float = 2e-3) -> dict[str, Any]:
    """Return epochs, batch size, learning rate, its schedule and weight decay for a training size."""
    batch = 32 if size < 10_000 else 128
    same = {"learning_rate": learning_rate, "schedule": "one_cycle", "weight_decay": 0.05}
    return {"epochs": epochs(size), "batch_size": batch, **same}
