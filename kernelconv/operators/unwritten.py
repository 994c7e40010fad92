"""What a subclass of one's own has to write, said in words where it is missing."""

from __future__ import annotations


def unwritten(owner: object, base: str, signature: str, gives: str) -> NotImplementedError:
    """Return the error that `owner`, a subclass of `base`, does not write a method or property that it needs.

    Examples
    --------
    >>> print(unwritten(3, "Part", "definition(self, x)", "maps"))
    int does not write definition: a subclass of Part needs definition(self, x), which gives maps.
    """
    name = signature.partition("(")[0]
    return NotImplementedError(
        f"{type(owner).__name__} does not write {name}: a subclass of {base} needs {signature}, which gives {gives}."
    )
