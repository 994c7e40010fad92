"""Classic CNNs."""
