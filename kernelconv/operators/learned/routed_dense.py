"""RoutedDense: a fully connected layer of capsules, whose coupling is found by dynamic routing."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from kernelconv._arrays import like, namespace
from kernelconv._check import Pair, check_choice, check_count, check_generator, check_shape
from kernelconv._types.arrays import Array, Data
from kernelconv.operators.base import Grads, Part, Pullback, Shape3, State
from kernelconv.operators.learned.initialization import INITIALIZATIONS, Initialization, start_weight
from kernelconv.operators.mappings.capsules import check_whole, squash_gradient, squashed


@dataclass(frozen=True, repr=False)
class RoutedDense(Part):
    r"""A fully connected capsule layer with dynamic routing: votes that agree with the others get larger weights.

    .. math:: \hat u_{ij} = u_i W_{ij}, \quad c_{ij} = \frac{e^{b_{ij}}}{\sum_k e^{b_{ik}}}, \quad
              v_j = \mathrm{squash}\Bigl(\sum_i c_{ij} \hat u_{ij}\Bigr), \quad
              b_{ij} \leftarrow b_{ij} + \langle \hat u_{ij}, v_j \rangle

    for the input capsules u_i, from b = 0, `routings` times; the last v are the output, (n, h, w, c) ->
    (n, 1, 1, n_capsules size).

    Parameters
    ----------
    n_capsules : int
        Capsules of the output.
    size : int
        Channels of each of them.
    in_size : int
        Channels of an input capsule: the input has h w c / in_size capsules.
    routings : int
        Rounds of routing; with 1, every input capsule couples equally to all output capsules.
    initialization : str
        Initial weights: "torch_default", U(-1, 1) / sqrt(fan_in), or "he_normal", "he_uniform", "glorot_normal",
        "glorot_uniform", "lecun_normal", "lecun_uniform" (see `start_weight`): fan_in = in_size, fan_out = size.

    Raises
    ------
    ValueError
        From the constructor for values out of range; from ``out_shape`` and ``build`` if the channels are not a
        multiple of `in_size`; from ``build`` without `rng`.

    Notes
    -----
    ``params``: "weight" (capsules of the input, in_size, n_capsules size). The gradient goes through all rounds, the
    coupling included. Cost: h w c n_capsules size multiply-adds for the votes, and (2 routings - 1) / in_size times as
    many for the rounds. The votes of a block of images are held in memory, twice for a gradient.

    References
    ----------
    Sabour, Frosst & Hinton (2017), Dynamic routing between capsules, equations 2 and 3, procedure 1.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelconv.operators import RoutedDense
    >>> part = RoutedDense(10, 16, in_size=8).build((6, 6, 32), np.random.default_rng(0))
    >>> part.n_params() == 144 * 8 * 10 * 16
    True
    >>> u = np.random.default_rng(1).standard_normal((1, 6, 6, 32))
    >>> part.forward(u).shape, bool(np.allclose(part.coupling(u).sum(axis=2), 1))
    ((1, 1, 1, 160), True)
    """

    n_capsules: int
    size: int
    in_size: int
    routings: int = 3
    initialization: Initialization = field(default="torch_default", kw_only=True)

    real_only = True

    def __post_init__(self) -> None:
        """Check every field."""
        for name in ("n_capsules", "size", "in_size", "routings"):  # as Python's ints: an uint8 would overflow
            object.__setattr__(self, name, check_count(getattr(self, name), name))
        check_choice(self.initialization, "initialization", INITIALIZATIONS)

    def _out_shape(self, in_shape: Shape3) -> Shape3:
        check_whole(in_shape, self.in_size, "RoutedDense")
        return 1, 1, self.n_capsules * self.size

    def _inner_shapes(self, *, gradient: bool = False) -> list[Shape3]:
        votes = (self._in_shape[0] * self._in_shape[1], self._in_shape[2] // self.in_size, self.n_capsules * self.size)
        return [votes, votes, self._shapes[-1]] if gradient else [votes, self._shapes[-1]]

    def receptive_field(self, in_shape: Shape3) -> tuple[Pair, Pair]:
        """Return the whole map."""
        return in_shape[:2], in_shape[:2]

    def multiply_adds(self, in_shape: Shape3) -> int:
        """Return h w c n_capsules size (1 + (2 routings - 1) / in_size)."""
        votes = check_whole(in_shape, self.in_size, "RoutedDense") * self.n_capsules * self.size
        return votes * (self.in_size + 2 * self.routings - 1)

    def build(self, in_shape: Shape3, rng: np.random.Generator | None = None, data: Data | None = None) -> Self:
        """Return a copy with weights drawn from `rng`; `data` is not needed."""
        in_shape, rng = check_shape(in_shape), check_generator(rng, "RoutedDense.build")
        n_in = check_whole(in_shape, self.in_size, "RoutedDense")
        shape = n_in, self.in_size, self.n_capsules * self.size
        weight = start_weight(self.initialization, shape, self.in_size, self.size, rng)
        return self._built(in_shape, {"weight": weight}, {})

    def _prepare(self) -> None:
        """Refuse maps of another size."""
        n_in = check_whole(self._in_shape, self.in_size, "RoutedDense")
        if (n := self.params["weight"].shape[0]) != n_in:
            raise ValueError(
                f"RoutedDense has weights for {n} capsules, maps of shape {self._in_shape} have {n_in}: it takes maps "
                "of one size, build it for these."
            )

    def definition(self, x: Array) -> Any:
        """Return the capsules of the last round: (n, h, w, c) -> (n, 1, 1, n_capsules size)."""
        return namespace(x).reshape(self._rounds(self._votes(x))[-1][2], (x.shape[0], *self._shapes[-1]))

    def coupling(self, x: Array) -> Any:
        """Return c (n, input capsules, n_capsules) of the last round; it sums to 1 over the output capsules."""
        part, x = self._ready(x)
        return namespace(x).permute_dims(part._rounds(part._votes(x))[-1][0], (0, 2, 1))

    def _votes(self, x: Any) -> Any:
        """Return the votes u W: (n, h, w, c) -> (n, n_capsules, capsules of the input, size)."""
        xp = namespace(x)
        votes = xp.matmul(self._first(x), like(self.params["weight"], x))
        n_in, n, _ = votes.shape
        return xp.permute_dims(xp.reshape(votes, (n_in, n, self.n_capsules, self.size)), (1, 2, 0, 3))

    def _first(self, x: Any) -> Any:
        """Return the capsules of maps `x`, (capsules of the input, n, in_size)."""
        xp = namespace(x)
        return xp.permute_dims(
            xp.reshape(x, (x.shape[0], math.prod(x.shape[1:]) // self.in_size, self.in_size)), (1, 0, 2)
        )

    def _rounds(self, votes: Any) -> list[tuple[Any, Any, Any]]:
        """Return of each round the coupling (n, n_capsules, capsules of the input), what it sums to, and v."""
        xp, rounds = namespace(votes), []
        logits = xp.zeros_like(votes[..., 0])
        for last in range(self.routings, 0, -1):
            shares = xp.exp(logits - xp.max(logits, axis=1, keepdims=True))
            shares = shares / xp.sum(shares, axis=1, keepdims=True)
            sums = xp.matmul(shares[:, :, None, :], votes)[:, :, 0, :]
            rounds.append((shares, sums, squashed(sums)))
            if last > 1:
                logits = logits + _agreement(votes, rounds[-1][2])
        return rounds

    def _pullback(self, x: NDArray, *, train: bool = False, rng: Any = None) -> tuple[NDArray, Pullback, State]:
        """Return (y, pullback, state); the gradient runs through the rounds from the last one back."""
        votes = self._votes(x)
        rounds = self._rounds(votes)

        def pullback(g: NDArray) -> tuple[NDArray, Grads]:
            g_votes = _votes_gradient(votes, rounds, g.reshape(rounds[-1][2].shape))
            g_votes = g_votes.transpose(2, 0, 1, 3).reshape(votes.shape[2], len(x), -1)  # as `matmul` made them
            weight = like(self.params["weight"], x)
            gx = (g_votes @ weight.transpose(0, 2, 1)).transpose(1, 0, 2).reshape(x.shape)
            return gx, {"weight": self._first(x).transpose(0, 2, 1) @ g_votes}

        return rounds[-1][2].reshape(len(x), *self._shapes[-1]), pullback, self.state


def _agreement(votes: Any, v: Any) -> Any:
    """Return <votes, v> (n, n_capsules, capsules of the input)."""
    return namespace(votes).matmul(votes, v[..., None])[..., 0]


def _votes_gradient(votes: NDArray, rounds: list[tuple[NDArray, NDArray, NDArray]], g: NDArray) -> NDArray:
    """Return the gradient in the votes of <g, v of the last round>: a sum of outer products, two a round."""
    over_inputs, over_channels = [], []
    g_logits = np.zeros_like(votes[..., 0])
    for number in range(len(rounds) - 1, -1, -1):
        shares, sums, v = rounds[number]
        if number < len(rounds) - 1:  # this v is in the logits of all later rounds
            g = (g_logits[:, :, None, :] @ votes)[:, :, 0, :]
            over_inputs.append(g_logits)
            over_channels.append(v)
        g_sums = squash_gradient(sums, g)
        over_inputs.append(shares)
        over_channels.append(g_sums)
        if number:
            g_shares = _agreement(votes, g_sums)
            g_logits = g_logits + shares * (g_shares - (shares * g_shares).sum(axis=1, keepdims=True))
    return np.stack(over_inputs, axis=-1) @ np.stack(over_channels, axis=-2)
