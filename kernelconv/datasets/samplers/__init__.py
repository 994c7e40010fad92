"""Samples of which the answer is known: the Ising lattice, trees of colours, a scale, a quadratic rule."""
