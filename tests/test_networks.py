"""serial, trace, summary, receptive fields; the kernel network against loops and against the exact kernel."""

import numpy as np
import pytest
import reference
import registry

from kernelconv.networks.kernel.network import ConvKernelNetwork
from kernelconv.networks.serial import Network, serial
from kernelconv.operators import (
    AveragePooling,
    Convolution,
    Dense,
    Exponential,
    Flatten,
    GaussianPooling,
    GlobalPooling,
    KernelMapping,
    Layer,
    MaxPooling,
    Modulus,
    PatchExtraction,
    Polynomial,
    ReLU,
    Vovk,
)
from kernelconv.operators.composite import sum_grads

RNG = np.random.default_rng


def images(*shape, seed=0):
    return RNG(seed).standard_normal(shape)


def relative(a, b):
    assert a.shape == b.shape
    assert np.linalg.norm(b) > 0
    return np.linalg.norm(a - b) / np.linalg.norm(b)


def layers():
    return (
        Layer(PatchExtraction(3, padding="zero"), KernelMapping(5, Exponential(0.8)), GaussianPooling(2)),
        Layer(PatchExtraction(2, padding="zero"), KernelMapping(4, Vovk(), 0.01), AveragePooling(2)),
    )


# Composition


def test_a_network_is_its_parts_in_a_row():
    x = images(3, 8, 7, 2)
    network = serial(*layers(), Flatten()).build((8, 7, 2), RNG(0), x)
    y = x
    for part in network.parts:
        y = part.forward(y)
    assert relative(network.forward(x), y) < 1e-14
    assert network.out_shape((8, 7, 2)) == y.shape[1:]


def test_a_network_is_the_loops():
    x = images(2, 6, 5, 1)
    network = serial(*layers()).build((6, 5, 1), RNG(0), x)
    p = reference.patches(x, (3, 3), (1, 1), "zero", (1, 1))
    m = reference.kernel_mapping(p, network.parts[0].params["M.anchors"], lambda u: np.exp((u - 1) / 0.64), 1e-3)
    a = reference.gaussian_pooling(m, (2, 2), [np.sqrt(2)] * 2, "symmetric")
    p = reference.patches(a, (2, 2), (1, 1), "zero", (1, 1))
    m = reference.kernel_mapping(p, network.parts[1].params["M.anchors"], reference.KAPPA["Vovk()"], 0.01)
    assert relative(network.forward(x), reference.windows(m, (2, 2), (2, 2), np.mean)) < 1e-10


def test_trace_gives_every_map_by_name():
    x = images(3, 8, 7, 2)
    network = serial(*layers(), names=("fine", "coarse")).build((8, 7, 2), RNG(0), x)
    maps = network.trace(x)
    assert list(maps) == ["fine", "coarse"]
    assert np.array_equal(maps["fine"], network.parts[0].forward(x))
    assert np.array_equal(maps["coarse"], network.forward(x))


def test_names_and_params():
    network = serial(*layers(), Flatten(), Dense(3)).build((8, 8, 1), RNG(0))
    assert network.names == ("layer_1", "layer_2", "flatten_3", "dense_4")
    assert list(network.params) == ["layer_1.M.anchors", "layer_2.M.anchors", "dense_4.weight", "dense_4.bias"]
    assert network.n_params() == 5 * 9 + 4 * 20 + 16 * 3 + 3
    nested = serial(network, names=["all"])
    assert next(iter(nested.params)) == "all.layer_1.M.anchors"
    x = images(2, 8, 8, 1)
    assert np.array_equal(nested.forward(x), network.forward(x))


