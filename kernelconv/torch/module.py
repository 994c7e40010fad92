"""PartModule: a part whose params are PyTorch's parameters."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn.utils import parametrize

from kernelconv._numbers import shown
from kernelconv.networks.arrays import by_block, definition_values
from kernelconv.networks.serial import Network
from kernelconv.operators import BatchNorm, Concat, Dropout, Flatten, KernelMapping, MaxPooling, WaveletTransform
from kernelconv.operators.base import Part
from kernelconv.operators.composite import Composite
from kernelconv.operators.learned.affine import Affine
from kernelconv.operators.mappings.nonlinearities import Pointwise
from kernelconv.torch.operation import pulled_back
from kernelconv.torch.real import by_products

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

    def __init__(
        self,
        part: Part,
        engine: str = "auto",
        channels_first: bool = False,
        trainable: bool = True,
        rows: str | None = None,
    ) -> None:
        super().__init__()
        self._part, self.engine, self.channels_last = part, engine, not channels_first
        self.trainable, self.rows = trainable, rows
        self._kept: dict[str, tuple[Any, list[Tensor], Part]] = {}  # parts of fixed values, and what they were made of
        if isinstance(part, Composite):
            for name, inner in part.named_parts.items():
                self.add_module(name, PartModule(inner, engine, channels_first, trainable))
            return
        for name, value in part.params.items():
            self._hold(name, torch.tensor(value))
        for name, value in part.state.items():
            self.register_buffer(name, torch.tensor(value))
        if isinstance(part, KernelMapping) and not trainable:
            whitening = part.matrix().astype(part.params["anchors"].dtype)
            self.register_buffer("whitening", torch.tensor(whitening))

    def _hold(self, name: str, value: Tensor) -> None:
        if not self.trainable:
            self.register_buffer(name, value)
            return
        self.register_parameter(name, nn.Parameter(value, self._part.differentiable))
        if type(self._part).constrain is not Part.constrain:
            parametrize.register_parametrization(self, name, Constrained(self._part, name))

    # -- what it holds ---------------------------------------------------------------------------------------------

    def _tensors(self, kind: str) -> Tensors:
        """Return the tensors of the part's "params" or "state", by the names that the part gives them."""
        if not isinstance(self._part, Composite):
            return {name: getattr(self, name) for name in getattr(self._part, kind)}
        of_parts = {name: self._inner(name)._tensors(kind) for name in self._part.named_parts}
        return {f"{name}.{key}": value for name, own in of_parts.items() for key, value in own.items()}

    def _inner(self, name: str) -> PartModule:
        inner = self.get_submodule(name)
        if not isinstance(inner, PartModule):
            raise TypeError(
                f"part {name!r} was replaced by a {type(inner).__name__}: a module of kernelconv computes the parts it "
                "was made of. Put other modules after it, in a torch.nn.Sequential."
            )
        return inner

    def extra_repr(self) -> str:
        """Return the part, where it holds no others."""
        return "" if isinstance(self._part, Composite) else repr(self._part)

    def part(self) -> Any:
        """Return the part, of NumPy, with the values that the module holds now."""

        def copied(value: Tensor) -> Any:  # of half precision parts hold none
            return value.detach().cpu().to(torch.promote_types(value.dtype, torch.float32)).numpy().copy()

        params, state = ({k: copied(v) for k, v in self._tensors(kind).items()} for kind in ("params", "state"))
        return self._part.replace(params, state) if params or state else self._part

    def _of_tensors(self, x: Tensor) -> Part:
        """Return the part with tensors for values, for maps `x`: whitenings are computed here, once for all blocks."""
        if isinstance(self._part, Composite):
            return self._part._with_parts([self._inner(name)._of_tensors(x) for name in self._part.named_parts])
        params, state = self._tensors("params"), self._tensors("state")
        if not (params or state):
            return self._part if self._traced(x) else self._held("constants", partial(self._part._beside, x), x)
        part = self._part.replace(params, state)  # type: ignore[arg-type]
        if not isinstance(part, KernelMapping) or (self.trainable and self._traced(x)):
            return part
        return part.with_matrix(part.matrix() if self.trainable else self.get_buffer("whitening"))

    def _held(self, kind: str, make: Callable[[], Part], x: Tensor) -> Part:
        """Return ``make()``, for maps like `x`, or what it returned before if no value has changed since.

        Values are compared with copies: a tensor's version does not count what is written through its ``data``.
        """
        held = [t.detach() for t in (*self.parameters(), *self.buffers())]
        key = [(x.dtype, x.device, torch.is_inference_mode_enabled()), *((t.dtype, t.device) for t in held)]
        known = self._kept.get(kind)
        if known is None or known[0] != key or not all(map(torch.equal, known[1], held)):
            known = self._kept[kind] = key, [t.clone() for t in held], make()
        return known[2]

    def __deepcopy__(self, memo: dict[int, Any]) -> PartModule:
        """Return a copy as PyTorch makes it, hooks and device included; the part itself never changes."""
        memo[id(self._part)] = self._part
        copied: PartModule = type(self).__new__(type(self))
        memo[id(self)] = copied
        copied.__dict__ = {**copy.deepcopy({k: v for k, v in self.__dict__.items() if k != "_kept"}, memo), "_kept": {}}
        return copied

    def __reduce__(self) -> Any:
        """Pickle what decides the module: PyTorch itself does not pickle parametrized ones."""
        needs = {name: p.requires_grad for name, p in self.named_parameters()}
        modes = {name: m.training for name, m in self.named_modules()}
        made = (self._part, self.engine, not self.channels_last, self.trainable, self.rows)
        return _again, (made, self.state_dict(), needs, modes)

    # -- running ---------------------------------------------------------------------------------------------------

    def forward(self, x: Tensor) -> Tensor:
        """Return what the part makes of images `x`."""
        if not torch.compiler.is_compiling():
            self._check_mode()
        if torch.compiler.is_dynamo_compiling() and not self._is_simple(self._part):
            return self._uncompiled(x)
        return self._run(x)

    def _check_mode(self) -> None:
        """Raise ValueError if a part is in another mode than the module, which computes all of them in its own."""
        for name, inner in self.named_modules():
            if isinstance(inner, PartModule) and inner.training != self.training:
                modes = ("training", "evaluation") if self.training else ("evaluation", "training")
                raise ValueError(
                    f"the module is in {modes[0]} mode, its part {name!r} in {modes[1]} mode: a module of kernelconv "
                    "computes all parts in one mode. Call train() or eval() of the module itself."
                )

    @torch.compiler.disable
    def _uncompiled(self, x: Tensor) -> Tensor:
        return self._run(x)

    def _is_simple(self, part: Part) -> bool:
        """Return whether PyTorch's compiler can follow the part's code: that of others makes matrices by NumPy."""
        if isinstance(part, Composite):
            return all(self._is_simple(inner) for inner in part.named_parts.values())
        return isinstance(part, Affine | Dropout | BatchNorm | Flatten | MaxPooling | Pointwise)

    def _run(self, x: Tensor) -> Tensor:
        maps = self._maps(x)
        single = torch.promote_types(maps.dtype, torch.float32)  # in which half precision is computed
        y = self._by_engine(maps) if self._takes_engine(maps) else self._by_definition(maps.to(single))
        y = y if single == maps.dtype or y.is_complex() else y.to(maps.dtype)
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

    def _traced(self, x: Tensor) -> bool:
        """Return whether PyTorch looks for operations: it compiles, exports, or transforms images or values."""
        if torch.compiler.is_compiling():
            return True
        followed = torch._C._functorch.is_functorch_wrapped_tensor
        values = (x, *self.parameters(), *self.buffers())
        return any(followed(t) or forward_ad.unpack_dual(t).tangent is not None for t in values)

    def _takes_engine(self, x: Tensor) -> bool:
        if self.engine == "torch" or (self.engine == "auto" and self._traced(x)):
            return False
        fits = x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64) and len(x) > 0
        if self.engine == "numpy" and not fits:
            raise ValueError(f"engine='numpy' takes real tensors on the CPU, got {x.dtype} on {x.device}.")
        slopes = self._part.differentiable or not (self.training or torch.is_grad_enabled())
        return fits and slopes and not self._makes_complex(self._part)

    def _makes_complex(self, part: Part) -> bool:
        """Return whether `part` may give complex maps, whose gradients are PyTorch's own matter."""
        if isinstance(part, Network):
            return self._makes_complex(part.parts[-1])
        return isinstance(part, WaveletTransform | Concat)

    def _by_definition(self, x: Tensor) -> Tensor:
        if self.training:
            return self._in_training(x)
        if torch.compiler.is_exporting():
            return by_products(self._of_tensors(x), x)
        if self._traced(x):
            return self._of_tensors(x).definition(x)
        if not len(x):
            return self._of_tensors(x).forward(x)
        learns = torch.is_grad_enabled() and any(p.requires_grad for p in self.parameters())
        part = self._of_tensors(x) if learns else self._held("torch", partial(self._of_tensors, x), x)
        return self._in_blocks(part.definition, x)

    def _in_training(self, x: Tensor) -> Tensor:
        part, states = self._of_tensors(x), []
        draw = partial(torch.rand, dtype=x.dtype, device=x.device)

        def run(x: Tensor) -> Tensor:
            y, state = part.training_definition(x, draw)
            states.append(state)
            return y

        y = run(x) if self._traced(x) or not len(x) or part.couples_samples else self._in_blocks(run, x)
        self._update(states[0])
        return y

    def _in_blocks(self, run: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        """Return ``run(x)``: on the CPU in blocks whose maps stay in its caches, elsewhere whole."""
        if x.device.type != "cpu":
            return run(x)
        return by_block(run, x, x.element_size() * definition_values(self._part))

    def _by_engine(self, x: Tensor) -> Tensor:
        params = self._tensors("params")
        part = self._held("numpy", self.part, x)
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
            if state[name] is not buffer:  # what did not change may have been saved for the backward pass
                buffer.copy_(state[name])


def _again(made: tuple[Any, ...], values: Any, needs: dict[str, bool], modes: dict[str, bool]) -> PartModule:
    module = PartModule(*made)
    dtypes = {name: t.dtype for name, t in values.items()}
    for name, t in [*module.named_parameters(), *module.named_buffers()]:
        t.data = t.data.to(dtypes[name])
    for device in {t.device for t in values.values()}:  # there is one
        module.to(device)
    module.load_state_dict(values)
    for name, p in module.named_parameters():
        p.requires_grad_(needs[name])
    for name, inner in module.named_modules():
        inner.training = modes[name]
    return module
