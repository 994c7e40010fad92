"""Guarantees for every field of a family up to a size, from a majority or a median over a cloud of fields."""
