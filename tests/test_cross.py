"""The same numbers from other libraries: SciPy, scikit-learn and, where installed, PyTorch."""

import numpy as np
import pytest
from scipy import ndimage, signal
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.neural_network import MLPClassifier

from kernelconv.networks.serial import serial
from kernelconv.networks.training.loop import loss_gradient, train
from kernelconv.networks.training.losses import softmax_cross_entropy, squared_hinge
from kernelconv.networks.training.optimizers import Optimizer
from kernelconv.operators import (
    AveragePooling,
    Convolution,
    Dense,
    Exponential,
    Flatten,
    GaussianPooling,
    GlobalPooling,
    KernelMapping,
    LocallyConnected,
    MaxPooling,
    Modulus,
    PatchExtraction,
    ReLU,
    Sigmoid,
    Softplus,
    Square,
    Tanh,
    TransposedConvolution,
    extract_patches,
    extract_patches_adjoint,
)

RNG = np.random.default_rng
SHAPE = (9, 8, 3)


def images(n=4, shape=SHAPE, seed=0):
    return RNG(seed).standard_normal((n, *shape))


def relative(a, b):
    assert a.shape == b.shape
    assert np.linalg.norm(b) > 0
    return np.linalg.norm(a - b) / np.linalg.norm(b)


# SciPy


@pytest.mark.parametrize(
    ("padding", "mode", "boundary"),
    [("valid", "valid", "fill"), ("zero", "same", "fill"), ("circular", "same", "wrap"), ("symmetric", "same", "symm")],
)
@pytest.mark.parametrize("size", [(3, 3), (5, 3), (1, 1)])
def test_convolution_is_that_of_scipy(size, padding, mode, boundary):
    x = images()
    part = Convolution(2, size, padding=padding).build(SHAPE, RNG(1))
    kernel = part.params["weight"].reshape(*size, 3, 2)
    expected = np.zeros((4, *part.out_shape(SHAPE)))
    for n, m, c in np.ndindex(4, 2, 3):
        expected[n, :, :, m] += signal.correlate2d(x[n, :, :, c], kernel[:, :, c, m], mode, boundary)
    assert relative(part.forward(x), expected) < 1e-13


NDIMAGE = {"zero": "constant", "reflect": "mirror", "symmetric": "reflect", "circular": "wrap"}


@pytest.mark.parametrize("padding", list(NDIMAGE))
def test_average_pooling_is_the_uniform_filter(padding):
    x = images()
    expected = ndimage.uniform_filter(x, (0, 3, 5, 0), mode=NDIMAGE[padding])
    assert relative(AveragePooling((3, 5), 1, padding).forward(x), expected) < 1e-13
    assert relative(AveragePooling((3, 5), (2, 3), padding).forward(x), expected[:, ::2, ::3]) < 1e-13


def test_average_pooling_of_blocks_is_a_reshape():
    x = images(shape=(8, 6, 2))
    assert relative(AveragePooling(2).forward(x), x.reshape(4, 4, 2, 3, 2, 2).mean(axis=(2, 4))) < 1e-14
    assert relative(MaxPooling(2).forward(x), x.reshape(4, 4, 2, 3, 2, 2).max(axis=(2, 4))) == 0


@pytest.mark.parametrize("padding", list(NDIMAGE))
def test_gaussian_pooling_is_the_gaussian_filter(padding):
    x = images()
    for scale, radius in ((1.5, 2), (2.0, 2), (0.8, 1)):
        expected = ndimage.gaussian_filter(x, scale, mode=NDIMAGE[padding], radius=radius, axes=(1, 2))
        assert relative(GaussianPooling(1, scale, padding).forward(x), expected) < 1e-13


def test_max_pooling_is_the_maximum_filter():
    x = images()
    expected = ndimage.maximum_filter(x, (1, 3, 3, 1))[:, 1:-1, 1:-1]  # away from the edge
    assert np.array_equal(MaxPooling(3, 1).forward(x), expected)
    assert np.array_equal(MaxPooling(3, 2).forward(x), expected[:, ::2, ::2])


