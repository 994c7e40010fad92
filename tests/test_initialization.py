"""Start weights by name: their laws, the fans of each part, PyTorch's own, the bits of the default."""

import numpy as np
import pytest

from kernelconv import ConvNetClassifier, load_digits_images, serial
from kernelconv.operators import Convolution, Dense, LocallyConnected, ReLU, TransposedConvolution
from kernelconv.operators.learned.initialization import INITIALIZATIONS, start_weight

RNG = np.random.default_rng

#: part, image shape, values that an output sums, outputs that a value reaches
FANS = [
    (lambda **named: Convolution(24, (3, 5), stride=2, **named), (9, 9, 40), 15 * 40, 15 * 24),
    (lambda **named: Dense(50, bias=False, **named), (5, 8, 10), 400, 50),
    (lambda **named: LocallyConnected(8, 3, **named), (8, 8, 6), 54, 72),
    (lambda **named: TransposedConvolution(20, 4, stride=2, **named), (9, 9, 40), 4 * 40, 16 * 20),
]


def variance(initialization, fan_in, fan_out):
    """What the name says, by the papers' formulas."""
    if initialization == "torch_default":
        return 1 / (3 * fan_in)
    return {"he": 2 / fan_in, "glorot": 2 / (fan_in + fan_out), "lecun": 1 / fan_in}[initialization.split("_")[0]]


def test_the_names():
    schemes = [f"{scheme}_{law}" for scheme in ("he", "glorot", "lecun") for law in ("normal", "uniform")]
    assert set(INITIALIZATIONS) == {"torch_default", *schemes}


@pytest.mark.parametrize("initialization", INITIALIZATIONS)
@pytest.mark.parametrize(("part", "shape", "fan_in", "fan_out"), FANS)
def test_variance_and_law_are_those_of_the_name(part, shape, fan_in, fan_out, initialization):
    built = part(initialization=initialization).build(shape, RNG(0))
    w = built.params["weight"].ravel()
    expected = variance(initialization, fan_in, fan_out)
    assert len(w) > 10_000
    # standard errors: of the mean sqrt(v / n), of the variance v sqrt((kurtosis - 1) / n), the kurtosis 3 or 1.8
    kurtosis = 3.0 if initialization.endswith("normal") else 1.8
    assert abs(w.mean()) < 4 * np.sqrt(expected / len(w))
    assert abs(w.var() - expected) < 4 * expected * np.sqrt((kurtosis - 1) / len(w))
    assert (w**4).mean() / w.var() ** 2 == pytest.approx(kurtosis, rel=0.1)
    if kurtosis == 1.8:
        assert 0.999 * np.sqrt(3 * expected) < np.abs(w).max() <= np.sqrt(3 * expected)
    assert not built.params.get("bias", np.zeros(1)).any()


@pytest.mark.parametrize(("part", "shape", "fan_in", "fan_out"), FANS)
def test_the_default_keeps_its_bits(part, shape, fan_in, fan_out):
    w = part().build(shape, RNG(3)).params["weight"]
    assert np.array_equal(w, RNG(3).uniform(-1, 1, w.shape) / np.sqrt(fan_in))
    assert np.array_equal(part(initialization="torch_default").build(shape, RNG(3)).params["weight"], w)
    assert repr(part()) == repr(part(initialization="torch_default"))
    assert "initialization='he_normal'" in repr(part(initialization="he_normal"))


@pytest.mark.parametrize("initialization", [name for name in INITIALIZATIONS if name != "torch_default"])
def test_variances_of_he_and_glorot_are_those_of_torch(initialization):
    torch = pytest.importorskip("torch", reason="PyTorch is a peer: pip install kernelconv[peers]")
    init = torch.nn.init
    theirs = torch.empty(24, 40, 3, 5, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    law = initialization.split("_")[1]
    if initialization.startswith("glorot"):
        {"normal": init.xavier_normal_, "uniform": init.xavier_uniform_}[law](theirs, generator=generator)
    else:
        gain = "relu" if initialization.startswith("he") else "linear"
        fill = {"normal": init.kaiming_normal_, "uniform": init.kaiming_uniform_}[law]
        fill(theirs, nonlinearity=gain, generator=generator)
    ours = Convolution(24, (3, 5), initialization=initialization).build((9, 9, 40), RNG(0)).params["weight"]
    assert ours.std() == pytest.approx(theirs.std().item(), rel=0.02)
    if law == "uniform":
        assert np.abs(ours).max() == pytest.approx(theirs.abs().max().item(), rel=1e-3)


def test_torch_default_is_that_of_torch():
    torch = pytest.importorskip("torch", reason="PyTorch is a peer: pip install kernelconv[peers]")
    torch.manual_seed(0)
    theirs = torch.nn.Conv2d(40, 24, (3, 5)).weight.detach().numpy()
    ours = Convolution(24, (3, 5)).build((9, 9, 40), RNG(0)).params["weight"]
    assert np.abs(ours).max() == pytest.approx(np.abs(theirs).max(), rel=1e-3)
    assert ours.std() == pytest.approx(theirs.std(), rel=0.02)


def test_weights_of_he_keep_the_size_of_what_passes_deep_rectifiers():
    """He's reason: without biases E y^2 stays as it is from layer to layer; with 1 / (3 fan_in) a sixth is left."""
    x = RNG(1).standard_normal((200, 1, 1, 300))

    def last(initialization):
        layers = [part for _ in range(6) for part in (Dense(300, bias=False, initialization=initialization), ReLU())]
        return (serial(*layers).build((1, 1, 300), RNG(0)).forward(x) ** 2).mean()

    assert last("he_normal") == pytest.approx((x**2).mean(), rel=0.3)
    assert last("he_uniform") == pytest.approx((x**2).mean(), rel=0.3)
    assert last("torch_default") == pytest.approx((x**2).mean() / 6**6, rel=0.3)


def test_another_start_is_another_network_that_learns():
    X, y = load_digits_images()
    plan = serial(Convolution(8, 3, initialization="he_normal"), ReLU(), Dense(10, initialization="glorot_uniform"))
    clf = ConvNetClassifier(plan, epochs=8, random_state=0).fit(X[:300], y[:300])
    assert clf.score(X[:300], y[:300]) > 0.8
    default = plan.set_params(convolution_1__initialization="torch_default")
    other = ConvNetClassifier(default, epochs=8, random_state=0).fit(X[:300], y[:300])
    assert not np.allclose(clf.decision_function(X[:5]), other.decision_function(X[:5]), atol=0.1)


@pytest.mark.parametrize("part", [one[0] for one in FANS])
def test_other_names_are_refused(part):
    with pytest.raises(ValueError, match=r"initialization must be one of 'torch_default', .* got 'xavier'"):
        part(initialization="xavier")


def test_one_weight_at_a_time_is_the_formula():
    for name in INITIALIZATIONS:
        assert start_weight(name, (2, 3), 7, 5, RNG(0)).shape == (2, 3)
    normal, uniform = RNG(0).standard_normal(4), RNG(0).uniform(-1, 1, 4)
    assert np.allclose(start_weight("glorot_normal", (4,), 7, 5, RNG(0)), normal * np.sqrt(1 / 6), rtol=1e-14)
    assert np.allclose(start_weight("lecun_uniform", (4,), 7, 5, RNG(0)), uniform * np.sqrt(3 / 7), rtol=1e-14)
    assert np.allclose(start_weight("he_uniform", (4,), 7, 5, RNG(0)), uniform * np.sqrt(6 / 7), rtol=1e-14)
