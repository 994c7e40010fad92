"""One file a data set: `load()` returns its split, `SIZES` its training sizes, `draws(size)` how many subsets."""
