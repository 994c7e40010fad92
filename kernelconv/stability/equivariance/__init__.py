"""Errors of invariance of features and of equivariance of maps, for displacements and in the limit of small ones."""
