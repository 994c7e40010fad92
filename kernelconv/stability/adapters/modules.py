"""PyTorch modules as representations: NumPy images in, NumPy rows out, gradients by autograd.

torch is imported here only, inside functions: a caller who passes a module has installed it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelconv._arrays import check_numpy, to_numpy
from kernelconv._check import as_float, check_count
from kernelconv.stability.rows import check_batches, check_one_each

#: Images that a model is given at a time, if nobody says how many.
BATCH = 256


def is_module(phi: Any) -> bool:
    """Return whether `phi` is a torch.nn.Module, without importing torch."""
    return callable(getattr(phi, "named_modules", None))


@dataclass(frozen=True)
class ModuleRepresentation:
    """A module as a function from NumPy images to NumPy rows, in eval mode and by batches.

    Attributes
    ----------
    module : torch.nn.Module
        The module, read again at each call and not changed.
    batch_size, device
        As in `as_representation`.
    """

    module: Any
    batch_size: int | None = None
    device: Any = None

    def __post_init__(self) -> None:
        if self.batch_size is not None:
            check_count(self.batch_size, "batch_size")
        if self.device is not None:
            _check_device(self.device)

    def __call__(self, x: NDArray) -> NDArray:
        """Return the features (n, d) of images (n, h, w) or (n, h, w, c)."""
        found = as_float(self._outputs(x), "phi(X)")
        return found.reshape(len(found), -1)

    def maps(self, x: NDArray) -> NDArray:
        """Return what the module makes of images, maps channels last."""
        found = self._outputs(x)
        return np.moveaxis(found, 1, -1) if found.ndim == 4 and not reads_channels_last(self.module) else found

    def vjp(self, x: NDArray, g: NDArray) -> NDArray:
        """Return the gradient, of the shape of `x`, of <g, Phi(x)> for `g` of the shape of the features."""
        import torch

        # the user may be in inference mode, where no graph is built
        with torch.inference_mode(False), torch.enable_grad(), evaluating(self.module):
            call = self._caller()
            return np.concatenate([self._slope(call, x[s], g[s]) for s in self._batches(x)])

    def _outputs(self, x: NDArray) -> NDArray:
        import torch

        with torch.no_grad(), evaluating(self.module):
            call = self._caller()
            return np.concatenate([_as_numpy(self._run(call, self._as_tensor(x[s]))) for s in self._batches(x)])

    def _batches(self, x: Any) -> list[slice]:
        check_numpy(x, "X", "A module is given NumPy images, channels last; of tensors pass a function of tensors.")
        return check_batches(x, self.batch_size or BATCH)

    def _slope(self, call: Callable[[Any], Any], x: NDArray, g: NDArray) -> NDArray:
        """Return the gradient in one batch."""
        import torch

        images = self._as_tensor(x).requires_grad_()
        y = self._run(call, images.clone())  # a copy: a module may write into what it is given
        slope = None
        if y.requires_grad:
            if g.size != y.numel():
                raise ValueError(f"g must have the shape of the features, {tuple(y.shape)}, got {g.shape}.")
            cotangent = torch.tensor(g.reshape(tuple(y.shape)), dtype=y.dtype, device=y.device)
            (slope,) = torch.autograd.grad(y, images, cotangent, allow_unused=True)
        if slope is None:
            raise ValueError(
                f"No gradient comes through the module {type(self.module).__name__}: its output does not depend on the "
                "images, or is detached from them or of whole numbers. Search without one: method='evolution'."
            )
        found = _as_numpy(slope)
        return (found if reads_channels_last(self.module) else np.moveaxis(found, 1, -1)).reshape(x.shape)

    def _as_tensor(self, x: NDArray) -> Any:
        """Return images as the module reads them: its order of axes, its dtype, the device it runs on."""
        import torch

        own = next(_state(self.module), None)
        dtype = next((t.dtype for _, t in _state(self.module) if t.is_floating_point()), None)
        device = self.device if self.device is not None else own[1].device if own else None
        planes = x if x.ndim == 4 else x[..., None]
        planes = planes if reads_channels_last(self.module) else np.moveaxis(planes, -1, 1)
        return torch.tensor(np.ascontiguousarray(planes), dtype=dtype, device=device)

    def _caller(self) -> Callable[[Any], Any]:
        """Return the module as a function, on another device with copies of its parameters and buffers."""
        import torch

        if self.device is None:
            return self.module
        device = torch.empty(0, device=self.device).device
        if all(t.device == device for _, t in _state(self.module)):
            return self.module
        copies = {name: t.to(device) for name, t in _state(self.module)}
        return lambda images: torch.func.functional_call(self.module, copies, (images,))

    def _run(self, call: Callable[[Any], Any], images: Any) -> Any:
        """Return the module's output of a batch, one row per image; raise ValueError in words if there is none."""
        import torch

        name, order = type(self.module).__name__, "(n, h, w, c)" if reads_channels_last(self.module) else "(n, c, h, w)"
        instead = "Pass a function of NumPy images: phi=lambda X: module(torch.as_tensor(X))"
        try:
            y = call(images)
        except torch.cuda.OutOfMemoryError:
            raise  # no fault of the images: a smaller batch_size helps
        except Exception as error:  # whatever a module raises that was made for other images
            raise ValueError(
                f"The module {name} cannot read a tensor of shape {tuple(images.shape)}, {order}, {images.dtype}, on "
                f"{images.device}: {error}. {instead}, with the axes as the module reads them; one that reads "
                "(n, h, w, c) says so by its attribute channels_last = True."
            ) from error
        if not isinstance(y, torch.Tensor):
            raise ValueError(f"The module {name} returned a {type(y).__name__}, no tensor. {instead}[0], say.")
        check_one_each(tuple(y.shape), len(images))
        return y


def reads_channels_last(module: Any) -> bool:
    """Return whether a module, or the first of a torch.nn.Sequential, says that it reads images (n, h, w, c)."""
    import torch

    while isinstance(module, torch.nn.Sequential) and not hasattr(module, "channels_last") and len(module):
        module = module[0]
    return getattr(module, "channels_last", False) is True


@contextmanager
def evaluating(module: Any) -> Iterator[None]:
    """Run what is inside with the module in eval mode, and give each submodule its own mode back after."""
    before = [(m, m.training) for m in module.modules()]
    try:
        if any(training for _, training in before):
            with suppress(NotImplementedError):  # an exported module keeps the mode that it was exported in
                module.eval()
        yield
    finally:
        for m, training in before:  # parents first: their train() reaches what they hold
            if m.training != training:
                m.train(training)
            m.training = training


def _state(module: Any) -> Iterator[tuple[str, Any]]:
    return chain(module.named_parameters(), module.named_buffers())


def _as_numpy(y: Any) -> NDArray:
    """Return a tensor as NumPy's; half precision, which NumPy has or not, as float32."""
    return to_numpy(y.float() if y.is_floating_point() and y.element_size() < 4 else y)


def _check_device(device: Any) -> None:
    import torch

    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, TypeError) as error:
        raise ValueError(f"device={device!r} is none that there is here: {str(error).splitlines()[0]}") from None
