"""The architectures: the papers' numbers of parameters, receptive fields by gradient, start weights, one epoch each."""

import numpy as np
import pytest

from kernelconv import ConvNetClassifier, load_digits_images, serial
from kernelconv.networks import preset
from kernelconv.networks.cnn.presets import ARCHITECTURES, alexnet, densenet, fractalnet, lenet5, zfnet
from kernelconv.networks.cnn.presets.blocks import overlapping
from kernelconv.operators import BatchNorm, Convolution, Dense, Flatten, GlobalPooling, ReLU, Residual
from kernelconv.operators.composite import Composite

RNG = np.random.default_rng


def built(name, shape, n_outputs=10, **options):
    return preset(name, shape, n_outputs, **options).build(shape, RNG(0))


def leaves(part):
    inner = part.named_parts.values() if isinstance(part, Composite) else ()
    return [leaf for p in inner for leaf in leaves(p)] if isinstance(part, Composite) else [part]


# -- numbers of parameters ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "shape", "options", "count"),
    [
        ("lenet5", (32, 32, 1), {}, 61_706),  # the usual rebuild
        ("lenet5", (28, 28, 1), {}, 61_706),
        ("wide_lenet", (28, 28, 1), {}, 258_314),
        ("small_alexnet", (28, 28, 3), {}, 1_387_786),  # this and the next four: Zhang et al. 2017, table 1
        ("inception", (28, 28, 3), {"batch_norm": False}, 1_649_402),
        ("inception", (28, 28, 3), {}, 1_649_402 + 1_712),
        ("mlp", (28, 28, 3), {"hidden": (512, 512, 512)}, 1_735_178),
        ("mlp", (28, 28, 3), {"hidden": [512]}, 1_209_866),
        ("densenet", (32, 32, 3), {"depth": 40, "growth": 12}, 1_019_722),  # Huang et al. 2017: 1.0 million
    ],
)
def test_parameters_are_those_of_the_papers(name, shape, options, count):
    assert built(name, shape, **options).n_params() == count


def test_lenet5_less_what_the_paper_does_not_have_is_the_paper_s():
    params = built("lenet5", (32, 32, 1)).params
    second = params["convolution_5.weight"].size + params["convolution_5.bias"].size
    of_the_paper = 25 * (6 * 3 + 9 * 4 + 6) + 16  # six maps read three, nine four, one all six
    last = params["dense_13.weight"].size + params["dense_13.bias"].size
    assert 61_706 - second + of_the_paper - last + 2 * (6 + 16) == 60_000


def test_parameters_counted_by_hand():
    def five(first, flat):
        maps = first + (25 * 48 + 1) * 128 + (9 * 128 + 1) * 192 + (9 * 192 + 1) * 192 + (9 * 192 + 1) * 128
        return maps + (flat + 1) * 1024 + 1025 * 1024 + 1025 * 10

    for side, positions in ((28, 4), (32, 4), (64, 16), (8, 1)):
        shape = (side, side, 3)
        assert built("alexnet", shape).n_params() == five((25 * 3 + 1) * 48, 128 * positions)
        assert built("zfnet", shape).n_params() == five((9 * 3 + 1) * 48, 128 * positions)

    def blocks(columns, c):  # every column starts from the block's input; 2^columns - 1 convolutions a block
        total = 0
        for width in (32, 64, 128):
            total += 9 * (columns * c + (2**columns - 1 - columns) * width) * width + 2 * width * (2**columns - 1)
            c = width
        return total + 129 * 10

    for columns in (1, 2, 3):
        assert built("fractalnet", (32, 32, 3), columns=columns).n_params() == blocks(columns, 3)

    def dense(n, k, c):
        total, maps = 9 * c * 16, 16
        for block in range(3):
            total += (2 * maps + maps**2) * (block > 0)
            total += sum(2 * (maps + i * k) + 9 * (maps + i * k) * k for i in range(n))
            maps += n * k
        return total + 2 * maps + (maps + 1) * 10

    for depth, growth in ((7, 5), (22, 12)):
        assert built("densenet", (16, 16, 1), depth=depth, growth=growth).n_params() == dense(
            (depth - 4) // 3, growth, 1
        )


def test_widths_are_multiplied():
    half, whole = (built("inception", (8, 8, 1), width=w) for w in (0.5, 1.0))
    for a, b in zip(half.parts[4:-2], whole.parts[4:-2], strict=True):
        assert [2 * p.n_filters for p in leaves(a) if isinstance(p, Convolution)] == [
            p.n_filters for p in leaves(b) if isinstance(p, Convolution)
        ]
    assert half.parts[-1].params["weight"].shape == (168, 10)
    small = built("small_alexnet", (8, 8, 1), width=0.25)
    assert [p.n_filters for p in small.parts if isinstance(p, Convolution)] == [16, 16]
    assert [p.n_units for p in small.parts if isinstance(p, Dense)] == [96, 48, 10]
    assert built("small_alexnet", (8, 8, 1), width=1e-9).n_params() == 25 + 1 + 25 + 1 + 4 + 1 + 2 + 20