def test_each_part_learns_from_the_maps_before_it():
    """The second layer's anchors span what the first makes of the data, not the data."""
    x = images(6, 6, 6, 1)
    network = serial(Layer(PatchExtraction(1), KernelMapping(3, Polynomial(1)), AveragePooling(1)), KernelMapping(4))
    with pytest.warns(UserWarning, match="more than the 2 distinct patches"):
        network = network.build((6, 6, 1), RNG(0), x)
    maps = network.parts[0].forward(x).reshape(-1, 2)  # a 1x1 linear layer has two directions, + and -
    nearest = (network.parts[1].params["anchors"] @ (maps / np.linalg.norm(maps, axis=1, keepdims=True)).T).max(axis=1)
    assert nearest.shape == (2,)
    assert np.allclose(nearest, 1, atol=1e-12)


def test_build_reads_images_as_they_come():
    x = (images(4, 6, 6) > 0).astype(np.uint8)
    a = serial(*layers()).build((6, 6), RNG(0), x)
    b = serial(*layers()).build((6, 6, 1), RNG(0), x[..., None].astype(np.float32))
    assert all(np.array_equal(a.params[k], b.params[k]) for k in b.params)
    assert np.array_equal(a.forward(x), b.forward(x.astype(np.float32)[..., None]))


@pytest.mark.parametrize("padding", ["valid", "zero"])
def test_images_with_and_without_a_channel_axis_agree(padding):
    network = serial(Convolution(3, 3, padding=padding), ReLU(), MaxPooling(2)).build((7, 6, 1), RNG(0))
    x = images(4, 7, 6)
    g = images(4, *network.out_shape((7, 6, 1)))
    assert np.array_equal(network.forward(x), network.forward(x.reshape(4, 7, 6, 1)))
    for key, value in network.vjp(x.reshape(4, 7, 6, 1), g)[1].items():
        assert np.array_equal(network.vjp(x, g)[1][key], value)


def test_input_is_untouched():
    x = images(4, 8, 8, 1)
    before = x.copy()
    network = serial(*layers()).build((8, 8, 1), RNG(0), x)
    network.vjp(x, np.ones_like(network.forward(x)))
    assert np.array_equal(x, before)


def test_adjoint_of_a_linear_network_is_its_transposed_matrix():
    network = serial(Convolution(2, 3, bias=False), GaussianPooling(2), Flatten()).build((6, 6, 1), RNG(0))
    y = images(2, 1, 1, 8)
    assert relative(network.adjoint(y).reshape(2, -1), y.reshape(2, -1) @ network.as_matrix()) < 1e-13


def test_sum_grads_adds_in_order_and_keeps_its_terms():
    blocks = [{"w": np.array([1.0, 2])}, {"w": np.array([10.0, 20])}, {"w": np.array([0.5, 0])}]
    assert sum_grads(blocks)["w"].tolist() == [11.5, 22]
    assert blocks[0]["w"].tolist() == [1, 2]


# Structure: receptive field, summary


@pytest.mark.parametrize(("size", "n_layers"), [(3, 1), (3, 4), (5, 3), (2, 6)])
def test_receptive_field_of_stacked_layers(size, n_layers):
    """1 + L (k - 1) for L layers of k x k, stride 1."""
    network = serial(*[Convolution(1, size) for _ in range(n_layers)])
    assert network.receptive_field((30, 30, 1)) == ((1 + n_layers * (size - 1),) * 2, (1, 1))


@pytest.mark.parametrize(
    "network",
    [
        serial(Convolution(2, 3), MaxPooling(2), Convolution(1, 3)),
        serial(Convolution(2, 2, stride=2), AveragePooling(3)),
        serial(Convolution(2, (3, 2), stride=(2, 1)), AveragePooling(3, 1), Convolution(1, 2, dilation=2)),
        serial(Layer(PatchExtraction(3), KernelMapping(3), GaussianPooling(2)), Convolution(2, 3)),
    ],
)
def test_receptive_field_is_what_a_value_depends_on(network):
    network = network.build((24, 24, 1), RNG(0), images(5, 24, 24, 1))
    x = images(1, 24, 24, 1, seed=1)
    y = network.forward(x)
    seen = []
    for at in (1, 2):  # somewhere inside, and one step on
        g = np.zeros_like(y)
        g[0, at, at] = 1
        rng, reached = RNG(0), np.zeros((24, 24), bool)
        for _ in range(8):  # a maximum lets one pixel of its window through: collect over images
            reached |= network.vjp(rng.standard_normal(x.shape), g)[0][0, :, :, 0] != 0
        seen.append([np.flatnonzero(reached.any(axis=a)) for a in (1, 0)])
    field, stride = network.receptive_field((24, 24, 1))
    for axis in (0, 1):
        first, second = seen[0][axis], seen[1][axis]
        assert first[-1] - first[0] + 1 == field[axis]
        assert second[0] - first[0] == stride[axis]


