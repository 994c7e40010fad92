"""The random hierarchy model: strings generated from a class, level by level, by random production rules."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelconv._check import check_count, check_memory, check_rng
from kernelconv._numbers import as_array, shown
from kernelconv._types.parameters import RandomState
from kernelconv.datasets.samplers.hierarchical import grow


@dataclass(frozen=True, eq=False, repr=False)
class RandomHierarchy:
    r"""Production rules of a hierarchy, which generate, classify and rewrite strings.

    Every class, and every colour of an inner level, has m synonyms: tuples of s colours of the level below, any of
    which may represent it. No two tuples of a level are equal, so that a string has one class.

    .. math:: a \to (\mu_1, \ldots, \mu_s) \in \{t_{a,1}, \ldots, t_{a,m}\}, \qquad
              P = n_c\, m^{(s^L - 1) / (s - 1)} \text{ strings}

    Parameters
    ----------
    rules : tuple of array-like, shape (n_parents, m, s), int
        From the root down: tuples of each class, then of each colour. The colours of a level are 0, 1, ..., and each
        has a rule at the next level.

    Attributes
    ----------
    rules : tuple of ndarray, int64
        The same as the parameter, read-only.

    Raises
    ------
    ValueError
        If a level is not a non-empty array of ints >= 0 with three axes; tuples have one entry; a colour has no rule
        at the next level; or two tuples of a level are equal.

    Notes
    -----
    For random rules with v colours, the joint probability of the colours of two leaves whose lowest common ancestor is
    h levels above differs from the product of their probabilities by about

    .. math:: C_h = \Big(\frac{1 - m / v^{s - 1}}{v^3 m^{2h - 1}}\Big)^{1/2}

    (root mean square, large v): a factor 1/m per level, and 0 if every tuple is a rule.

    References
    ----------
    F. Cagnetta, L. Petrini, U. M. Tomasini, A. Favero, M. Wyart, "How deep neural networks learn compositional data:
    the random hierarchy model", Physical Review X 14, 2024 (arXiv:2307.02129); C_h: F. Cagnetta, M. Wyart, "Towards a
    theory of how the structure of language is acquired by deep neural networks", NeurIPS 2024.

    Examples
    --------
    >>> from kernelconv.datasets import RandomHierarchy
    >>> hierarchy = RandomHierarchy.draw(depth=2, n_colours=4, n_synonyms=2, random_state=0)
    >>> X, y = hierarchy.sample(3, random_state=0)
    >>> X.shape, hierarchy.n_strings
    ((3, 4), 32)
    >>> bool((hierarchy.labels(hierarchy.exchange(X, random_state=0)) == y).all())
    True
    """

    rules: tuple[NDArray[np.int64], ...]

    def __post_init__(self) -> None:
        if not isinstance(self.rules, tuple | list) or not self.rules:
            raise ValueError(f"rules must be a tuple of arrays, one a level, got {shown(self.rules)}.")
        levels = tuple(_as_level(rule, i) for i, rule in enumerate(self.rules))
        for i, (above, below) in enumerate(pairwise(levels)):
            if above.max() >= len(below):
                raise ValueError(
                    f"rules[{i}] makes the colour {above.max()}, and rules[{i + 1}] has rules of {len(below)} colours."
                )
        object.__setattr__(self, "rules", levels)

    def __repr__(self) -> str:
        leaves = math.prod(rule.shape[2] for rule in self.rules)
        return f"RandomHierarchy({len(self.rules)} levels, {len(self.rules[0])} classes, strings of {leaves})"

    @classmethod
    def draw(
        cls,
        depth: int = 3,
        *,
        n_children: int = 2,
        n_colours: int = 8,
        n_synonyms: int = 4,
        n_classes: int | None = None,
        random_state: RandomState = None,
    ) -> RandomHierarchy:
        """Draw rules uniformly among those in which no two tuples of a level are equal.

        Parameters
        ----------
        depth : int
            Levels L below the root.
        n_children : int
            Entries s of a tuple, at least 2.
        n_colours : int
            Colours v of every level, at least 2.
        n_synonyms : int
            Tuples m of a class or colour; n_classes m and, below them, v m at most the number v^s of tuples.
        n_classes : int, optional
            Number n_c of classes; by default that of colours.
        random_state : None, int, numpy Generator or RandomState
            An int gives the same rules at every call.

        Raises
        ------
        ValueError
            If an integer argument is not an int or out of range, or the rules take more memory than the machine has.
        """
        depth, s = check_count(depth, "depth"), check_count(n_children, "n_children", 2)
        v, m = check_count(n_colours, "n_colours", 2), check_count(n_synonyms, "n_synonyms")
        classes = v if n_classes is None else check_count(n_classes, "n_classes")
        if max(s * math.log2(v), depth * math.log2(s)) >= 62:
            raise ValueError(
                f"depth={depth} levels of n_children={s} with n_colours={v} are more leaves or tuples than can be "
                "counted: take fewer."
            )
        most = max(v, classes) if depth > 1 else classes
        if most * m > v**s:
            raise ValueError(
                f"n_synonyms={m} of {most} classes or colours are more than the {v**s} tuples that there are: take "
                "fewer, or more colours or children."
            )
        check_memory(32 * depth * most * m * s, f"{depth} levels of rules")
        rng, rules = check_rng(random_state), []
        for level in range(depth):
            parents = v if level else classes
            numbers = rng.choice(v**s, parents * m, replace=False).reshape(parents, m)
            rules.append(numbers[..., None] // v ** np.arange(s) % v)
        return cls(tuple(rules))

    @property
    def n_strings(self) -> int:
        """Number P of strings that the rules generate, an exact int, which has many digits for deep trees."""
        count, nodes = len(self.rules[0]), 1
        for rule in self.rules:
            count *= rule.shape[1] ** nodes
            nodes *= rule.shape[2]
        return count

    def sample(self, n_samples: int, random_state: RandomState = None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return strings X (n, s^L), int64, and their classes y (n,): independent draws, all strings equally likely.

        ``(X[..., None] == range(v))`` are channels.

        Raises
        ------
        ValueError
            If `n_samples` is not an int >= 1, or the strings take more memory than the machine has.
        """
        n = check_count(n_samples, "n_samples")
        check_memory(32 * n * math.prod(r.shape[2] for r in self.rules), f"{n} strings")
        rng, nodes = check_rng(random_state), 1
        y, choices = rng.integers(len(self.rules[0]), size=n), []
        for rule in self.rules:
            choices.append(rng.integers(rule.shape[1], size=(n, nodes)))
            nodes *= rule.shape[2]
        return self._write(y, choices), y

    def labels(self, X: ArrayLike) -> NDArray[np.int64]:
        """Return the classes (n,) of strings X (n, s^L), read from the leaves up.

        Raises
        ------
        ValueError
            If `X` has another shape, is empty, does not hold ints, or holds a tuple that no rule generates.
        """
        return self._read(X)[0]

    def exchange(self, X: ArrayLike, height: int = 1, random_state: RandomState = None) -> NDArray[np.int64]:
        """Return strings X (n, s^L) in which each tuple `height` levels above the leaves is replaced by a synonym.

        Below it, each node is generated by the rule with the same index as before. The class does not change.

        Raises
        ------
        ValueError
            As `labels`; if `height` is not an int from 1 to L (1: the tuples of leaves), or that level has one synonym.
        """
        level = len(self.rules) - check_count(height, "height")
        if level < 0:
            raise ValueError(f"height must be at most the number of levels, {len(self.rules)}, got {height}.")
        m = self.rules[level].shape[1]
        if m < 2:
            raise ValueError(f"At height={height} a tuple has no other synonym: exchange others.")
        y, choices = self._read(X)
        choices[level] = (choices[level] + check_rng(random_state).integers(1, m, size=choices[level].shape)) % m
        return self._write(y, choices)

    def _write(self, y: NDArray[np.int64], choices: list[NDArray[np.int64]]) -> NDArray[np.int64]:
        """Return the strings of classes in which each node of a level is written by the rule chosen for it."""

        def children(nodes: NDArray[np.int64], level: int) -> NDArray[np.int64]:
            return self.rules[level][nodes, choices[level]].reshape(len(nodes), -1)

        return grow(y, len(self.rules), children)

    def _read(self, X: ArrayLike) -> tuple[NDArray[np.int64], list[NDArray[np.int64]]]:
        """Return the classes of strings, and the rule by which each node of each level is written."""
        nodes = as_array(X, "X")
        length = math.prod(r.shape[2] for r in self.rules)
        if nodes.ndim != 2 or nodes.shape[1] != length or not len(nodes) or nodes.dtype.kind not in "iu":
            raise ValueError(f"X must be strings (n, {length}), ints, got {nodes.dtype} of shape {nodes.shape}.")
        choices: list[NDArray[np.int64]] = []
        for rule in self.rules[::-1]:
            found = _rule_of(rule, nodes)
            choices.insert(0, found % rule.shape[1])
            nodes = found // rule.shape[1]
        return nodes[:, 0], choices


