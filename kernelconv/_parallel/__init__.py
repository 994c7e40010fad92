"""Blocks of samples on threads, one BLAS thread each. A leaf of the import graph."""