# scikit-learn


def unit_rows(n, d, seed):
    x = RNG(seed).standard_normal((n, d))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def mapped(part, rows):
    return part.forward(rows[:, None, None, :]).reshape(len(rows), -1)


def test_kernel_mapping_is_nystroem_on_the_sphere():
    """There exp((u - 1) / sigma^2) is the Gaussian kernel of gamma = 1 / (2 sigma^2); landmarks are the anchors."""
    z, x = unit_rows(12, 4, 0), unit_rows(30, 4, 1)
    part = KernelMapping(12, Exponential(0.7), 0).build((1, 1, 4), RNG(0)).replace({"anchors": z})
    theirs = Nystroem(kernel="rbf", gamma=1 / (2 * 0.49), n_components=12, random_state=0).fit(z)
    ours, other = mapped(part, x), theirs.transform(x)
    assert relative(ours @ ours.T, other @ other.T) < 1e-8
    exact = rbf_kernel(x, x, gamma=1 / (2 * 0.49))
    assert 1e-3 < relative(ours @ ours.T, exact) < 0.5  # an approximation, and not a bad one


@pytest.mark.parametrize("duplicated", [0, 3])
def test_kernel_mapping_is_exact_when_its_anchors_are_the_data(duplicated):
    x = RNG(0).standard_normal((15, 4)) * RNG(1).uniform(0.1, 4, (15, 1))
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    anchors = np.concatenate([unit, unit[:duplicated]])
    part = KernelMapping(len(anchors), Exponential(0.7), 0).build((1, 1, 4), RNG(0)).replace({"anchors": anchors})
    ours = mapped(part, x)
    exact = Exponential(0.7).gram(x)
    assert relative(ours @ ours.T, exact) < 1e-8
    norms = np.linalg.norm(x, axis=1)
    assert relative(norms[:, None] * norms * rbf_kernel(unit, gamma=1 / 0.98), exact) < 1e-12


def test_a_trained_linear_network_is_logistic_regression():
    """Full batches and a small constant rate reach the unpenalised optimum that scikit-learn finds."""
    rng = RNG(0)
    x = rng.standard_normal((120, 2, 2, 1))
    y = ((x.reshape(120, 4) @ [1, -1, 0.5, 0] + rng.standard_normal(120)) > 0).astype(int)
    network, _ = train(
        serial(Dense(2)).build((2, 2, 1), rng), x, y, rng=rng, epochs=400, batch_size=120, learning_rate=1.0,
        schedule="constant", optimizer=Optimizer("sgd"),
    )  # fmt: skip
    theirs = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(x.reshape(120, 4), y)
    weight = network.params["dense_1.weight"]
    assert np.allclose(weight[:, 1] - weight[:, 0], theirs.coef_[0], rtol=1e-5)


def test_gradient_of_a_dense_network_is_that_of_scikit_learn():
    """One step of plain SGD of their MLP from our weights moves by our gradient."""
    x, y = images(30, (3, 3, 1)), np.arange(30) % 3
    network = serial(Dense(5), ReLU(), Dense(3)).build((3, 3, 1), RNG(0))
    mlp = MLPClassifier((5,), solver="sgd", momentum=0, alpha=0, learning_rate_init=0.1, batch_size=30, max_iter=1)
    rows = x.reshape(30, 9)
    mlp.partial_fit(rows, y, classes=range(3))
    names = [["dense_1.weight", "dense_3.weight"], ["dense_1.bias", "dense_3.bias"]]
    for ours, theirs in zip(names, (mlp.coefs_, mlp.intercepts_), strict=True):
        for name, value in zip(ours, theirs, strict=True):
            value[...] = network.params[name]
    mlp.partial_fit(rows, y)
    grads = loss_gradient(network, x, y, softmax_cross_entropy, (0,))[2]
    for ours, theirs in zip(names, (mlp.coefs_, mlp.intercepts_), strict=True):
        for name, value in zip(ours, theirs, strict=True):
            assert relative(network.params[name] - 0.1 * grads[name], value) < 1e-12


