"""The same numbers as the definitions, for the cache of a CPU; laws hold them to each other."""
