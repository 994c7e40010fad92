"""The recursion of the exact hierarchical kernel, on tiles of image pairs.

K[u, v] is kept as arrays (b, h, w, h, w): one first image against b second ones. What makes it quick: the first
layer's patch kernel is one matrix product of unit patches, zero patches left out; norms are computed once an image;
pooling is matrix products; the last layer's pooling and trace are one weighted sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kernelconv._parallel.blocks import block_length
from kernelconv.operators.base import Shape3
from kernelconv.operators.fast.kernels import kappa, kappa_derivative
from kernelconv.operators.layer import Layer
from kernelconv.operators.mappings.dot_product import DotProductKernel, safe
from kernelconv.operators.patches.borders import border_index
from kernelconv.operators.patches.extraction import PatchExtraction


class Step(NamedTuple):
    """One layer: P, kappa, and the pooling matrices R (h', h) and C (w', w)."""

    patches: PatchExtraction
    kernel: DotProductKernel
    rows: NDArray
    columns: NDArray
    weights: NDArray  # R'R x C'C, raveled: trace((R x C) m (R x C)') is its product with m


@dataclass(frozen=True)
class SelfKernel:
    """What is computed once an image: K(x, x) and the norm of each patch at each layer, (h, w) arrays."""

    value: float
    norms: tuple[NDArray, ...]


def plan(layers: Sequence[Layer], in_shape: Shape3, dtype: np.dtype) -> list[Step]:
    """Return the steps for images of `in_shape`."""
    steps = []
    for layer in layers:
        grid = layer.patches.out_shape((*in_shape[:2], 1))
        rows, columns = layer.pooling.matrices(grid)  # type: ignore[attr-defined]
        weights = (rows.T @ rows)[:, None, :, None] * (columns.T @ columns)[None, :, None, :]
        arrays = (a.astype(dtype) for a in (rows, columns, weights.ravel()))
        steps.append(Step(layer.patches, layer.mapping.kernel, *arrays))  # type: ignore[arg-type, attr-defined]
        in_shape = (len(rows), len(columns), 1)
    return steps


def self_kernel(x: NDArray, steps: Sequence[Step], tangent: bool) -> SelfKernel:
    """Return K(x, x) of one image (h, w, c) with the norms that every other pair needs."""
    norms = [step_norms(steps[0].patches.forward(x[None])[0])]
    this = FirstLayer(x, norms[0], steps[0])
    k, t = first_layer(this, [this], steps[0], tangent)
    for step in steps[1:]:
        p = patch_sums(k, step.patches)
        norms.append(np.sqrt(np.maximum(np.einsum("bijij->ij", p), 0)))
        k, t = deeper_layer(p, _tangent_sums(p, t, step, tangent), norms[-1], norms[-1][None], step, tangent)
        if step is not steps[-1]:
            k, t = pool(k, step), pool(t, step) if tangent else k
    return SelfKernel(float(_trace(t, steps)[0]), tuple(norms))


def gram_tile(
    x: NDArray,
    y: NDArray,
    sx: Sequence[SelfKernel],
    sy: Sequence[SelfKernel],
    steps: Sequence[Step],
    tangent: bool,
    diagonal: bool,
) -> NDArray:
    """Return K(x_i, y_j), (len(x), len(y)); where `diagonal`, `y` is `x`, and zeros stand below the diagonal."""
    out = np.zeros((len(x), len(y)), x.dtype)
    ready = [FirstLayer(image, one.norms[0], steps[0]) for image, one in zip(y, sy, strict=True)]
    for a, image in enumerate(x):
        skip = a if diagonal else 0
        first = ready[a] if diagonal else FirstLayer(image, sx[a].norms[0], steps[0])
        out[a, skip:] = pair_kernels(first, sx[a], ready[skip:], sy[skip:], steps, tangent)
    return out


def pair_kernels(
    x: FirstLayer,
    sx: SelfKernel,
    ys: Sequence[FirstLayer],
    sy: Sequence[SelfKernel],
    steps: Sequence[Step],
    tangent: bool,
) -> NDArray:
    """Return K(x, y_j) of one image with each of a run of others."""
    out = []
    for s in _runs(x, ys):
        k, t = first_layer(x, ys[s], steps[0], tangent)
        for i, step in enumerate(steps[1:], 1):
            p = patch_sums(k, step.patches)
            ny = np.stack([other.norms[i] for other in sy[s]])
            k, t = deeper_layer(p, _tangent_sums(p, t, step, tangent), sx.norms[i], ny, step, tangent)
            if i < len(steps) - 1:
                k, t = pool(k, step), pool(t, step) if tangent else k
        out.append(_trace(t, steps))
    return np.concatenate(out)


def step_norms(patches: NDArray) -> NDArray:
    """Return the norm of each patch, (h, w, d) -> (h, w)."""
    return np.sqrt(np.einsum("hwc,hwc->hw", patches, patches))


def _tangent_sums(p: NDArray, t: NDArray, step: Step, tangent: bool) -> NDArray:
    return patch_sums(t, step.patches) if tangent else p


def _trace(t: NDArray, steps: Sequence[Step]) -> NDArray:
    """Return the trace of the pooled kernel: pooled already after one layer, by weights after more."""
    if len(steps) == 1:
        return np.einsum("bijij->b", t)
    return t.reshape(len(t), -1) @ steps[-1].weights


def _runs(this: FirstLayer, ready: Sequence[FirstLayer]) -> list[slice]:
    """Cut the second images into runs whose first layer stays in the cache."""
    largest = max(len(r.unit) for r in ready)
    length = block_length(3 * this.box_unit.itemsize * len(this.box_unit) * max(largest, 1), maximum=32)
    return [slice(lo, lo + length) for lo in range(0, len(ready), length)]


class FirstLayer:
    """One image at the first layer: its unit patches and pooling matrices, zero patches left out.

    As a first image it needs the smallest rectangle that holds its patches (pooling stays separable there), as a
    second one the list of its patches.
    """

    def __init__(self, x: NDArray, norms: NDArray, step: Step) -> None:
        patches = step.patches.forward(x[None])[0]
        patches = patches / safe(norms)[..., None]
        active = norms > 0
        r, c = _span(active.any(axis=1)), _span(active.any(axis=0))
        self.box_unit = patches[r, c].reshape(-1, patches.shape[-1])
        self.box_norms = norms[r, c].reshape(-1, 1)
        # the rectangle of pooled positions that these reach
        self.out = _span(step.rows[:, r].any(axis=1)), _span(step.columns[:, c].any(axis=1))
        self.rows = np.ascontiguousarray(step.rows[self.out[0], r])
        self.columns = np.ascontiguousarray(step.columns[self.out[1], c])
        self.unit = patches[active]
        i, j = np.nonzero(active)
        weights = step.rows[self.out[0], None, i] * step.columns[None, self.out[1], j]  # (h', w', active)
        self.pooling = weights.reshape(len(self.rows) * len(self.columns), len(i)).T * norms[active][:, None]


def _span(used: Any) -> slice:
    where = np.flatnonzero(used)
    return slice(int(where[0]), int(where[-1]) + 1) if len(where) else slice(0, 1)


def first_layer(x: FirstLayer, ys: Sequence[FirstLayer], step: Step, tangent: bool) -> tuple[NDArray, NDArray]:
    """Return the pooled K_1, and T_1 where asked, (b, h', w', h', w')."""
    cos = x.box_unit @ np.concatenate([y.unit for y in ys]).T
    k = kappa(step.kernel, cos)
    pooled = _pool_first(k, x, ys, step)
    if not tangent:
        return pooled, pooled
    k += kappa_derivative(step.kernel, cos) * cos
    return pooled, _pool_first(k, x, ys, step)


def _pool_first(m: NDArray, x: FirstLayer, ys: Sequence[FirstLayer], step: Step) -> NDArray:
    """Return R C diag(n_x) m diag(n_y) C' R': the first image's side by separable products, the second's in one."""
    m = m * x.box_norms
    (h, h0), (w, w0) = x.rows.shape, x.columns.shape
    m = x.rows @ m.reshape(h0, -1)
    m = np.matmul(x.columns, m.reshape(h, w0, -1)).reshape(h * w, -1)  # (pooled positions, all second patches)
    ends = np.cumsum([len(y.unit) for y in ys])
    out = np.zeros((len(ys), len(step.rows), len(step.columns), len(step.rows), len(step.columns)), m.dtype)
    for j, (y, end) in enumerate(zip(ys, ends, strict=True)):
        pooled = m[:, end - len(y.unit) : end] @ y.pooling
        out[(j, *x.out, *y.out)] = pooled.reshape(h, w, len(y.rows), len(y.columns))
    return out


def patch_sums(k: NDArray, patches: PatchExtraction) -> NDArray:
    """Return P[u, v] = sum over r in the patch of K'[s u + r, s v + r], K' being K continued beyond its borders."""
    for axis in (0, 1):
        k = _patch_sums_along(k, patches, axis)
    return k


def _patch_sums_along(k: NDArray, patches: PatchExtraction, axis: int) -> NDArray:
    size, stride, dilation = patches.size[axis], patches.stride[axis], patches.dilation[axis]
    border = patches.borders()[axis]
    if size == stride == 1 and not any(border):
        return k
    k = _continued(k, border, patches.padding_mode, axis)
    grid = (k.shape[1 + axis] - patches.extent[axis]) // stride + 1
    total: Any = None
    for r in range(0, size * dilation, dilation):
        s = slice(r, r + (grid - 1) * stride + 1, stride)
        view = k[:, s, :, s] if axis == 0 else k[:, :, s, :, s]
        total = view.copy() if total is None else np.add(total, view, out=total)
    return total


def _continued(k: NDArray, border: tuple[int, ...], padding: str, axis: int) -> NDArray:
    """Return `k` padded on the axes of both images."""
    if not any(border):
        return k
    a, b = 1 + axis, 3 + axis
    n = k.shape[a]
    if padding == "zero":
        shape = list(k.shape)
        shape[a] = shape[b] = n + sum(border)
        out = np.zeros(shape, k.dtype)
        inside = slice(border[0], border[0] + n)
        (out[:, inside, :, inside] if axis == 0 else out[:, :, inside, :, inside])[...] = k
        return out
    index = border_index(n, *border, padding)
    return np.take(np.take(k, index, axis=a), index, axis=b)


def deeper_layer(
    p: NDArray, pt: NDArray, nx: NDArray, ny: NDArray, step: Step, tangent: bool
) -> tuple[NDArray, NDArray]:
    """Return M_k and its tangent before pooling, from the patch sums P of K_{k-1} and of T_{k-1}."""
    cos = p * (1 / safe(nx))[None, :, :, None, None]
    cos *= (1 / safe(ny))[:, None, None]
    k = kappa(step.kernel, cos)
    k *= nx[None, :, :, None, None]
    k *= ny[:, None, None]
    return k, kappa_derivative(step.kernel, cos) * pt + k if tangent else k


def pool(m: NDArray, step: Step) -> NDArray:
    """Return (R x C) m (R x C)' for each pair."""
    b, h, w = m.shape[:3]
    r, c = step.rows, step.columns
    m = np.matmul(c, m.reshape(b * h, w, h * w))  # (b h, w', h w)
    m = np.matmul(r, m.reshape(b, h, -1))  # (b, h', w' h w)
    m = m.reshape(b, len(r) * len(c), h * w)
    both = np.einsum("ih,jw->hwij", r, c).reshape(h * w, -1)
    return (m @ both).reshape(b, len(r), len(c), len(r), len(c))