# PyTorch


@pytest.fixture(scope="module")
def torch():
    torch = pytest.importorskip("torch", reason="PyTorch is a peer: pip install kernelconv[peers]")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # tiny arrays: threads only get in the way
    yield torch
    torch.set_num_threads(threads)


def first(torch, x, grad=True):
    """Maps (n, h, w, c) as a torch tensor (n, c, h, w)."""
    return torch.tensor(np.moveaxis(x, -1, 1).copy(), requires_grad=grad)


def last(tensor):
    return np.moveaxis(tensor.detach().numpy(), 1, -1)


def compare(torch, part, function, x=None):
    """Value, gradient in x and gradients in params of a part against a torch function of (x, params)."""
    x = images() if x is None else x
    tx = first(torch, x)
    params = {k: torch.tensor(v, requires_grad=True) for k, v in part.params.items()}
    ty = function(tx, params)
    y = part.forward(x)
    assert relative(y, last(ty)) < 1e-12
    g = RNG(7).standard_normal(y.shape)
    ty.backward(first(torch, g, False))
    gx, grads = part.vjp(x, g)
    assert relative(gx, last(tx.grad)) < 1e-12
    assert grads.keys() == params.keys()
    for name, tensor in params.items():
        assert relative(grads[name], tensor.grad.numpy()) < 1e-12


def kernel(weight, size, channels):
    """Our weight (k_h k_w c, m) in torch's order (m, c, k_h, k_w)."""
    return weight.reshape(*size, channels, -1).permute(3, 2, 0, 1)


@pytest.mark.parametrize("size", [(3, 3), (2, 4)])
@pytest.mark.parametrize("stride", [(1, 1), (2, 3)])
@pytest.mark.parametrize("dilation", [(1, 1), (2, 1)])
def test_convolution_is_that_of_torch(torch, size, stride, dilation):
    part = Convolution(4, size, stride, dilation=dilation).build(SHAPE, RNG(0))
    part = part.replace({**part.params, "bias": RNG(1).standard_normal(4)})
    compare(
        torch,
        part,
        lambda x, p: torch.nn.functional.conv2d(x, kernel(p["weight"], size, 3), p["bias"], stride, dilation=dilation),
    )


@pytest.mark.parametrize(("size", "stride", "padding", "dilation"), [
    ((3, 3), (2, 2), 1, (1, 1)), ((3, 3), (1, 1), (0, 3), (1, 1)), ((4, 2), (2, 3), (1, 2), (1, 2)), ((2, 2), 1, 4, 1)
])  # fmt: skip
@pytest.mark.parametrize("channels", [3, 6])
def test_convolution_padded_in_pixels_is_that_of_torch(torch, channels, size, stride, padding, dilation):
    x = images(shape=(9, 8, channels))
    part = Convolution(4, size, stride, padding, dilation).build(x.shape[1:], RNG(0))
    part = part.replace({**part.params, "bias": RNG(1).standard_normal(4)})

    def function(x, p):
        return torch.nn.functional.conv2d(x, kernel(p["weight"], size, channels), p["bias"], stride, padding, dilation)

    compare(torch, part, function, x)


@pytest.mark.parametrize(("size", "stride", "padding", "dilation", "output_padding"), [
    ((3, 3), (2, 2), (1, 1), (1, 1), (1, 1)), ((3, 2), (1, 1), (0, 1), (1, 1), (0, 0)),
    ((4, 2), (2, 3), (1, 2), (1, 2), (0, 2)), ((1, 2), (3, 2), (0, 0), (2, 1), (2, 0)),
])  # fmt: skip
@pytest.mark.parametrize(("channels", "filters"), [(3, 2), (2, 6)])
def test_transposed_convolution_is_that_of_torch(
    torch, channels, filters, size, stride, padding, dilation, output_padding
):
    x = images(shape=(5, 4, channels))
    part = TransposedConvolution(filters, size, stride, padding, dilation, output_padding=output_padding)
    part = part.build(x.shape[1:], RNG(0))
    part = part.replace({**part.params, "bias": RNG(1).standard_normal(filters)})

    def function(x, p):
        weight = kernel(p["weight"], size, filters)
        return torch.nn.functional.conv_transpose2d(x, weight, p["bias"], stride, padding, output_padding, 1, dilation)

    compare(torch, part, function, x)


