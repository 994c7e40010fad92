"""The search for the field of a family that changes a representation most: random fields, evolution, gradient."""
