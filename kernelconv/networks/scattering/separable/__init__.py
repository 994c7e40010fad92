"""Scattering by short separable wavelets: its definition, and the estimator."""
