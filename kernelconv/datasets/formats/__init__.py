"""Data sets as others publish them, IDX files or records: found on disk and checked, else fetched into the cache."""