def _as_level(rule: ArrayLike, level: int) -> NDArray[np.int64]:
    """Return the rules of a level, (n_parents, m, s) int64, read-only; raise ValueError if they are none."""
    array = as_array(rule, f"rules[{level}]")
    if array.dtype.kind not in "iu" or array.ndim != 3 or 0 in array.shape or array.min() < 0:
        raise ValueError(
            f"rules[{level}] must be tuples (n_parents, n_synonyms, n_children) of ints >= 0, got {array.dtype} of "
            f"shape {array.shape}."
        )
    if array.shape[2] < 2:
        raise ValueError(f"rules[{level}] has tuples of one entry: a node has at least two children.")
    found = array.astype(np.int64)
    if len(np.unique(found.reshape(-1, array.shape[2]), axis=0)) < array.shape[0] * array.shape[1]:
        raise ValueError(
            f"rules[{level}] has two equal tuples: what stands for two colours, or twice for one, is none."
        )
    found.flags.writeable = False
    return found


def _rule_of(rule: NDArray[np.int64], nodes: NDArray) -> NDArray[np.int64]:
    """Return for each tuple of nodes (n, k s) the number a m + i, (n, k), of the i-th rule of its parent a."""
    parents, m, s = rule.shape
    tuples = nodes.reshape(-1, s)
    _, number = np.unique(np.concatenate([rule.reshape(-1, s), tuples]), axis=0, return_inverse=True)
    rule_of = np.full(number.max() + 1, -1)
    rule_of[number.ravel()[: parents * m]] = np.arange(parents * m)
    found = rule_of[number.ravel()[parents * m :]].reshape(len(nodes), -1)
    if (found < 0).any():
        i, k = map(int, np.argwhere(found < 0)[0])
        raise ValueError(f"X[{i}] has the tuple {tuple(nodes[i, k * s : (k + 1) * s].tolist())}, which no rule makes.")
    return found