@pytest.mark.parametrize("name", ["inception", "small_alexnet"])
def test_batch_norm_is_on_or_off(name):
    for on in (True, False):
        parts = leaves(built(name, (8, 8, 1), width=0.1, batch_norm=on))
        convolutions = [p for p in parts if isinstance(p, Convolution)]
        assert sum(isinstance(p, BatchNorm) for p in parts) == on * len(convolutions) > -1
        assert all(p.bias != on for p in convolutions)


# -- plans -------------------------------------------------------------------------------------------------------------


def test_lenet5_pads_what_is_smaller_than_its_own_images():
    for side, maps in ((64, 13), (40, 7), (33, 5), (32, 5), (31, 5), (28, 5), (20, 3), (16, 4), (8, 2), (4, 1), (1, 1)):
        network = lenet5((side, side, 1), 10)
        assert serial(*network.parts[:7]).out_shape((side, side, 1)) == (maps, maps, 16)
    assert [p.n_units for p in lenet5((32, 32, 1), 7).parts if isinstance(p, Dense)] == [120, 84, 7]


@pytest.mark.parametrize("side", [28, 32, 48, 64])
def test_alexnet_and_zfnet_differ_in_their_first_two_layers_alone(side):
    a, z = alexnet((side, side, 3), 10), zfnet((side, side, 3), 10)
    shapes = [network.shapes((side, side, 3)) for network in (a, z)]
    assert shapes[0][6:] == shapes[1][6:]
    assert repr(a.parts[8:]) == repr(z.parts[8:])
    fields = [serial(*network.parts[:2]).receptive_field((side, side, 3)) for network in (a, z)]
    assert fields == [((5, 5), (2, 2)), ((3, 3), (1, 1))]


