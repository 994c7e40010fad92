"""Which params a training leaves as they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def frozen_params(params: Iterable[str], frozen: str | Sequence[str]) -> frozenset[str]:
    """Return the names of those `params` that `frozen` names, by themselves or by a part they lie in.

    Parameters
    ----------
    params : iterable of str
        Names as ``network.params`` has them, "residual_4.branch.convolution_1.weight".
    frozen : str or sequence of str
        "residual_4", "residual_4.branch", or a whole name.

    Raises
    ------
    ValueError
        If a name is not that of a param or of a part that has some, or if nothing is left to train.

    Examples
    --------
    >>> sorted(frozen_params(["first.weight", "first.bias", "first_2.weight"], "first"))
    ['first.bias', 'first.weight']
    """
    params = list(params)
    if not isinstance(frozen, str | list | tuple | set | frozenset):
        raise ValueError(f"frozen must be a name or several, got {frozen!r}.")
    found: set[str] = set()
    for name in (frozen,) if isinstance(frozen, str) else frozen:
        inside = {p for p in params if p == name or p.startswith(f"{name}.")}
        if not inside:
            raise ValueError(f"frozen names {name!r}, but there is no such param, nor a part with params: {params}.")
        found |= inside
    if found and len(found) == len(params):
        raise ValueError(f"frozen={frozen!r} leaves nothing to train: it names all of {params}.")
    return frozenset(found)
