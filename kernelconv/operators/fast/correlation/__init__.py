"""Products of all patches with a matrix, three ways: planes, tiles, filter rows."""
