"""A: average, max, Gaussian pooling, and pooling over a group."""