@pytest.mark.parametrize(("stride", "padding", "dilation"), [((1, 1), 0, (1, 1)), ((2, 1), (1, 2), (1, 2))])
def test_locally_connected_is_unfold_and_a_product_at_each_position(torch, stride, padding, dilation):
    part = LocallyConnected(4, (3, 2), stride, padding, dilation).build(SHAPE, RNG(0))
    part = part.replace({**part.params, "bias": RNG(1).standard_normal(part.params["bias"].shape)})
    h, w, m = part.out_shape(SHAPE)

    def function(x, p):
        rows = torch.nn.functional.unfold(x, (3, 2), dilation, padding, stride)  # (n, c k_h k_w, h' w')
        weight = p["weight"].reshape(h * w, 3, 2, 3, m).permute(0, 3, 1, 2, 4).reshape(h * w, 18, m)
        return (torch.einsum("ndp,pdm->nmp", rows, weight)).reshape(-1, m, h, w) + p["bias"].permute(2, 0, 1)

    compare(torch, part, function)


@pytest.mark.parametrize("part", [
    TransposedConvolution(2, (3, 2), (2, 3), "reflect", output_padding=(1, 0)), TransposedConvolution(6, 3, padding=1),
    LocallyConnected(3, 3, 2, "symmetric"),
], ids=repr)  # fmt: skip
def test_definitions_with_weights_have_our_gradient_in_torch(torch, part):
    """By torch's own differentiation of the definition."""
    x = images(shape=(5, 6, 3))
    part = part.build(x.shape[1:], RNG(0))
    tensor = torch.tensor(x, requires_grad=True)
    y = part.forward(tensor)
    g = RNG(1).standard_normal(y.shape)
    y.backward(torch.tensor(g))
    assert relative(y.detach().numpy(), part.forward(x)) < 1e-13
    assert relative(tensor.grad.numpy(), part.vjp(x, g)[0]) < 1e-13


@pytest.mark.parametrize("padding", ["zero", "reflect", "circular"])
def test_convolution_with_borders_is_that_of_torch(torch, padding):
    mode = {"zero": "constant"}.get(padding, padding)
    part = Convolution(4, (3, 5), padding=padding, bias=False).build(SHAPE, RNG(0))

    def function(x, p):
        return torch.nn.functional.conv2d(
            torch.nn.functional.pad(x, (2, 2, 1, 1), mode=mode), kernel(p["weight"], (3, 5), 3)
        )

    compare(torch, part, function)


def test_pointwise_maps_and_pooling_are_those_of_torch(torch):
    f = torch.nn.functional
    ties = np.round(images())  # many: they go to the first
    assert len(np.unique(ties)) < 10
    for x in (images(), ties):
        compare(torch, ReLU().build(SHAPE), lambda x, p: f.relu(x), x)
        compare(torch, MaxPooling(2).build(SHAPE), lambda x, p: f.max_pool2d(x, 2), x)
        compare(torch, MaxPooling((3, 2), 1).build(SHAPE), lambda x, p: f.max_pool2d(x, (3, 2), 1), x)
        compare(torch, AveragePooling(2).build(SHAPE), lambda x, p: f.avg_pool2d(x, 2), x)
        compare(torch, AveragePooling(3, 2).build(SHAPE), lambda x, p: f.avg_pool2d(x, 3, 2), x)
        compare(torch, AveragePooling(3, 2, "zero").build(SHAPE), lambda x, p: f.avg_pool2d(x, 3, 2, padding=1), x)
        average = AveragePooling(4, 2, (2, 1)).build(SHAPE)
        compare(torch, average, lambda x, p: f.avg_pool2d(x, 4, 2, padding=(2, 1)), x)
        compare(torch, GlobalPooling().build(SHAPE), lambda x, p: f.adaptive_avg_pool2d(x, 1), x)
        compare(torch, Modulus().build(SHAPE), lambda x, p: x.abs(), x)
    compare(torch, GlobalPooling("max").build(SHAPE), lambda x, p: f.adaptive_max_pool2d(x, 1))