def test_summary_adds_up():
    network = serial(
        Convolution(6, 5, padding="zero"), ReLU(), AveragePooling(2), Convolution(16, 5), ReLU(), Flatten(), Dense(10)
    )
    table = network.build((28, 28, 1), RNG(0)).summary()
    rows = {line.split()[0]: line.split()[1:] for line in table.splitlines()[1:]}
    assert rows["input"] == ["28x28x1", "1x1", "1x1", "0", "0"]
    assert rows["convolution_1"] == ["28x28x6", "5x5", "1x1", "156", f"{28 * 28 * 25 * 6:,}"]
    assert rows["averagepooling_3"] == ["14x14x6", "6x6", "2x2", "0", f"{28 * 28 * 6:,}"]
    assert rows["convolution_4"] == ["10x10x16", "14x14", "2x2", "2,416", f"{100 * 25 * 6 * 16:,}"]
    assert rows["dense_7"][-2:] == ["16,010", "16,000"]
    total = [int(v.replace(",", "")) for v in rows["total"]]
    assert total == [sum(int(r[i].replace(",", "")) for n, r in rows.items() if n != "total") for i in (-2, -1)]
    assert total[0] == 156 + 2416 + 16010
    lines = table.splitlines()
    assert len(set(map(len, lines))) == 1  # numbers to the right, names to the left
    for word in ("output", "field", "stride", "params", "multiply-adds"):
        ends = lines[0].index(word) + len(word)
        assert all(line[ends - 1] != " " and line[ends : ends + 2].strip() == "" for line in lines[:-1])
    assert not any(line.startswith(" ") for line in lines)


@pytest.mark.parametrize(
    "name", ["convolution", "dense", "average", "gaussian wide", "mapping Vovk()", "layer average"]
)
def test_multiply_adds_are_those_of_the_summary_row(name):
    """A part's own count is what the network's table and total say of it."""
    part = registry.built(name)
    network = serial(part, names=["part"]).build(registry.SHAPE, RNG(0))
    cost = part.multiply_adds(registry.SHAPE)
    assert cost > 0
    assert network.multiply_adds(registry.SHAPE) == cost
    assert network.summary().splitlines()[2].endswith(f" {cost:,}")


def test_multiply_adds_are_the_loops():
    """Counted over the definition: one per product."""
    h, w, c = 6, 8, 2
    assert Convolution(3, (2, 3)).multiply_adds((h, w, c)) == 5 * 6 * (2 * 3 * 2) * 3
    assert Dense(4).multiply_adds((h, w, c)) == 96 * 4
    assert KernelMapping(5).multiply_adds((h, w, c)) == 48 * (2 * 5 + 25)
    assert GaussianPooling(2).multiply_adds((h, w, c)) == c * (3 * h * w + 3 * w * 4)  # rows first
    assert AveragePooling(2).multiply_adds((h, w, c)) == 96
    assert GlobalPooling().multiply_adds((h, w, c)) == 96
    assert GlobalPooling().receptive_field((h, w, c)) == Dense(4).receptive_field((h, w, c)) == ((6, 8), (6, 8))
    assert MaxPooling(2).multiply_adds((h, w, c)) == PatchExtraction(2).multiply_adds((h, w, c)) == 0


