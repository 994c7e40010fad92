"""Published data sets of IDX files or records: found on disk and checked, else fetched into the cache."""
