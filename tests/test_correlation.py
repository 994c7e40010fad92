"""The engine of Convolution: (P x) W and its adjoints without the matrix of patches, against that matrix."""

from itertools import product

import numpy as np
import pytest

from kernelconv.networks.serial import serial
from kernelconv.operators import Convolution, GaussianPooling, KernelMapping, Layer, PatchExtraction
from kernelconv.operators.fast.correlation.planes import Planes
from kernelconv.operators.fast.correlation.rows import Rows
from kernelconv.operators.fast.correlation.selection import correlation
from kernelconv.operators.fast.correlation.tiles import POINTS, Tiles, tile_length, transforms

RNG = np.random.default_rng
GEOMETRIES = [
    {"size": 1},
    {"size": 1, "stride": 2},
    {"size": 3},
    {"size": (2, 5), "dilation": (2, 1)},
    {"size": (5, 2), "stride": (2, 3), "dilation": (1, 3)},
    {"size": 3, "stride": 4},
    {"size": (7, 1), "padding": "zero"},  # more rows of zeros than of pixels
]


def cases():
    for geometry, padding in product(GEOMETRIES, ("valid", "zero", "reflect", "circular", "symmetric", 1, (2, 4))):
        yield {"padding": padding, **geometry}


@pytest.mark.parametrize("channels", [1, 3, 5])
@pytest.mark.parametrize("geometry", cases(), ids=str)
def test_products_are_those_of_the_patches(geometry, channels):
    shape = (7, 8, channels)
    patches = PatchExtraction(**geometry)
    engine = correlation(patches, shape)
    small = channels == 5 and geometry["size"] == 3 and "stride" not in geometry
    assert isinstance(engine, Planes if channels < 5 else Tiles if small else Rows)
    x = RNG(0).standard_normal((3, *shape))
    p = patches.forward(x)
    weight = RNG(1).standard_normal((p.shape[3], 4))
    y = p @ weight
    g = RNG(2).standard_normal(y.shape)
    u, filters, spread = engine.input_transform(x), engine.filter_transform(weight), engine.output_transform_adjoint(g)
    assert np.abs(y).max() > 1
    assert np.allclose(engine.multiply(u, filters), y, rtol=1e-12, atol=1e-12)
    expected = p.reshape(-1, p.shape[3]).T @ g.reshape(-1, 4)
    assert np.allclose(engine.weight_gradient(u, spread), expected, rtol=1e-12, atol=1e-12)
    back = patches._adjoint(g @ weight.T, x.shape)
    assert np.allclose(engine.input_gradient(spread, filters), back, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("channels", [2, 6])
def test_any_layout_in_memory_gives_the_same(channels):
    part = Convolution(4, 3, padding="zero").build((6, 5, channels), RNG(0))
    x = RNG(1).standard_normal((4, 6, 5, channels))
    g = RNG(2).standard_normal((4, 6, 5, 4))
    wanted = part.vjp(x, g)
    strange = np.ascontiguousarray(x.transpose(3, 1, 0, 2)).transpose(2, 1, 3, 0)
    reversed_ = x[::-1].copy()[::-1]
    turned = np.ascontiguousarray(g.transpose(1, 0, 2, 3)).transpose(1, 0, 2, 3)
    for other in (strange, reversed_):
        assert not other.flags.c_contiguous
        assert np.array_equal(part.forward(other), part.forward(x))
        for gradient in (turned, g[::-1].copy()[::-1]):
            gx, grads = part.vjp(other, gradient)
            assert np.allclose(gx, wanted[0], rtol=1e-13, atol=1e-13)
            assert all(np.allclose(grads[k], wanted[1][k], rtol=1e-12) for k in grads)


@pytest.mark.parametrize("channels", [2, 6])
def test_a_filter_row_that_never_meets_the_map_has_no_gradient(channels):
    """A 5-row filter on maps of one row sees zeros but for its middle row."""
    part = Convolution(3, (5, 1), padding="zero").build((1, 4, channels), RNG(0))
    x = RNG(1).standard_normal((2, 1, 4, channels))
    _, grads = part.vjp(x, np.ones((2, 1, 4, 3)))
    rows = grads["weight"].reshape(5, channels, 3)
    assert np.abs(rows[2]).max() > 0
    assert not rows[[0, 1, 3, 4]].any()


def test_params_alone_have_the_gradient_of_both():
    part = Convolution(4, 3).build((6, 5, 2), RNG(0))
    x, g = RNG(1).standard_normal((4, 6, 5, 2)), RNG(2).standard_normal((4, 4, 3, 4))
    y, pull, _ = part.pullback_params(x)
    assert np.array_equal(y, part.forward(x))
    grads = pull(g)
    assert {k: v.tolist() for k, v in grads.items()} == {k: v.tolist() for k, v in part.vjp(x, g)[1].items()}


@pytest.mark.parametrize(("m", "r"), [(1, 2), (2, 3), (4, 3), (4, 5), (3, 5), (4, 2)])
def test_transforms_give_the_correlation(m, r):
    a, g, b = transforms(m, r, np.dtype(np.float64))
    w, x = RNG(0).standard_normal(r), RNG(1).standard_normal(m + r - 1)
    assert g.shape == (m + r - 1, r)
    assert np.allclose(a.T @ ((g @ w) * (b.T @ x)), np.correlate(x, w), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("padding", ["valid", "zero", "reflect"])
@pytest.mark.parametrize(("size", "shape"), [((5, 5), (14, 11)), ((3, 4), (9, 13)), ((2, 5), (6, 9))])
def test_tiles_that_reach_beyond_the_map_are_cut(size, shape, padding):
    """Values and both gradients of tiles are those of the filter rows, at float64's precision and near float32's."""
    patches = PatchExtraction(size, padding=padding)
    tiles, rows = correlation(patches, (*shape, 6)), Rows(patches, (*shape, 6))
    assert isinstance(tiles, Tiles)
    assert size != (5, 5) or any(g % m for g, m in zip(tiles.grid, tiles.m, strict=True))
    x = RNG(0).standard_normal((3, *shape, 6))
    weight = RNG(1).standard_normal((6 * size[0] * size[1], 7))
    g = RNG(2).standard_normal((3, *tiles.grid, 7))

    def results(engine, dtype):
        u, f, v = (
            engine.input_transform(x.astype(dtype)),
            engine.filter_transform(weight.astype(dtype)),
            engine.output_transform_adjoint(g.astype(dtype)),
        )
        return engine.multiply(u, f), engine.weight_gradient(u, v), engine.input_gradient(v, f)

    wanted = results(rows, np.float64)
    for dtype, tolerance in ((np.float64, 1e-14), (np.float32, 5e-6)):
        for got, exact in zip(results(tiles, dtype), wanted, strict=True):
            assert got.dtype == dtype
            assert got.shape == exact.shape
            assert np.linalg.norm(got - exact) < tolerance * np.linalg.norm(exact)


@pytest.mark.parametrize("room", [1, 40_000, 10**9])
def test_tiles_multiplied_some_rows_at_a_time_give_the_same(monkeypatch, room):
    monkeypatch.setattr("kernelconv.operators.fast.correlation.tiles.TILE_ROWS_BYTES", room)
    patches, x = PatchExtraction(3), RNG(0).standard_normal((3, 23, 9, 6))
    weight = RNG(1).standard_normal((54, 7))
    tiles = correlation(patches, x.shape[1:])
    assert tiles.tiles[0] > 3
    y = tiles.multiply(tiles.input_transform(x), tiles.filter_transform(weight))
    assert np.allclose(y, patches.forward(x) @ weight, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("r", [2, 3, 4, 5])
def test_tiles_have_few_products_and_are_not_too_long(r):
    for grid in range(2, 60):
        m = tile_length(grid, r)
        t, n_tiles = m + r - 1, -(-grid // m)
        assert t <= 8
        others = [-(-grid // k) * (k + r - 1) for k in range(1, 10 - r)]
        assert n_tiles * t < min(others) / 0.9  # 0.9 of the products, or rather of their square


def test_tiles_are_taken_where_they_halve_the_products():
    assert isinstance(correlation(PatchExtraction(5), (12, 12, 32)), Tiles)
    assert correlation(PatchExtraction(5), (12, 12, 32)).products == 4 * 64  # instead of 64 * 25
    assert isinstance(correlation(PatchExtraction(5), (5, 5, 32)), Rows)  # one output
    assert isinstance(correlation(PatchExtraction(7), (12, 12, 32)), Rows)
    assert isinstance(correlation(PatchExtraction(3, 2), (12, 12, 32)), Rows)
    assert isinstance(correlation(PatchExtraction(3, dilation=2), (12, 12, 32)), Rows)


def test_filter_rows_that_miss_the_map_give_zeros(monkeypatch):
    patches = PatchExtraction((2, 1), dilation=8, padding="zero")
    x, weight = RNG(0).standard_normal((2, 3, 4, 6)), RNG(1).standard_normal((12, 5))
    assert not (patches.forward(x) @ weight).any()
    engine = Rows(patches, (3, 4, 6))
    monkeypatch.setattr(np, "empty", lambda shape, dtype=float: np.full(shape, np.nan, dtype))
    assert not engine.multiply(engine.input_transform(x), engine.filter_transform(weight)).any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_wide_filters_are_read_once_a_block(monkeypatch, dtype):
    monkeypatch.setattr("kernelconv.operators.fast.correlation.tiles.TILE_ROWS_BYTES", 1)
    patches, shape = PatchExtraction(3, padding="zero"), (13, 9, 6)
    tiles = Tiles(patches, shape)
    x, weight = RNG(0).standard_normal((5, *shape), dtype), RNG(1).standard_normal((54, 7), dtype)
    u, filters = tiles.input_transform(x), tiles.filter_transform(weight)
    narrow = tiles.multiply(u, filters)
    assert tiles.least_block(7, x.itemsize) == 1
    monkeypatch.setattr("kernelconv.operators.fast.correlation.tiles.WIDE_BYTES", filters.nbytes - 1)
    read = []
    matmul = np.matmul
    monkeypatch.setattr(
        np, "matmul", lambda a, b, out: read.append(np.shares_memory(b, filters)) or matmul(a, b, out=out)
    )
    np.testing.assert_allclose(tiles.multiply(u, filters), narrow, rtol=0, atol=1e-5 if dtype == np.float32 else 1e-13)
    assert sum(read) == tiles.t[0]  # a row of points at a time, each once
    assert tiles.least_block(7, x.itemsize) == -(-256 // np.prod(tiles.tiles))
    monkeypatch.setattr("kernelconv.operators.fast.correlation.tiles.WIDE_PRODUCTS_BYTES", 10)
    assert tiles.least_block(7, x.itemsize) == 1


def test_a_network_takes_enough_images_at_a_time_for_its_wide_filters():
    network = serial(Layer(PatchExtraction(3, padding="zero"), KernelMapping(1024), GaussianPooling(4)))
    network = network.build((16, 16, 64), RNG(0))
    assert network.block(8) == network.block(4) == 16  # of 16 tiles each
    assert network.block(4, gradient=True) < 16
    narrow = serial(Layer(PatchExtraction(3, padding="zero"), KernelMapping(128), GaussianPooling(4)))
    assert narrow.build((64, 64, 64), RNG(0)).block(4) < 4


def test_polynomials_are_evaluated_at_zero_and_at_powers_of_two():
    """Products with these lose no digit."""
    zero, *others = POINTS
    assert zero == 0
    assert all(np.frexp(abs(p))[0] == 0.5 for p in others)
    assert len(set(POINTS)) == len(POINTS) == 7


@pytest.mark.parametrize("size", [2, 5])
def test_which_products_are_taken(size):
    patches = PatchExtraction(size)
    assert isinstance(correlation(patches, (20, 20, 4)), Planes)
    assert isinstance(correlation(patches, (20, 20, 5)), Tiles)
    assert isinstance(correlation(PatchExtraction(1), (20, 20, 5)), Rows)
    for other in (6, (6, 5), (5, 6), (1, 5), (5, 1)):
        assert isinstance(correlation(PatchExtraction(other), (20, 20, 5)), Rows)


@pytest.mark.parametrize("shape", [(20, 1, 6), (1, 20, 6)])
def test_tiles_of_one_output_along_a_line(shape):
    patches = PatchExtraction(3, padding="zero")
    tiles, rows = correlation(patches, shape), Rows(patches, shape)
    assert isinstance(tiles, Tiles)
    weight, g = RNG(1).standard_normal((54, 7)), RNG(2).standard_normal((3, *shape[:2], 7))
    gradients = [e.input_gradient(e.output_transform_adjoint(g), e.filter_transform(weight)) for e in (tiles, rows)]
    np.testing.assert_allclose(*gradients, atol=1e-12)