def test_a_block_holds_what_fits_the_cache():
    network = serial(*layers()).build((8, 8, 1), RNG(0))
    shapes = [(8, 8, 9), (8, 8, 5), (4, 4, 5), (4, 4, 4), (2, 2, 4)]  # tiles do without the second layer's patches
    assert network._inner_shapes() == shapes
    kept = [(8, 8, 1), *shapes[:3], (4, 4, 20), *shapes[3:]]  # a gradient goes through the patches
    assert network._inner_shapes(gradient=True) == kept[1:]
    assert network.block(80) == 4 * 2**20 // (80 * 64 * (9 + 5))  # patches and their embedding
    assert network.block(80, gradient=True) == 4 * 2**20 // (80 * sum(int(np.prod(shape)) for shape in kept))
    assert network.block(1) == 256


@pytest.mark.parametrize("channels", [1, 6])
def test_patches_count_in_a_block_where_they_are_made(channels):
    layer = Layer(PatchExtraction(3), KernelMapping(4), GaussianPooling(2)).build((10, 10, channels), RNG(0))
    patches = [(8, 8, 9)] if channels == 1 else []
    assert layer._inner_shapes() == [*patches, (8, 8, 4), (4, 4, 4)]
    plain = Layer(PatchExtraction(3), ReLU(), GaussianPooling(2)).build((10, 10, channels))  # makes them always
    assert plain._inner_shapes()[0] == (8, 8, 9 * channels)


# What is refused


@pytest.mark.parametrize(
    ("parts", "names", "match"),
    [
        ((), None, "serial needs at least one part"),
        ((ReLU(), "relu"), None, "serial composes parts .*, got 'relu'"),
        ((ReLU(), ReLU), None, "serial composes parts .*, got <class"),
        (
            (ReLU(), ReLU()),
            ["a", "a"],
            r"names must be 2 different words without '.', '__' or a last '_', got \['a', 'a'\]",
        ),
        ((ReLU(), ReLU()), ["a"], r"names must be 2 different words without '.', '__' or a last '_', got \['a'\]"),
        ((ReLU(),), ["a__b"], "names must be 1 different words without '.', '__'"),
        ((ReLU(),), ["a_"], r"names must be 1 different words .* or a last '_', got \['a_'\]"),
        ((ReLU(),), [""], "names must be 1 different words"),
        ((ReLU(),), [1], r"names must be a list of strings, one a part, got \[1\]"),
    ],
)
def test_serial_refuses(parts, names, match):
    with pytest.raises(ValueError, match=match):
        serial(*parts, names=names)


def test_a_network_that_is_not_built_says_so():
    network = serial(ReLU())
    x = np.ones((1, 2, 2, 1))
    for call in (
        network.forward,
        network.trace,
        lambda x: network.vjp(x, x),
        lambda x: network.summary(),
        lambda x: network.astype(np.float32),
    ):
        with pytest.raises(ValueError, match="Network is not built"):
            call(x)


def test_images_and_gradients_of_another_shape_are_refused():
    network = serial(Convolution(2, 3)).build((6, 5, 1), RNG(0))
    x = np.ones((2, 6, 5, 1))
    for call in (network.forward, network.trace, lambda z: network.vjp(z, x)):
        with pytest.raises(
            ValueError, match=r"x holds images of shape \(6, 6, 1\), the network is built for \(6, 5, 1\)"
        ):
            call(np.ones((2, 6, 6, 1)))
    with pytest.raises(ValueError, match=r"data holds images of shape \(6, 6, 1\), the network is built for"):
        serial(ReLU()).build((6, 5), data=np.ones((2, 6, 6)))
    with pytest.raises(ValueError, match=r"g must have the shape of the output, \(2, 4, 3, 2\), got \(2, 1, 1, 2\)"):
        network.vjp(x, np.ones((2, 1, 1, 2)))
    with pytest.raises(ValueError, match="non-finite"):
        network.forward(np.full((1, 6, 5, 1), np.nan))


