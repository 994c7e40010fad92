"""Wavelet scattering: its definition as a tree of parts, and the estimators."""
