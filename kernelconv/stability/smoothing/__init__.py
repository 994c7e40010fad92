"""Guarantees: what holds for every field of a family up to a size, by a majority or a median over a cloud of fields."""