@pytest.mark.parametrize("side", [1, 2, 3, 7, 8])
def test_overlapping_pooling_is_the_maximum_of_what_is_there(side):
    """3 px by 2, rounding up, aligned with a 3x3 convolution at stride 2; of maps >= 0."""
    x = RNG(0).random((2, side, side, 3))
    y = serial(*overlapping()).build((side, side, 3)).forward(x)
    for i, j in np.ndindex(-(-side // 2), -(-side // 2)):
        window = x[:, max(2 * i - 1, 0) : 2 * i + 2, max(2 * j - 1, 0) : 2 * j + 2]
        np.testing.assert_array_equal(y[:, i, j], window.max(axis=(1, 2)))
    assert y.shape[1:3] == (-(-side // 2),) * 2


#: by name: options, the part after which there is one value a map, image, and the field there
FIELDS = {
    "lenet5": ({}, Flatten, 40, 16),
    "wide_lenet": ({}, Flatten, 40, 16),
    "small_alexnet": ({"width": 0.2}, Flatten, 48, 19),
    "inception": ({"width": 0.1}, GlobalPooling, 72, 45),
    "densenet": ({"depth": 10, "growth": 4}, GlobalPooling, 48, 34),
    "fractalnet": ({"columns": 2}, GlobalPooling, 56, 36),
}


@pytest.mark.parametrize("name", FIELDS)
def test_fields_of_the_summary_are_what_a_gradient_sees(name):
    options, end, side, field = FIELDS[name]
    network = built(name, (side, side, 1), initialization="he_normal", **options)
    last = next(i for i, part in enumerate(network.parts) if isinstance(part, end))
    maps = serial(*network.parts[:last], names=network.names[:last])
    assert f"  {field}x{field}  " in network.summary().splitlines()[last + 1]
    assert maps.receptive_field((side, side, 1))[0] == (field, field)
    x = RNG(1).standard_normal((5, side, side, 1))
    g = np.zeros((5, *maps.out_shape((side, side, 1))))
    middle = g.shape[1] // 2
    g[:, middle, middle] = RNG(2).standard_normal((5, g.shape[3]))
    gradient = np.abs(maps.vjp(x, g)[0]).max(axis=(0, 3))
    seen = gradient > 1e-12 * gradient.max()  # tiles of filters leave rounding errors beyond
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    assert [np.ptp(rows) + 1, np.ptp(columns) + 1] == [field, field]


def mean_of_columns(part, x, joined=1):
    """A fractal whose columns meet in their mean, as the paper has it, however they are nested; and how many met."""
    if not isinstance(part, Residual):
        return part.pullback(x, train=True)[0], 1
    first, second = part.branch.parts
    deep, m = mean_of_columns(second, mean_of_columns(first, x)[0])
    return (m * deep + part.shortcut.pullback(x, train=True)[0]) / (m + 1), m + 1


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_sums_of_columns_are_their_means_times_their_number(columns):
    x = RNG(1).standard_normal((16, 8, 8, 1))
    network = fractalnet((8, 8, 1), 5, columns=columns).build((8, 8, 1), RNG(0))
    y = x
    for part in network.parts[:-1]:
        y = mean_of_columns(part, y)[0]
    wanted = network.pullback(x, train=True)[0] - network.parts[-1].params["bias"]
    found = columns * y.reshape(16, -1) @ network.parts[-1].params["weight"]
    assert np.abs(wanted).max() > 0.1
    np.testing.assert_allclose(found, wanted.reshape(16, -1), atol=2e-3)  # to the size of BatchNorm's epsilon


def test_a_layer_of_densenet_keeps_what_it_reads():
    network = densenet((8, 8, 1), 10, depth=10, growth=3).build((8, 8, 1), RNG(0))
    maps = network.trace(RNG(1).standard_normal((2, 8, 8, 1)))
    first, second = maps["concat_3"], maps["concat_4"]
    np.testing.assert_array_equal(first[..., :16], maps["convolution_2"])
    np.testing.assert_array_equal(second[..., :19], first)
    assert second.shape[-1] == 22
    assert np.abs(second[..., 19:]).max() > 0


# -- start weights -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_he_s_start_weights_are_of_every_convolution_and_dense_layer(name):
    shape = (12, 12, 1)
    plain, named, he = (
        network.build(shape, RNG(0))
        for network in (
            ARCHITECTURES[name](shape, 4),
            preset(name, shape, 4),
            preset(name, shape, 4, initialization="he_normal"),
        )
    )
    assert plain.names == named.names == he.names
    assert repr(plain) == repr(named)
    weights = [k for k in plain.params if k.endswith("weight")]
    assert len(weights) > 1
    for k, v in plain.params.items():
        assert np.array_equal(v, named.params[k])
        if k in weights and v.size > 1000:
            assert he.params[k].var() * len(v) / 2 == pytest.approx(1, rel=0.25), k
            assert v.var() * len(v) * 3 == pytest.approx(1, rel=0.25), k
        elif k not in weights:
            assert np.array_equal(v, he.params[k]), k


def test_he_s_keep_the_size_of_maps_where_the_default_lets_them_vanish():
    x = RNG(0).standard_normal((4, 1, 1, 256))
    for initialization, factor in (("he_normal", 1), ("torch_default", 1 / 6)):
        layers = [part for _ in range(24) for part in (Convolution(256, 1, initialization=initialization), ReLU())]
        y = serial(*layers).build((1, 1, 256), RNG(1)).forward(x)
        assert ((y**2).mean() / (x**2).mean()) ** (1 / 24) == pytest.approx(factor, rel=0.15)


# -- one epoch ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_one_epoch_on_digits(name):
    x, y = load_digits_images()
    clf = ConvNetClassifier(name, epochs=1, batch_size=16, random_state=0).fit(x[:32], y[:32])
    scores = clf.decision_function(x[:5])
    assert scores.shape == (5, 10)
    assert np.isfinite(clf.history_[0]["loss"])
    assert len(np.unique(scores)) > 20
    assert clf.summary().splitlines()[-1].split()[1] == f"{clf.network_.n_params():,}"


@pytest.mark.parametrize(
    ("name", "options", "match"),
    [
        ("lenet", {}, "name must be one of 'lenet5', .*, got 'lenet'"),
        ("inception", {"width": 0}, "width must be > 0"),
        ("inception", {"batch_norm": "no"}, "batch_norm must be True or False, got 'no'"),
        ("small_alexnet", {"width": np.nan}, "width must be > 0 and finite"),
        ("small_alexnet", {"batch_norm": 2}, "batch_norm must be True or False, got 2"),
        ("fractalnet", {"columns": 0}, "columns must be an int >= 1, got 0"),
        ("fractalnet", {"columns": 7}, "columns must be at most 6, where a path has 32 convolutions a block, got 7"),
        ("densenet", {"depth": 4}, r"depth must be 3 n \+ 4 for an n > 0 .*, got 4"),
        ("densenet", {"depth": 23}, r"depth must be 3 n \+ 4 for an n > 0 .*, got 23"),
        ("densenet", {"growth": 0}, "n_filters must be an int >= 1"),
        ("mlp", {"hidden": ()}, "hidden must be a non-empty sequence"),
        ("mlp", {"hidden": (3, 0)}, "n_units must be an int >= 1, got 0"),
        ("mlp", {"initialization": "kaiming"}, "initialization must be one of 'torch_default'"),
    ],
)
def test_presets_refuse(name, options, match):
    with pytest.raises(ValueError, match=match):
        preset(name, (8, 8, 1), 3, **options)


def test_an_option_that_there_is_not_is_refused():
    with pytest.raises(TypeError, match="unexpected keyword argument 'width'"):
        preset("vgg", (8, 8, 1), 3, width=2)
