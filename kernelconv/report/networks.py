"""Pictures of networks: their filters, maps, receptive fields, strongest patches, and how they were trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from kernelconv._check import check_count, check_images, check_rng, check_shape
from kernelconv._numbers import shown
from kernelconv._types.parameters import RandomState
from kernelconv.networks.inspection.fields import extent, field_by_gradient, touched, windows
from kernelconv.networks.inspection.filters import filters
from kernelconv.networks.inspection.patches import StrongestPatches, strongest_patches
from kernelconv.networks.inspection.resolve import as_network, up_to
from kernelconv.networks.serial import Network, serial
from kernelconv.operators import Part
from kernelconv.report import charts
from kernelconv.report.charts.networks import measures_of, training_figure

__all__ = [
    "plot_filters",
    "plot_maps",
    "plot_patches",
    "plot_receptive_field",
    "plot_training",
    "strongest_patches",
]

Asked: TypeAlias = Part | BaseEstimator
Records: TypeAlias = Sequence[Mapping[str, float]]


def plot_filters(
    network: Asked | Mapping[str, Asked], layer: str | int | None = None, *, n: int = 64, n_columns: int = 8
) -> Any:
    """Draw the filters of a layer: weights, anchors or wavelets, with grey for zero; in colour with three channels.

    Parameters
    ----------
    network : Network, Part, estimator, or dict of them
        Built, or fitted with a ``network_``. Of each entry of a dict eight filters are drawn, in a row with its name.
    layer : str or int, optional
        A name of ``network.trace``, or the position of one; by default the first that has filters.
    n : int
        Largest number of filters, the first ones; for a dict, eight evenly spaced ones are drawn instead.
    n_columns : int
        Filters per row.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ImportError
        If matplotlib is missing.
    TypeError
        If `network` is not a network, a part or an estimator with one.
    ValueError
        If it is not built, has no such layer, or none with filters; if the dict is empty; if `n` or `n_columns` is not
        an int >= 1.

    Examples
    --------
    >>> from kernelconv import Scattering2D, load_digits_images
    >>> from kernelconv.report import plot_filters
    >>> figure = plot_filters(Scattering2D(J=2, L=4).fit(load_digits_images()[0]))  # doctest: +SKIP
    """
    n, n_columns = check_count(n, "n"), check_count(n_columns, "n_columns")
    if isinstance(network, Mapping) and not network:
        raise ValueError("There is nothing to draw: the dict of networks is empty.")
    with charts.house_style():
        if isinstance(network, Mapping):
            return charts.first_layers({k: _signed(filters(one, layer)) for k, one in network.items()}, pyplot=True)
        found = filters(network, layer)[:n]
        return charts.sheet((_signed(found) + 1) / 2, min(n_columns, len(found)))


def plot_maps(network: Asked, image: ArrayLike, *, n: int = 8) -> Any:
    """Draw the output of every layer for an image: the first `n` channels of each map of ``trace``, one row per layer.

    Parameters
    ----------
    network : Network, Part or estimator
        Built, or fitted with a ``network_``.
    image : array-like, shape (h, w), (h, w, c) or (1, h, w, c)
        One image. An image of one line (1, t, c) is a signal, whose maps are drawn as curves.
    n : int
        Largest number of channels per layer.

    Returns
    -------
    matplotlib Figure
        Layers with a single position are left out. For complex maps the modulus is drawn.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    TypeError
        If `network` is not a network, a part or an estimator with one.
    ValueError
        If it is not built; if `image` is not one finite image of its shape, or `n` is not an int >= 1.
    """
    asked, n = as_network(network), check_count(n, "n")
    one = _one_image(image, asked)
    layers = {name: np.abs(m[0]) if np.iscomplexobj(m) else m[0] for name, m in asked.trace(one).items()}
    drawn = {name: m for name, m in layers.items() if m.shape[0] * m.shape[1] > 1}
    with charts.house_style():
        return charts.maps(one[0], {name: m[..., :n] for name, m in drawn.items()})


def plot_patches(found: StrongestPatches, *, n: int = 16, n_columns: int = 9) -> Any:
    """Draw the patches of `strongest_patches`, one row per channel, the strongest on the left.

    Parameters
    ----------
    found : StrongestPatches
        What `kernelconv.networks.strongest_patches` returns.
    n, n_columns : int
        Largest numbers of channels, and of patches of each: the first channels, the strongest patches.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ImportError
        If matplotlib is missing.
    TypeError
        If `found` is not what `strongest_patches` returns.
    ValueError
        If `n` or `n_columns` is not an int >= 1.
    """
    if not isinstance(found, StrongestPatches):
        raise TypeError(f"found must be what strongest_patches(network, layer, X) returns, got {shown(found)}.")
    patches = found.patches[: check_count(n, "n"), : check_count(n_columns, "n_columns")]
    low, high = float(patches.min()), float(patches.max())
    patches = (patches - low) / ((high - low) or 1.0)
    names = [f"channel {k}" for k in range(len(patches))]
    with charts.house_style():
        return charts.sheet(patches.reshape(-1, *patches.shape[2:]), patches.shape[1], names)


def plot_receptive_field(
    network: Asked,
    in_shape: tuple[int, ...] | None = None,
    layer: str | int | None = None,
    *,
    random_state: RandomState = 0,
    axes: Any = None,
) -> Any:
    """Draw the receptive field of the central unit of a layer: its gradient, and the window that ``summary`` states.

    Parameters
    ----------
    network : Network, Part or estimator
        Built, or fitted with a ``network_``; or an unbuilt network or part, with `in_shape`.
    in_shape : tuple (h, w) or (h, w, c), optional
        Of the images; by default that for which the network was built. For another shape, or an unbuilt network,
        weights are drawn at random: the extent of the field does not depend on them.
    layer : str or int, optional
        A name of ``network.trace``, or the position of one; by default the last.
    random_state : None, int or numpy Generator
        Source of the images at which the gradient is computed, and of random weights.
    axes : matplotlib Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib Figure
        Darkness shows the square root of the gradient's mean over 16 images of noise. The frame is the window; the
        title gives both sizes, of which that by gradient is smaller if the window extends beyond the image.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    TypeError
        If `network` is not a network, a part or an estimator with one.
    ValueError
        If it is not built and `in_shape` not given, does not fit `in_shape`, has no such layer or no gradient.
    """
    rng = check_rng(random_state)
    asked = up_to(_at_shape(network, in_shape, rng), layer)
    if not asked.differentiable:
        raise ValueError(f"{asked!r:.200} has no gradient, so nothing shows what it sees.")
    size, rows, columns = windows(asked)
    at = len(rows) // 2, len(columns) // 2
    gradient = field_by_gradient(asked, at, rng)
    reached = extent(touched(gradient))[1]
    title = f"{asked.names[-1]}\nwindow {_x(size)} px\ngradient {_x(reached)} px"
    with charts.house_style():
        axes = charts.new_figure(3.5, 3.0, pyplot=True).subplots() if axes is None else axes
        charts.field(axes, gradient, ((int(rows[at[0]]), int(columns[at[1]])), size), title)
    return axes.figure


def plot_training(trained: BaseEstimator | Records | Mapping[str, BaseEstimator | Records], *, axes: Any = None) -> Any:
    """Draw the records of one or several trainings by epoch: the loss, the accuracy and all other measures recorded.

    Parameters
    ----------
    trained : estimator, sequence of dict, or dict of them
        A fitted estimator with a ``history_``, or such a history, one record per epoch. Each entry of a dict is drawn
        in a colour of its own.
    axes : sequence of matplotlib Axes, optional
        One per measure; call ``legend`` on them to show names. By default a new figure with a legend.

    Returns
    -------
    matplotlib Figure
        Values on held-out images (``early_stopping``) are dashed.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    TypeError
        If there is no history: the estimator is not fitted, or records none.
    ValueError
        If a history is empty, or there are not as many axes as measures.
    """
    named = trained if isinstance(trained, Mapping) else {"": trained}
    curves = {str(name): _history(one) for name, one in named.items()}
    measures = measures_of(curves)
    if not measures:
        raise ValueError(f"There is nothing to draw: no record of a training in {shown(trained)}.")
    with charts.house_style():
        if axes is None:
            return training_figure(curves)
        panels = list(np.ravel(np.array(axes, dtype=object)))
        if len(panels) != len(measures):
            raise ValueError(
                f"plot_training draws {len(measures)} panels, {', '.join(measures)}; got {len(panels)} axes."
            )
        charts.training(dict(zip(measures, panels, strict=True)), curves)
        return panels[0].figure


def _signed(pictures: NDArray) -> NDArray:
    """Return pictures with each one's largest modulus 1."""
    top = np.abs(pictures).reshape(len(pictures), -1).max(axis=1)
    return pictures / np.where(top > 0, top, 1).reshape(-1, *[1] * (pictures.ndim - 1))


