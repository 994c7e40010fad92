"""How long networks are trained by training size, ours and a rival's alike, so that the same work is compared."""

#: Epochs: 60,000 images are seen at 300 and 600,000 at 60,000.
EPOCHS = {300: 200, 1000: 100, 2000: 60, 5000: 30, 10_000: 20, 20_000: 15, 40_000: 12, 60_000: 10}


def settings(size: int, learning_rate: float = 2e-3) -> dict:
    """Return epochs, batch size, learning rate, its schedule and weight decay for a training size.

    >>> settings(300)["epochs"], settings(45_000)["epochs"]
    (200, 10)
    """
    epochs = next((e for s, e in EPOCHS.items() if size <= s), 10)
    return {
        "epochs": epochs,
        "batch_size": 32 if size < 10_000 else 128,
        "learning_rate": learning_rate,
        "schedule": "one_cycle",
        "weight_decay": 0.05,
    }