def test_a_part_that_does_not_fit_is_named():
    network = serial(Convolution(2, 3), serial(MaxPooling(2), Convolution(2, 5)))
    with pytest.raises(
        ValueError, match=r"network_2 .* does not fit .* \(6, 6, 2\): convolution_2 .* The patch is larger"
    ):
        network.build((8, 8, 1), RNG(0))


def test_an_abstract_composite_has_no_parts():
    from kernelconv.operators.composite import Composite

    for call in (lambda: Composite().named_parts, lambda: Composite()._with_parts([])):
        with pytest.raises(NotImplementedError):
            call()


# ConvKernelNetwork


def test_kernel_network_is_the_network_it_describes():
    x = images(12, 8, 8)
    ckn = ConvKernelNetwork((5, 6), (3, 2), (2, 1), sigma=(0.6, 1.0), n_patches=300, random_state=0).fit(x)
    specification = serial(
        Layer(
            PatchExtraction(3, padding="zero"),
            KernelMapping(5, Exponential(0.6), n_patches=300),
            GaussianPooling(2),
        ),
        Layer(
            PatchExtraction(2, padding="zero"),
            KernelMapping(6, Exponential(1.0), n_patches=300),
            GaussianPooling(1),
        ),
    )
    assert ckn.specification() == specification
    network = specification.build((8, 8, 1), RNG(0), x)
    assert np.array_equal(ckn.transform(x), network.forward(x).reshape(12, -1))
    assert ckn.maps_shape_ == (4, 4, 6)
    assert ckn.transform(x).shape == (12, 96)
    assert [a.shape for a in ckn.anchors_] == [(5, 9), (6, 20)]
    for anchors in ckn.anchors_:
        assert np.allclose(np.linalg.norm(anchors, axis=1), 1, rtol=1e-12)


def test_kernel_network_takes_pairs_per_layer_and_every_part():
    ckn = ConvKernelNetwork(
        [3, 4],
        ((1, 5), (3, 1)),
        ((1, 2), 2),
        pooling_scale=(None, 0.9),
        kernel=("vovk", Polynomial(3)),
        regularization=0.01,
        padding="circular",
    )
    first, second = ckn.specification().parts
    assert first.patches == PatchExtraction((1, 5), padding="circular")
    assert second.patches.size == (3, 1)
    assert first.pooling == GaussianPooling((1, 2))
    assert second.pooling == GaussianPooling(2, 0.9)
    assert (first.mapping.kernel, second.mapping.kernel) == (Vovk(), Polynomial(3))
    assert first.mapping.regularization == 0.01


def test_number_of_layers_is_that_of_the_tuples():
    assert len(ConvKernelNetwork(8).specification().parts) == 1
    assert len(ConvKernelNetwork(8, (3, 3, 3)).specification().parts) == 3
    assert len(ConvKernelNetwork((8, 8), 3).specification().parts) == 2


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"n_anchors": (3, 4), "patch_size": (3, 3, 3)}, r"one entry a layer \(2\), got lengths .*'patch_size': 3"),
        ({"n_anchors": 3, "patch_size": (3, 3), "subsampling": (2, 2, 2)}, "must have one entry a layer"),
        ({"n_anchors": ()}, r"must have one entry a layer \(at least one\)"),
        ({"n_anchors": 0}, "n_anchors must be an int >= 1"),
        ({"patch_size": 0}, "^patch_size must be an int >= 1"),
        ({"pooling_scale": 0.0}, "^pooling_scale must be > 0"),
        ({"subsampling": 10**9}, r"scale must be from .* got 7\.07107e\+08, that of subsampling=\(1000000000, "),
        ({"sigma": -1}, "sigma must be > 0"),
        ({"n_patches": 0}, "n_patches must be an int"),
        ({"padding": "same"}, "padding must be one of"),
        ({"patch_size": 9, "padding": "valid"}, "layer_1 .* does not fit .*The patch is larger than the padded image"),
        ({"random_state": "a"}, "random_state must be"),
    ],
)
def test_kernel_network_refuses_in_fit(parameters, match):
    with pytest.raises(ValueError, match=match):
        ConvKernelNetwork(**{"n_anchors": 3, **parameters}).fit(images(3, 6, 6))