def _one_image(image: Any, network: Network) -> NDArray:
    """Return one image as (1, h, w, c)."""
    found = np.asarray(image)
    found = found[None] if found.ndim == 2 or found.shape == network.in_shape else found
    found = check_images(found, name="image", channels_last=False)
    if found.shape != (1, *network.in_shape):
        raise ValueError(
            f"image must be one image of shape {network.in_shape}, for which the network is built, got {found.shape}."
        )
    return found


def _at_shape(network: Any, in_shape: Any, rng: np.random.Generator) -> Network:
    """Return the built network that is asked, or one with fresh weights for images of another shape."""
    if in_shape is None:
        return as_network(network)
    shape = check_shape((*in_shape, 1) if isinstance(in_shape, tuple | list) and len(in_shape) == 2 else in_shape)
    found = network if isinstance(network, Part) else as_network(network)
    found = found if isinstance(found, Network) else serial(found)
    return found if found.in_shape == shape else found.build(shape, rng)


def _history(trained: Any) -> Records:
    """Return the records of a training."""
    records = getattr(trained, "history_", trained)
    if not isinstance(records, list | tuple) or not all(isinstance(r, Mapping) for r in records):
        raise TypeError(
            f"A training is a fitted estimator with a history_, or that list of records, got {shown(trained)}."
        )
    return records


def _x(size: Sequence[int]) -> str:
    return "x".join(map(str, size))
