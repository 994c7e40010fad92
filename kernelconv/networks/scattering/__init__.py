"""Wavelet scattering: its definition as a tree of parts, and the estimators."""

from kernelconv.networks.scattering.fast.engines import ENGINES
from kernelconv.operators.fast.choice import name_engines

name_engines(ENGINES)