def test_images_of_zeros_have_no_anchors():
    with pytest.raises(ValueError, match="No anchors can be learned: every sampled patch is zero"):
        ConvKernelNetwork(3).fit(np.zeros((5, 6, 6)))


@pytest.mark.parametrize(("subsampling", "size"), [((1,), (3,)), ((2, 1), (2, 2))])
def test_features_reach_the_exact_kernel(subsampling, size):
    """With every patch an anchor and no regularisation, <Phi(x), Phi(y)> is the exact hierarchical kernel."""
    x = images(2, 4, 4, 1)
    maps, parts, layers = x, [], []
    for step, k in zip(subsampling, size, strict=True):
        p = reference.patches(maps, (k, k), (1, 1), "zero", (1, 1)).reshape(-1, k * k * maps.shape[-1])
        unit = np.unique((p / np.linalg.norm(p, axis=1, keepdims=True)).round(12), axis=0)
        layer = Layer(
            PatchExtraction(k, padding="zero"), KernelMapping(len(unit), Exponential(0.9), 0), GaussianPooling(step)
        ).build(maps.shape[1:], RNG(0))
        parts.append(layer.replace(layer.constrain({"M.anchors": unit})))
        layers.append((k, lambda u: np.exp((u - 1) / 0.81), layer.pooling.matrices(maps.shape[1:])))
        maps = parts[-1].forward(maps)
    features = serial(*parts).forward(x).reshape(2, -1)
    exact = [[reference.exact_kernel(a, b, layers) for b in x] for a in x]
    assert relative(features @ features.T, np.array(exact)) < 1e-8


def test_feature_names_are_positions_and_channels():
    ckn = ConvKernelNetwork(3, subsampling=3, n_patches=50, random_state=0).fit(images(4, 6, 5))
    names = ckn.get_feature_names_out()
    assert ckn.maps_shape_ == (2, 2, 3)
    assert list(names[:4]) == [f"convkernelnetwork_{s}" for s in ("0_0_0", "0_0_1", "0_0_2", "0_1_0")]
    assert len(names) == ckn.transform(images(1, 6, 5)).shape[1]
    assert len(ckn.get_feature_names_out(np.arange(30))) == 12
    with pytest.raises(ValueError, match=r"input_features should have length equal .* \(30\), got 4"):
        ckn.get_feature_names_out(list("abcd"))


def test_a_network_of_a_modulus_has_no_params():
    network = serial(Modulus()).build((2, 2, 1))
    assert isinstance(network, Network)
    assert network.params == {}
    assert network.vjp(-np.ones((1, 2, 2, 1)), np.ones((1, 2, 2, 1)))[0].ravel().tolist() == [-1] * 4


def test_a_kernel_network_on_whitened_patches_learns_and_prints_its_layers(capsys):
    from kernelconv import ConvKernelNetwork, load_digits_images

    X, _ = load_digits_images()
    settings = {"n_anchors": (8, 12), "input": "whitened", "random_state": 0}
    model = ConvKernelNetwork(**settings, verbose=True).fit(X[:200])
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("layer 1: 8 anchors of 9 values")
    assert second.startswith("layer 2: 12 anchors of 72 values")
    quiet = ConvKernelNetwork(**settings).fit(X[:200])
    assert capsys.readouterr().out == ""
    assert np.array_equal(model.transform(X[:3]), quiet.transform(X[:3]))
    raw = ConvKernelNetwork(**{**settings, "input": "raw"}).fit(X[:200])
    assert not np.allclose(raw.transform(X[:3]), quiet.transform(X[:3]), atol=0.05)
