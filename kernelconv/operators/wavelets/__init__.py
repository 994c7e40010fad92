"""P of scattering: Morlet wavelets, their banks, the wavelet transform."""
