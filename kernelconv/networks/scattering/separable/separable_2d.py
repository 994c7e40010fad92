"""Scattering by short separable wavelets as a scikit-learn transformer."""
