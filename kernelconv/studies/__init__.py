"""Studies of named models: a registry of models, and studies whose cells are computed once each and stored.

- `sweep`: one file per cell, found again by everything that determines its result;
- `models`: the registry of representations and heads;
- `accuracy`, `stability`: the studies of `kernelconv compare` and `kernelconv stability`.
"""
