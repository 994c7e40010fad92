"""Gradients in closed form, for the libraries that differentiate: where the chain rule's are not finite.

A leaf of the import graph. PyTorch and JAX are imported where one of their arrays has come.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import array_api_compat

#: What is kept of a computation for its gradient.
Kept = tuple[Any, ...]
Function = Callable[[Any], tuple[Any, Kept]]
Pull = Callable[[Any, Any, Kept], Any]


def differentiated(function: Function, pull: Pull, x: Any) -> Any:
    """Return y of ``function(x) -> (y, kept)``; the library of `x` takes ``pull(g, x, kept)`` as its gradient.

    For what has a closed form of its gradient that is finite where the chain rule's is not, as the inverse square root
    of a matrix with equal eigenvalues has. A second derivative is refused by PyTorch, and by JAX is that of `pull`.
    """
    if array_api_compat.is_torch_array(x):
        return _torch_operation(function, pull).apply(x)[0]
    if array_api_compat.is_jax_array(x):
        return _jax_operation(function, pull)(x)
    return function(x)[0]


def _torch_operation(function: Function, pull: Pull) -> Any:
    import torch

    class Operation(torch.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x: Any) -> Any:
            y, kept = function(x)
            return (y, *kept)

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.save_for_backward(inputs[0], *output[1:])
            ctx.mark_non_differentiable(*output[1:])

        @staticmethod
        def backward(ctx: Any, g: Any, *_: Any) -> Any:
            x, *kept = ctx.saved_tensors
            with torch.no_grad():
                found = pull(g, x, tuple(kept))
            return torch_once()(found, g, x)

    return Operation


@cache
def torch_once() -> Callable[..., Any]:
    """Return a function (found, *of) -> found of PyTorch's tensors: a gradient that has none itself in `of`.

    PyTorch's own ``once_differentiable`` sees what comes to a backward, and not what was saved for it: a penalty on a
    gradient would count as a constant without a word.
    """
    import torch

    class Once(torch.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(found: Any, *of: Any) -> Any:
            return found.clone()

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            pass

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            raise RuntimeError(
                "a gradient of a gradient was asked for through an operation of kernelconv that knows its first alone. "
                "as_module(model, engine='torch', trainable=False) knows more of the images'."
            )

    return Once.apply


def _jax_operation(function: Function, pull: Pull) -> Any:
    import jax

    operation = jax.custom_vjp(lambda x: function(x)[0])

    def forward(x: Any) -> Any:
        y, kept = function(x)
        return y, (x, kept)

    operation.defvjp(forward, lambda kept, g: (pull(g, *kept),))
    return operation
