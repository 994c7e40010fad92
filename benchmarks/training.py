"""How long networks are trained by training size, ours and a rival's alike, so that the same work is compared."""

#: Epochs: about 20,000 images are seen at 300 and 600,000 at 60,000.
EPOCHS = {300: 60, 1000: 40, 2000: 30, 5000: 20, 10_000: 15, 20_000: 12, 40_000: 10, 60_000: 10}


def settings(size: int) -> dict:
    """Return epochs, batch size, learning rate, its schedule and weight decay for a training size.

    >>> settings(300)["epochs"], settings(45_000)["epochs"]
    (60, 10)
    """
    epochs = next((e for s, e in EPOCHS.items() if size <= s), 10)
    return {
        "epochs": epochs,
        "batch_size": 32 if size < 10_000 else 128,
        "learning_rate": 2e-3,
        "schedule": "one_cycle",
        "weight_decay": 0.05,
    }
