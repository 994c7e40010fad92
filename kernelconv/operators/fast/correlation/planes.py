"""Products by planes, for maps of a few channels: one plane an entry of the patch."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from kernelconv.operators.fast.correlation.products import Correlation
from kernelconv.operators.patches.borders import pad


class Planes(Correlation):
    """Everything unfolded, u = (k_h k_w c, h', w', n): one plane an entry of the patch, for a few channels."""

    def input_transform(self, x: NDArray) -> NDArray:
        """Return the planes of `x`, (k_h k_w c, h', w', n)."""
        x = pad(x, *self.patches.borders(), self.patches.padding_mode)
        x = np.ascontiguousarray(x.transpose(3, 1, 2, 0))
        _, height, width, n = x.shape
        (kh, kw), (sh, sw), (dh, dw) = self.patches.size, self.patches.stride, self.patches.dilation
        q, r = n * x.itemsize, width * n * x.itemsize
        shape = (kh, kw, self.c, *self.grid, n)
        view = as_strided(x, shape, (dh * r, dw * q, height * r, sh * r, sw * q, x.itemsize), writeable=False)
        return view.reshape(kh * kw * self.c, *self.grid, n)

    def filter_transform(self, weight: NDArray) -> NDArray:
        """Return W."""
        return weight

    def output_transform_adjoint(self, g: NDArray) -> NDArray:
        """Return g as (h' w' n, m)."""
        return g.transpose(1, 2, 0, 3).reshape(-1, g.shape[3])

    def multiply(self, u: NDArray, filters: NDArray) -> NDArray:
        """Return u' W."""
        y = u.reshape(len(u), -1).T @ filters
        return y.reshape(*u.shape[1:], -1).transpose(2, 0, 1, 3)

    def weight_gradient(self, u: NDArray, v: NDArray) -> NDArray:
        """Return u g."""
        return u.reshape(len(u), -1) @ v

    def input_gradient(self, v: NDArray, filters: NDArray) -> NDArray:
        """Return the overlap-add of the planes of W g'."""
        kh, kw = self.patches.size
        planes = (filters @ v.T).reshape(kh, kw, self.c, *self.grid, -1)
        out = np.zeros((self.c, self.height, self.width, planes.shape[5]), v.dtype)
        for k, target, source in self._filter_rows():
            for j, columns in self._filter_columns():
                out[:, source, columns] += planes[k, j, :, target]
        return self._unbordered(out.transpose(1, 3, 2, 0))
