"""Naive loops: the definitions, written so that nobody can doubt them."""

import numpy as np


def border(i, n, padding):
    """Position in [0, n) that position i reads, or None for a zero."""
    if 0 <= i < n:
        return i
    if padding == "zero":
        return None
    if padding == "circular":
        return i % n
    if n == 1:
        return 0
    while not 0 <= i < n:
        if i < 0:
            i = -i if padding == "reflect" else -i - 1
        else:
            i = 2 * (n - 1) - i if padding == "reflect" else 2 * n - 1 - i
    return i


def patches(x, size, stride, padding, dilation):
    """(P x)[i, j, (k, l, c)] = x'[s i + d k - border, ...], one entry at a time."""
    n, h, w, c = x.shape
    extent = [d * (k - 1) + 1 for k, d in zip(size, dilation, strict=True)]
    before = [0, 0] if padding == "valid" else [(e - 1) // 2 for e in extent]
    total = [0, 0] if padding == "valid" else [e - 1 for e in extent]
    grid = [(m + t - e) // s + 1 for m, t, e, s in zip((h, w), total, extent, stride, strict=True)]
    out = np.zeros((n, *grid, size[0], size[1], c))
    for i in range(grid[0]):
        for j in range(grid[1]):
            for k in range(size[0]):
                for q in range(size[1]):
                    row = border(stride[0] * i + dilation[0] * k - before[0], h, padding)
                    column = border(stride[1] * j + dilation[1] * q - before[1], w, padding)
                    if row is not None and column is not None:
                        out[:, i, j, k, q] = x[:, row, column]
    return out.reshape(n, *grid, -1)


def gaussian_pooling(x, subsampling, scale, padding):
    """Sum of g_k g_l x[s i + o + k, s j + o' + l]."""
    n, h, w, c = x.shape
    radius = [max(int(np.sqrt(2) * s + 1e-6), int(step > 1)) for s, step in zip(scale, subsampling, strict=True)]
    weight = [np.exp(-(np.arange(-r, r + 1.0) ** 2) / (2 * s * s)) for r, s in zip(radius, scale, strict=True)]
    weight = [g / g.sum() for g in weight]
    grid = [-(-m // s) for m, s in zip((h, w), subsampling, strict=True)]
    offset = [(m - 1 - (g - 1) * s) // 2 for m, g, s in zip((h, w), grid, subsampling, strict=True)]
    out = np.zeros((n, *grid, c))
    for i in range(grid[0]):
        for j in range(grid[1]):
            for k in range(-radius[0], radius[0] + 1):
                for q in range(-radius[1], radius[1] + 1):
                    row = border(subsampling[0] * i + offset[0] + k, h, padding)
                    column = border(subsampling[1] * j + offset[1] + q, w, padding)
                    if row is not None and column is not None:
                        out[:, i, j] += weight[0][k + radius[0]] * weight[1][q + radius[1]] * x[:, row, column]
    return out


def windows(x, size, stride, function):
    """A function of each window of a map, valid borders."""
    n, h, w, c = x.shape
    grid = [(m - k) // s + 1 for m, k, s in zip((h, w), size, stride, strict=True)]
    out = np.zeros((n, *grid, c))
    for i in range(grid[0]):
        for j in range(grid[1]):
            top, left = i * stride[0], j * stride[1]
            out[:, i, j] = function(x[:, top : top + size[0], left : left + size[1]].reshape(n, -1, c), axis=1)
    return out


def kernel_mapping(x, anchors, kappa, regularization):
    """norm(x) (kappa(Z Z') + eps I)^(-1/2) kappa(Z x / norm(x)), one vector at a time; kappa is a scalar function."""
    gram = np.array([[kappa(float(a @ b)) for b in anchors] for a in anchors])
    values, vectors = np.linalg.eigh(gram + regularization * np.eye(len(anchors)))
    root = vectors @ np.diag(values**-0.5) @ vectors.T
    out = np.zeros((*x.shape[:-1], len(anchors)))
    for index in np.ndindex(*x.shape[:-1]):
        norm = np.linalg.norm(x[index])
        if norm > 0:
            out[index] = norm * root @ [kappa(float(z @ x[index]) / norm) for z in anchors]
    return out
