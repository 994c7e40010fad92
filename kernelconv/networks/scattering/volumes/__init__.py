"""Wavelet scattering of volumes: its definition, and the estimator."""
