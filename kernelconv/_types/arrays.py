"""Arrays of any library, and what training maps may be.

A leaf of the import graph.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

from numpy.typing import ArrayLike


class Array(Protocol):
    """An array of any library that follows the array API standard: what definitions take.

    What comes of it is an array of the same library, which no annotation can say: Any.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""

    @property
    def ndim(self) -> int:
        """Number of axes."""

    @property
    def dtype(self) -> Any:
        """Its library's dtype."""

    def __getitem__(self, key: Any, /) -> Any: ...
    def __neg__(self) -> Any: ...
    def __add__(self, other: Any, /) -> Any: ...
    def __radd__(self, other: Any, /) -> Any: ...
    def __sub__(self, other: Any, /) -> Any: ...
    def __rsub__(self, other: Any, /) -> Any: ...
    def __mul__(self, other: Any, /) -> Any: ...
    def __rmul__(self, other: Any, /) -> Any: ...
    def __truediv__(self, other: Any, /) -> Any: ...
    def __rtruediv__(self, other: Any, /) -> Any: ...
    def __pow__(self, other: Any, /) -> Any: ...
    def __matmul__(self, other: Any, /) -> Any: ...
    def __gt__(self, other: Any, /) -> Any: ...
    def __lt__(self, other: Any, /) -> Any: ...


class Indexed(Protocol):
    """Maps that lie in a file, or are computed when they are asked for by an array of integers."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: Any, /) -> Any: ...


#: Training maps (n, h, w, c).
Data: TypeAlias = ArrayLike | Indexed
