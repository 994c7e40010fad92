"""Questions put to models: a registry of named models, and studies whose every cell is computed once and kept.

- `sweep`: cells in files of their own, found again by all that decides them;
- `models`: the one registry of representations and heads;
- `accuracy`, `stability`: what `kernelconv compare` and `kernelconv stability` ask.
"""
