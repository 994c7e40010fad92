r"""The exact hierarchical kernel by its formula, in standard array code: what arrays of any library go through.

A kernel between positions is an array (pairs, h, w, h', w'), a pair being an image of either side. Layer by layer

.. math:: P[u, v] = \sum_r K[u + r, v + r], \quad M[u, v] = |x_u| |y_v| \, \kappa(P[u, v] / |x_u| |y_v|), \quad
          K = (R \times C) M (R \times C)', \quad T = (R \times C) [\kappa'(\cos) P(T) + M] (R \times C)'
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from kernelconv._arrays import as_floating, like, namespace, numpy_dtype
from kernelconv._parallel.blocks import block_slices
from kernelconv.networks.arrays import block_of
from kernelconv.networks.kernel.recursion import Step
from kernelconv.operators.mappings.dot_product import safe
from kernelconv.operators.patches.borders import padded
from kernelconv.operators.patches.extraction import PatchExtraction

#: Kernels between positions of the first layer that a pair holds at a time.
HELD = 8


class Side(NamedTuple):
    """Images of one side: K(x, x), (n,); the first patches (n, h, w, d); the norm of each layer's patches (n, h, w)."""

    values: Any
    patches: Any
    norms: tuple[Any, ...]


def gram(x: Any, y: Any, steps: Sequence[Step], tangent: bool) -> Any:
    """Return K(x_i, y_j), (n, m), of images (n, h, w, c) and (m, h, w, c) of one library, block by block of pairs."""
    a = side(x, steps, tangent)
    b = a if y is x else side(y, steps, tangent)
    most = block_of(b.values, _bytes_of_a_pair(x, steps))
    down = block_slices(x.shape[0], block_of(x, _bytes_of_a_pair(x, steps) * min(most, y.shape[0])))
    concat = namespace(x).concat
    tiles = [[_tile(a, i, b, j, steps, tangent) for j in block_slices(y.shape[0], most)] for i in down]
    return concat([concat(row, axis=1) for row in tiles], axis=0)


def side(x: Any, steps: Sequence[Step], tangent: bool) -> Side:
    """Return what images `x` (n, h, w, c) bring to all their pairs."""
    xp = namespace(x)
    found = [
        _side(x[s, ...], steps, tangent) for s in block_slices(x.shape[0], block_of(x, _bytes_of_a_pair(x, steps)))
    ]
    values, patches, norms = zip(*found, strict=True)
    return Side(xp.concat(values), xp.concat(patches), tuple(map(xp.concat, zip(*norms, strict=True))))


def _side(x: Any, steps: Sequence[Step], tangent: bool) -> Side:
    xp, patches = namespace(x), steps[0].patches.definition(as_floating(x))
    n, h, w, d = patches.shape
    rows = xp.reshape(patches, (n, h * w, d))
    p = xp.reshape(rows @ xp.matrix_transpose(rows), (n, h, w, h, w))
    values, norms = _recursion(p, steps, tangent)
    return Side(values, patches, norms)


def _bytes_of_a_pair(x: Any, steps: Sequence[Step]) -> int:
    return HELD * numpy_dtype(x).itemsize * max(len(step.weights) for step in steps)


def _tile(a: Side, i: slice, b: Side, j: slice, steps: Sequence[Step], tangent: bool) -> Any:
    """Return K of images i of one side with images j of the other."""
    first, second = a.patches[i, ...], b.patches[j, ...]
    xp, (n, h, w, d), m = namespace(first), first.shape, second.shape[0]
    p = xp.reshape(first, (n * h * w, d)) @ xp.reshape(second, (m * h * w, d)).T
    p = xp.permute_dims(xp.reshape(p, (n, h * w, m, h * w)), (0, 2, 1, 3))

    def each(norms: Any) -> Any:
        """Return the norms of one side, (n or 1, m or 1, h, w), once a pair."""
        return xp.reshape(xp.broadcast_to(norms, (n, m, *norms.shape[2:])), (n * m, *norms.shape[2:]))

    norms = [(each(u[i, ...][:, None, ...]), each(v[j, ...][None, ...])) for u, v in zip(a.norms, b.norms, strict=True)]
    return xp.reshape(_recursion(xp.reshape(p, (n * m, h, w, h, w)), steps, tangent, norms)[0], (n, m))


def _recursion(
    p: Any, steps: Sequence[Step], tangent: bool, norms: Sequence[tuple[Any, Any]] | None = None
) -> tuple[Any, tuple[Any, ...]]:
    """Return K of pairs, from the inner products `p` of their first patches, and the norms of each layer's patches.

    Without `norms` of both sides the pairs are images with themselves.
    """
    xp, t, found = namespace(p), p, []
    for k, step in enumerate(steps):
        if k:
            p, t = _pooled(p, steps[k - 1]), _pooled(t, steps[k - 1]) if tangent else p
            p, t = _patch_sums(p, step.patches), _patch_sums(t, step.patches) if tangent else p
        nx, ny = 2 * (_norms(p),) if norms is None else norms[k]
        found.append(nx)
        scale = nx[..., None, None] * ny[:, None, None, ...]
        cosines = p / safe(scale)
        p = scale * step.kernel(cosines)
        t = step.kernel.derivative(cosines) * t + p if tangent else p
    return xp.reshape(t, (t.shape[0], -1)) @ like(steps[-1].weights, t), tuple(found)


def _norms(p: Any) -> Any:
    """Return the root of P[u, u], (pairs, h, w), with a derivative of 0 where it is 0."""
    xp, (n, h, w) = namespace(p), p.shape[:3]
    squares = xp.linalg.diagonal(xp.reshape(p, (n, h * w, h * w)))
    some = squares > 0
    norms = xp.where(some, xp.sqrt(xp.where(some, squares, xp.ones_like(squares))), xp.zeros_like(squares))
    return xp.reshape(norms, (n, h, w))


def _patch_sums(k: Any, patches: PatchExtraction) -> Any:
    """Return P[u, v] = sum over r in the patch of K[s u + r, s v + r], K being continued beyond the borders of both."""
    xp, (n, h, w, h2, w2), borders = namespace(k), k.shape, patches.borders()
    k = padded(xp.reshape(k, (n, h, w, h2 * w2)), *borders, patches.padding_mode)
    _, h, w, _ = k.shape
    k = padded(xp.reshape(k, (n * h * w, h2, w2, 1)), *borders, patches.padding_mode)
    k = xp.reshape(k, (n, h, w, h, w))
    for axis, size in enumerate((h, w)):
        extent, stride, dilation = patches.extent[axis], patches.stride[axis], patches.dilation[axis]
        last = (size - extent) // stride * stride + 1
        reads = [slice(r, r + last, stride) for r in range(0, extent, dilation)]
        k = sum(k[:, s, :, s, :] if axis == 0 else k[:, :, s, :, s] for s in reads)
    return k


def _pooled(m: Any, step: Step) -> Any:
    """Return (R x C) m (R x C)' of each pair."""
    xp = namespace(m)
    for axis, matrix in ((1, step.rows), (2, step.columns), (3, step.rows), (4, step.columns)):
        m = xp.moveaxis(xp.tensordot(m, like(matrix, m), axes=((axis,), (1,))), -1, axis)
    return m