@pytest.mark.parametrize("part", [Square(), Softplus(), Tanh(), Sigmoid()], ids=repr)
def test_smooth_nonlinearities_are_those_of_torch(torch, part):
    f = {Square: torch.square, Softplus: torch.nn.functional.softplus, Tanh: torch.tanh, Sigmoid: torch.sigmoid}
    compare(torch, part.build(SHAPE), lambda x, p: f[type(part)](x), 3 * images())


def test_dense_is_that_of_torch(torch):
    compare(
        torch,
        Dense(5).build(SHAPE, RNG(0)),
        lambda x, p: (x.permute(0, 2, 3, 1).reshape(4, -1) @ p["weight"] + p["bias"])[:, :, None, None],
    )


@pytest.mark.parametrize(("size", "stride", "dilation"), [((3, 3), (1, 1), (1, 1)), ((2, 3), (2, 1), (2, 2))])
def test_patches_and_their_adjoint_are_unfold_and_fold(torch, size, stride, dilation):
    x = images()
    ours = extract_patches(x, size, stride, dilation=dilation)
    settings = {"kernel_size": size, "stride": stride, "dilation": dilation}
    theirs = torch.nn.functional.unfold(first(torch, x, False), **settings)  # (n, c k k, positions)
    n, h, w, _ = ours.shape
    again = theirs.numpy().reshape(n, 3, size[0] * size[1], h, w).transpose(0, 3, 4, 2, 1).reshape(ours.shape)
    assert np.array_equal(ours, again)
    folded = torch.nn.functional.fold(theirs, SHAPE[:2], **settings)
    assert relative(extract_patches_adjoint(ours, SHAPE, size, stride, dilation=dilation), last(folded)) < 1e-14


def test_kernel_mapping_and_its_gradient_are_those_of_torch(torch):
    """Through torch's eigen-decomposition, whose eigenvalues are distinct here."""
    part = KernelMapping(5, Exponential(0.8), 0.01).build((3, 2, 4), RNG(0))
    x = images(2, (3, 2, 4))

    def function(x, p):
        z, v = p["anchors"], x.permute(0, 2, 3, 1)
        values, vectors = torch.linalg.eigh(torch.exp((z @ z.T - 1) / 0.64))
        root = vectors @ torch.diag((values + 0.01) ** -0.5) @ vectors.T
        norm = v.norm(dim=-1, keepdim=True)
        return (norm * torch.exp((v / norm @ z.T - 1) / 0.64) @ root).permute(0, 3, 1, 2)

    tx, tz = first(torch, x), torch.tensor(part.params["anchors"], requires_grad=True)
    ty = function(tx, {"anchors": tz})
    g = RNG(7).standard_normal((2, 3, 2, 5))
    ty.backward(first(torch, g, False))
    gx, grads = part.vjp(x, g)
    assert relative(part.forward(x), last(ty)) < 1e-11
    assert relative(gx, last(tx.grad)) < 1e-10
    assert relative(grads["anchors"], tz.grad.numpy()) < 1e-9


