"""Synthetic samples with a known answer: the Ising lattice, trees of colours, a scale, a quadratic rule."""
