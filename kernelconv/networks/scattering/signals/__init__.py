"""Wavelet scattering of signals, in time and along log-frequency: geometry, parts, and the estimators."""
