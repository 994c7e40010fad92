"""The same numbers as the definitions, for the cache of a CPU."""
