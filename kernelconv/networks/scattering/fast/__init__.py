"""The cascades that compute scattering on NumPy arrays."""
