"""PartModule: a part whose params are PyTorch's parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils import parametrize

from kernelconv._numbers import shown
from kernelconv.operators.base import Part
from kernelconv.operators.composite import Composite
from kernelconv.torch.operation import pulled_back

Tensors = dict[str, Tensor]


class Constrained(nn.Module):
    """A param on the set where its part wants it: anchors on the sphere."""

    def __init__(self, part: Part, name: str) -> None:
        super().__init__()
        self._part, self._name = part, name

    def forward(self, value: Tensor) -> Tensor:
        """Return the nearest value of that set."""
        return self._part.constrain({self._name: value})[self._name]  # type: ignore[dict-item,return-value]

    def right_inverse(self, value: Tensor) -> Tensor:
        """Return `value`: it lies there."""
        return value


class PartModule(nn.Module):
    """A built part as a module, made by `kernelconv.torch.as_module`, which says what it does."""

    def __init__(self, part: Part, engine: str = "auto", channels_first: bool = False, rows: str | None = None) -> None:
        super().__init__()
        self._part, self.engine, self.channels_last, self.rows = part, engine, not channels_first, rows
        self._kept: tuple[Any, Part] | None = None  # a part of fixed tensors, and what it was made of
        if isinstance(part, Composite):
            for name, inner in part.named_parts.items():
                self.add_module(name, PartModule(inner, engine, channels_first))
            return
        for name, value in part.params.items():
            self.register_parameter(name, nn.Parameter(torch.tensor(value), part.differentiable))
            if type(part).constrain is not Part.constrain:
                parametrize.register_parametrization(self, name, Constrained(part, name))
        for name, value in part.state.items():
            self.register_buffer(name, torch.tensor(value))

    # -- what it holds ---------------------------------------------------------------------------------------------

    def _tensors(self, kind: str) -> Tensors:
        """Return the tensors of the part's "params" or "state", by the names that the part gives them."""
        own = {} if isinstance(self._part, Composite) else {name: getattr(self, name) for name in self._of(kind)}
        for name, child in self.named_children():
            if isinstance(child, PartModule):
                own |= {f"{name}.{key}": value for key, value in child._tensors(kind).items()}
        return own

    def _of(self, kind: str) -> Mapping[str, NDArray]:
        return getattr(self._part, kind)

    def part(self) -> Any:
        """Return the part, of NumPy, with the values that the module holds now."""
        params, state = (
            {k: v.detach().cpu().numpy().copy() for k, v in self._tensors(kind).items()} for kind in ("params", "state")
        )
        return self._part.replace(params, state) if params or state else self._part

    def _held(self, make: Callable[[], Part], kind: str) -> Part:
        """Return ``make()``, or what it returned before if the tensors that it is made of have not changed since."""
        held = [*self.parameters(), *self.buffers()]
        key = (kind, *((t.data_ptr(), t._version, t.dtype, t.device) for t in held))
        if self._kept is None or self._kept[0] != key:
            self._kept = key, make()
        return self._kept[1]

    def _of_tensors(self) -> Part:
        params, state = self._tensors("params"), self._tensors("state")
        return self._part.replace(params, state) if params or state else self._part  # type: ignore[arg-type]

    def __reduce__(self) -> Any:
        """Copy and pickle what decides the module: PyTorch itself does not pickle parametrized ones."""
        needs = {name: p.requires_grad for name, p in self.named_parameters()}
        modes = {name: m.training for name, m in self.named_modules()}
        made = (self._part, self.engine, not self.channels_last, self.rows)
        return _again, (made, self.state_dict(), needs, modes)

    # -- running ---------------------------------------------------------------------------------------------------

    def forward(self, x: Tensor) -> Tensor:
        """Return what the part makes of images `x`."""
        maps = self._maps(x)
        y = self._by_engine(maps) if self._takes_engine(maps) else self._by_definition(maps)
        if self.rows is not None:
            return (y.movedim(-1, 1) if self.rows == "paths" else y).flatten(1)
        return y if self.channels_last else y.movedim(-1, 1)

    def _maps(self, x: Any) -> Tensor:
        """Return `x` as maps (n, h, w, c) of floating dtype.

        Raises
        ------
        TypeError
            If it is no tensor.
        ValueError
            If it is not of the shape of the part's input.
        """
        if not isinstance(x, Tensor):
            raise TypeError(f"a module of kernelconv takes tensors, got {shown(x)}: torch.as_tensor(X), or the part.")
        if not (x.is_floating_point() or x.is_complex()):
            x = x.to(torch.float32)
        h, w, c = self._part.in_shape
        if x.ndim == 3 and c == 1:
            x = x[..., None]
        elif x.ndim == 4 and not self.channels_last:
            x = x.movedim(1, -1)
        if tuple(x.shape[1:]) != (h, w, c):
            wanted = f"(n, {h}, {w}, {c})" if self.channels_last else f"(n, {c}, {h}, {w})"
            got = tuple(x.shape if self.channels_last or x.ndim != 4 else x.movedim(-1, 1).shape)
            raise ValueError(f"the module takes images {wanted}, got shape {got}. channels_first is the other order.")
        return x

    def _takes_engine(self, x: Tensor) -> bool:
        if self.engine == "torch" or (self.engine == "auto" and torch.compiler.is_compiling()):
            return False
        fits = x.device.type == "cpu" and not x.is_complex() and len(x) > 0
        if self.engine == "numpy" and not fits:
            raise ValueError(f"engine='numpy' takes real tensors on the CPU, got {x.dtype} on {x.device}.")
        return fits and x.dtype in (torch.float32, torch.float64) and not _transformed(x) and not self._is_complex()

    def _is_complex(self) -> bool:
        """Return whether complex maps come out: their gradients are PyTorch's own matter."""
        part = self._part.named_parts[self._part.names[-1]] if hasattr(self._part, "names") else self._part
        return "Wavelet" in type(part).__name__ or "Concat" in type(part).__name__

    def _by_definition(self, x: Tensor) -> Tensor:
        fixed = not (torch.is_grad_enabled() and any(p.requires_grad for p in self.parameters()))
        part = self._held(self._of_tensors, "torch") if fixed and not self.training else self._of_tensors()
        if not self.training:
            return part.definition(x)
        y, state = part.training_definition(x, lambda shape: torch.rand(shape, dtype=x.dtype, device=x.device))
        self._update(state)
        return y

    def _by_engine(self, x: Tensor) -> Tensor:
        params = self._tensors("params")
        part = self._held(self.part, "numpy")
        needed = torch.is_grad_enabled() and (x.requires_grad or any(p.requires_grad for p in params.values()))
        if not (needed or self.training):
            return torch.from_numpy(part.forward(x.detach().numpy()))
        y, state = pulled_back(part, x, params, self.training)
        if self.training:
            self._update({name: torch.from_numpy(np.asarray(value)) for name, value in state.items()})
        return y

    @torch.no_grad()
    def _update(self, state: Mapping[str, Any]) -> None:
        for name, buffer in self._tensors("state").items():
            buffer.copy_(state[name])


def _transformed(x: Tensor) -> bool:
    """Return whether `x` is inside a transformation of torch.func, which sees PyTorch's operations alone."""
    return torch._C._functorch.is_functorch_wrapped_tensor(x)


def _again(made: tuple[Any, ...], values: Any, needs: dict[str, bool], modes: dict[str, bool]) -> PartModule:
    part, engine, channels_first, rows = made
    module = PartModule(part, engine, channels_first, rows)
    dtypes = {name: t.dtype for name, t in values.items()}
    for name, t in [*module.named_parameters(), *module.named_buffers()]:
        t.data = t.data.to(dtypes[name])
    module.load_state_dict(values)
    for name, p in module.named_parameters():
        p.requires_grad_(needs[name])
    for name, inner in module.named_modules():
        inner.training = modes[name]
    return module
