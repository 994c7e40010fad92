"""One node of PyTorch's graph that NumPy computes: a part's engine forward, its pullback backward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kernelconv._arrays.derivatives import torch_once
from kernelconv._parallel.blocks import map_blocks
from kernelconv.networks.serial import Network
from kernelconv.operators.base import Grads, Part, State
from kernelconv.operators.composite import sum_grads

#: (x) -> (y, pull, new state), pull(g) -> (gradient in x, gradients in params)
Run = Callable[[NDArray], tuple[NDArray, Callable[[NDArray], tuple[NDArray, Grads]], State]]


def pulled_back(part: Part, x: Tensor, params: dict[str, Tensor], train: bool) -> tuple[Tensor, State]:
    """Return (F(x), new state); PyTorch's gradients in `x` and in the tensors `params` are those of the part's engine.

    `part` holds the values of `params`. In training masks are drawn by a NumPy generator that PyTorch's seeds.
    """
    seed = int(torch.randint(2**62, ()).item()) if train else 0
    states: list[State] = []

    def run(values: NDArray) -> tuple[NDArray, Any, State]:
        y, pull, state = _in_blocks(part, values, train, np.random.SeedSequence(seed))
        states.append(state)
        return y, pull, state

    return _Operation.apply(run, x, tuple(params), *params.values()), states[0]


def _in_blocks(part: Part, x: NDArray, train: bool, seed: np.random.SeedSequence) -> tuple[NDArray, Any, State]:
    """Return (y, pull, new state) of a batch, in cache-sized blocks on threads where samples are not coupled."""
    if not isinstance(part, Network) or (train and part.couples_samples):
        y, back, state = part.pullback(x, train=train, rng=np.random.default_rng(seed))
        return y.copy(), back, state  # `back` may read y, and y be x: whoever gets it may write into it
    block = part.block(x.itemsize, gradient=True)
    seeds = seed.spawn(-(-len(x) // block))

    def run(s: slice) -> tuple[NDArray, Any, State]:
        return part._engine.pullback(x[s], train=train, rng=np.random.default_rng(seeds[s.start // block]))

    ys, pulls, states = zip(*map_blocks(run, len(x), block, None), strict=True)

    def pull(g: NDArray) -> tuple[NDArray, Grads]:
        found = map_blocks(lambda s: pulls[s.start // block](g[s]), len(x), block, None)
        return np.concatenate([gx for gx, _ in found]), sum_grads([grads for _, grads in found])

    return np.concatenate(ys), pull, states[0]


class _Operation(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, run: Run, x: Tensor, names: tuple[str, ...], *params: Tensor) -> Tensor:  # type: ignore[override]
        y, pull, _ = run(x.detach().numpy())
        ctx.save_for_backward(x, *params)
        ctx.pull, ctx.names, ctx.dtypes = pull, names, [x.dtype, *(p.dtype for p in params)]
        return torch.from_numpy(np.ascontiguousarray(y))

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        gx, grads = ctx.pull(g.detach().numpy())
        found = [gx, *(grads[name] for name in ctx.names)]
        values = (torch.from_numpy(np.ascontiguousarray(v)).to(t) for v, t in zip(found, ctx.dtypes, strict=True))
        gx, *rest = (torch_once()(value, g, *ctx.saved_tensors) for value in values)
        return None, gx, None, *rest
