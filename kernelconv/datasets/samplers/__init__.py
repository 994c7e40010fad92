"""Samples of distributions of which the answer is known: the Ising lattice, a tree of colours, a quadratic rule."""