@pytest.mark.parametrize("loss", [softmax_cross_entropy, squared_hinge])
def test_losses_are_those_of_torch(torch, loss):
    scores, labels = RNG(0).standard_normal((9, 4)), RNG(1).integers(4, size=9)
    ts, tl = torch.tensor(scores, requires_grad=True), torch.tensor(labels)
    if loss is softmax_cross_entropy:
        theirs = torch.nn.functional.cross_entropy(ts, tl, reduction="sum")
    else:
        theirs = ((1 - (2 * torch.nn.functional.one_hot(tl, 4) - 1) * ts).clamp(min=0) ** 2).sum() / 2
    theirs.backward()
    value, gradient = loss(scores, labels)
    assert value == pytest.approx(theirs.item(), rel=1e-12)
    assert relative(gradient, ts.grad.numpy()) < 1e-12


@pytest.mark.parametrize(
    ("optimizer", "make"),
    [
        (Optimizer("sgd", 0.9), lambda t, p: t.optim.SGD(p, lr=0.02, momentum=0.9, nesterov=True)),
        (Optimizer("sgd", 0.0), lambda t, p: t.optim.SGD(p, lr=0.02)),
        (Optimizer("adam"), lambda t, p: t.optim.Adam(p, lr=0.02)),
        (Optimizer("adam", 0.8, weight_decay=0.1), lambda t, p: t.optim.AdamW(
            [{"params": p[0::2], "weight_decay": 0.1}, {"params": p[1::2], "weight_decay": 0.0}],
            lr=0.02, betas=(0.8, 0.999))),
    ],
    ids=["nesterov", "sgd", "adam", "adamw"],
)  # fmt: skip
def test_a_small_lenet_trains_as_in_torch(torch, optimizer, make):
    """Five steps on mini-batches of 40 (two blocks): loss, gradients and weights agree at each."""
    f = torch.nn.functional
    plan = serial(
        Convolution(4, 3, padding="zero"), ReLU(), MaxPooling(2), Convolution(6, 2), ReLU(), Flatten(), Dense(3)
    )
    network = plan.build((8, 8, 1), RNG(0))
    names = list(network.params)
    params = [torch.tensor(network.params[n], requires_grad=True) for n in names]
    theirs, memory = make(torch, params), optimizer.start(network.params)
    for step in range(5):
        x, y = images(40, (8, 8, 1), seed=step), RNG(step).integers(3, size=40)
        maps = f.relu(f.conv2d(first(torch, x, False), kernel(params[0], (3, 3), 1), params[1], padding=1))
        maps = f.relu(f.conv2d(f.max_pool2d(maps, 2), kernel(params[2], (2, 2), 4), params[3]))
        loss = f.cross_entropy(maps.permute(0, 2, 3, 1).reshape(40, -1) @ params[4] + params[5], torch.tensor(y))
        theirs.zero_grad()
        loss.backward()
        _, value, grads, _ = loss_gradient(network, x, y, softmax_cross_entropy, (0, step))
        assert value == pytest.approx(loss.item(), rel=1e-10)
        for name, tensor in zip(names, params, strict=True):
            assert relative(grads[name], tensor.grad.numpy()) < 1e-8
        theirs.step()
        network = network.replace(optimizer.step(network.params, grads, memory, 0.02))
        for name, tensor in zip(names, params, strict=True):
            assert relative(network.params[name], tensor.detach().numpy()) < 1e-8
    start = plan.build((8, 8, 1), RNG(0)).params
    assert all(relative(network.params[n], start[n]) > 1e-3 for n in names if n.endswith("weight"))


def test_a_cosine_schedule_is_that_of_torch(torch):
    from kernelconv.networks.training.optimizers import learning_rates

    parameter = torch.nn.Parameter(torch.zeros(1))
    sgd = torch.optim.SGD([parameter], lr=0.3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(sgd, 10)
    rates = []
    for _ in range(10):
        rates.append(sgd.param_groups[0]["lr"])
        sgd.step()
        schedule.step()
    assert np.allclose(learning_rates(0.3, "cosine", 10), rates, rtol=1e-12)


def test_layouts_are_comparable(torch):
    """The guard of this file: moving the channels is all that lies between the two."""
    x = images()
    assert np.array_equal(last(first(torch, x)), x)
    assert np.array_equal(PatchExtraction((9, 8)).forward(x).reshape(4, 9, 8, 3), x)
