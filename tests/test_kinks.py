"""At kinks and ties PyTorch and JAX differentiate the definitions as NumPy's closed form does."""

import numpy as np
import pytest

from kernelconv.networks.scattering.path_parts import LogCompression, ParentNormalization, ScatteringPath
from kernelconv.operators import (
    GaussianPooling,
    GlobalPooling,
    MaxPooling,
    Modulus,
    ReLU,
    Sigmoid,
    Softplus,
    Square,
    Squash,
    Tanh,
)

NUMBERS = np.array([-90.0, -3, -0.0, 0, 0.1, 50]).reshape(1, 1, 1, 6)
TIES = np.array([[1.0, 1, 2, 0], [1, 1, 2, 2], [0, 3, 5, 4], [3, 3, 4, 5]]).reshape(1, 4, 4, 1)
CAPSULES = np.array([1.0, 0, 0.6, 0.8, 0, 0, -3, 4, 0.1, 0.2]).reshape(1, 1, 1, 10)
PATHS = ScatteringPath((), ()), ScatteringPath((0,), (0,)), ScatteringPath((0, 1), (0, 0))
AT_ZERO = np.array([[0.0, 0, 2], [1, -1e-9, 3], [-1, 1, 0]]).reshape(1, 3, 1, 3)

CASES = [(part, NUMBERS) for part in (ReLU(), Modulus(), Square(), Softplus(), Tanh(), Sigmoid())]
CASES += [(MaxPooling(2), TIES), (MaxPooling(3, 1), TIES), (GlobalPooling("max"), TIES), (Squash(2), CAPSULES)]
CASES += [(part(PATHS, 0.5), AT_ZERO) for part in (LogCompression, ParentNormalization)]


def of_torch(part, x, g):
    torch = pytest.importorskip("torch")
    tensor = torch.tensor(x, requires_grad=True)
    y = part.forward(tensor)
    (y * torch.tensor(g)).sum().backward()
    return y.detach().numpy(), tensor.grad.numpy()


def of_jax(part, x, g):
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True):
        y, pullback = jax.vjp(part.forward, jax.numpy.asarray(x))
        return np.asarray(y), np.asarray(pullback(jax.numpy.asarray(g))[0])


@pytest.mark.parametrize("differentiated", [of_torch, of_jax])
@pytest.mark.parametrize(("part", "x"), CASES, ids=[repr(part) for part, _ in CASES])
def test_libraries_differentiate_definitions_as_we_do(part, x, differentiated):
    part = part.build(x.shape[1:])
    expected = part.forward(x)
    g = np.random.default_rng(0).standard_normal(expected.shape)
    y, gradient = differentiated(part, x, g)
    np.testing.assert_allclose(y, expected, rtol=1e-14)
    np.testing.assert_allclose(gradient, part.vjp(x, g)[0], rtol=1e-13, atol=1e-20)


@pytest.mark.parametrize("padding", ["symmetric", "zero", "reflect", "circular"])
@pytest.mark.parametrize("shape", [(1, 1030, 2), (1100, 3, 1)])
def test_long_lines_are_pooled_by_windows(padding, shape):
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).standard_normal((2, *shape))
    part = GaussianPooling((2, 3), 1.5, padding).build(shape)
    tensor = torch.tensor(x, requires_grad=True)
    y = part.forward(tensor)
    g = np.random.default_rng(1).standard_normal(tuple(y.shape))
    (y * torch.tensor(g)).sum().backward()
    np.testing.assert_allclose(y.detach().numpy(), part.forward(x), atol=1e-13)
    np.testing.assert_allclose(tensor.grad.numpy(), part.vjp(x, g)[0], atol=1e-13)
