"""Exact kernels as two public codes compute them, kept in peer_kernels.json for test_exact.py, and how that was made.

``python tests/peer_kernels.py`` writes the part of each code that can be imported and leaves the other as it is:

- neural-tangents 0.6.5 (with jax 0.5.3, in float64);
- ckn_kernel (github.com/albietz/ckn_kernel at c59fe52, built with its ``float_t`` set to double).
"""

import json
import math
from pathlib import Path

import numpy as np

VALUES = Path(__file__).with_name("peer_kernels.json")

#: Gaussian scale whose window of three is (1, 2, 1) / 4, which is two averages of two in a row
BINOMIAL = 1 / math.sqrt(2 * math.log(2))

#: Gaussian scale whose window is one position: no pooling
SINGLE = 0.5

SIGMA = 0.6

#: neural-tangents' names
PADDINGS = {"zero": "SAME", "valid": "VALID", "circular": "CIRCULAR"}


def images(side):
    """Three images of two channels, by a formula."""
    n, h, w, c = np.ogrid[:3, :side, :side, :2]
    return np.sin(1.0 + n * n + 0.7 * h + 1.3 * n * w + 0.5 * h * w + 2.0 * c)


def neural_tangents():
    """Infinitely wide networks: convolutions, nonlinearities, average pooling, and a dense layer for the trace."""
    import jax
    from neural_tangents import stax

    jax.config.update("jax_enable_x64", True)
    cases = []
    for kernel, padding, subsampling, sizes in (
        ("arccosine", "zero", 3, (3,)),
        ("arccosine", "zero", 3, (3, 3)),
        ("arccosine", "circular", 3, (3, 3)),
        ("arccosine", "valid", 1, (3, 3)),
        ("arccosine", "zero", 1, (3, 2)),
        ("exponential", "zero", 3, (3, 3)),
    ):
        # a rectifier keeps half of the variance, and the kernels of kernelconv are normalised to kappa(1) = 1
        gain = 2 if kernel == "arccosine" else 1
        layers = []
        for depth, size in enumerate(sizes):
            area = size**2 * (gain if depth else images(9).shape[3])  # a mean over the patch becomes a sum
            conv = stax.Conv(1, (size, size), padding=PADDINGS[padding], W_std=area**0.5, b_std=None)
            layers += [conv, stax.Relu() if kernel == "arccosine" else stax.ExpNormalized(gamma=1 / SIGMA**2)]
            if subsampling == 3:
                layers += [stax.AvgPool((2, 2), (1, 1)), stax.AvgPool((2, 2), (3, 3))]
        shape, _ = stax.serial(*layers)[0](jax.random.PRNGKey(0), (1, 9, 9, 2))
        trace = stax.Dense(1, W_std=(gain * shape[1] * shape[2]) ** 0.5, b_std=None)
        kernel_fn = stax.serial(*layers, stax.Flatten(), trace)[2]
        for tangent in (False, True):
            parameters = {
                "patch_size": sizes,
                "subsampling": subsampling,
                "pooling_scale": BINOMIAL if subsampling == 3 else SINGLE,
                "kernel": kernel,
                "sigma": SIGMA,
                "padding": padding,
                "tangent": tangent,
            }
            gram = kernel_fn(images(9), None, "ntk" if tangent else "nngp")
            cases.append({"side": 9, "parameters": parameters, "values": np.asarray(gram).tolist()})
    return cases


def ckn_kernel():
    """The recursion with Gaussian pooling on that code's own grid (`peer_grid`)."""
    import ckn_kernel

    cases = []
    for side, subsampling in ((9, (2,)), (9, (2, 1)), (14, (2, 3))):
        for kernel, tangent in (("exponential", False), ("arccosine", False), ("arccosine", True)):
            model = [
                {"npatch": 3, "subsampling": s, "kernel": "exp" if kernel == "exponential" else "relu", "sigma": SIGMA}
                for s in subsampling
            ]
            gram = ckn_kernel.compute_kernel_matrix(np.ascontiguousarray(images(side)), model=model, ntk=tangent)
            if gram.dtype != np.float64:
                raise TypeError("Build ckn_kernel with float_t set to double: its values are kept to 1e-12.")
            parameters = {
                "patch_size": (3,) * len(subsampling),
                "subsampling": subsampling,
                "kernel": kernel,
                "sigma": SIGMA,
                "tangent": tangent,
            }
            cases.append({"side": side, "parameters": parameters, "values": gram.tolist()})
    return cases


def peer_grid(n, subsampling, scale, padding):
    """Gaussian pooling as ckn_kernel places it: n // s - 1 windows about s, 2s, ..., cut at the far edge."""
    reach = np.arange(-subsampling, subsampling + 1)
    weights = np.exp(-(reach**2) / subsampling**2)
    matrix = np.zeros((n // subsampling - 1, n + subsampling))
    for i, row in enumerate(matrix):
        row[(i + 1) * subsampling + reach] = weights / weights.sum()
    return matrix[:, :n]


if __name__ == "__main__":
    found = json.loads(VALUES.read_text()) if VALUES.exists() else {}
    for peer in (neural_tangents, ckn_kernel):
        try:
            found[peer.__name__] = peer()
        except ImportError as error:
            print(f"{peer.__name__} is left as it was: {error}")
    lines = {name: ",\n".join(map(json.dumps, cases)) for name, cases in found.items()}
    VALUES.write_text("{" + ",\n".join(f'"{name}": [\n{text}\n]' for name, text in lines.items()) + "}\n")
