"""Modules of PyTorch made of parts, networks and estimators: values, gradients, training, copies, exports."""

import copy
import io
import pickle
import sys

import numpy as np
import pytest
import registry

from kernelconv import (
    ConvKernelNetwork,
    ConvNetClassifier,
    JointTimeFrequencyScattering,
    RotoTranslationScattering2D,
    Scattering1D,
    Scattering2D,
    Scattering3D,
    SeparableScattering2D,
)
from kernelconv.datasets import load_digits_images
from kernelconv.networks import arrays
from kernelconv.networks.serial import serial
from kernelconv.networks.training.loop import loss_gradient
from kernelconv.networks.training.losses import as_loss
from kernelconv.operators import (
    ArcCosine,
    AveragePooling,
    BatchNorm,
    Convolution,
    Dense,
    Dropout,
    Flatten,
    GaussianPooling,
    GlobalPooling,
    KernelMapping,
    Layer,
    MaxPooling,
    PatchExtraction,
    ReLU,
    Standardization,
)
from kernelconv.operators.wavelets import filtering
from kernelconv.torch import as_module

torch = pytest.importorskip("torch", reason="needs PyTorch")

NAMES = list(registry.SPECIFICATIONS)
X, Y = load_digits_images()
X, Y = X[:60].astype(np.float32), Y[:60]


def close(got, wanted, tol):
    got, wanted = (v.detach().numpy() if isinstance(v, torch.Tensor) else np.asarray(v) for v in (got, wanted))
    norm = np.linalg.norm(wanted)
    assert norm > 0
    assert got.shape == wanted.shape
    assert np.linalg.norm(got - wanted) <= tol * norm


def own_name(name):
    return name.replace("parametrizations.", "").replace(".original", "")


def check_module(part, engine):
    """Values and gradients are the part's; of anchors, on their sphere, what is tangent to it."""
    x = torch.tensor(registry.images(), requires_grad=True)
    module = as_module(part, engine=engine).eval()
    y = module(x)
    close(y, part.forward(registry.images()), 1e-12)
    if not part.differentiable or np.iscomplexobj(y.detach().numpy()):
        return
    g = np.random.default_rng(0).standard_normal(tuple(y.shape))
    (y * torch.tensor(g)).sum().backward()
    gx, grads = part.vjp(registry.images(), g)
    close(x.grad, gx, 1e-12)
    assert {own_name(name) for name, _ in module.named_parameters()} == grads.keys()
    for name, p in module.named_parameters():
        wanted = grads[own_name(name)]
        if own_name(name).endswith("anchors"):
            z = p.detach().numpy()
            wanted = wanted - z * (wanted * z).sum(axis=1, keepdims=True)
        close(p.grad, wanted, 1e-11)


@pytest.mark.parametrize("engine", ["auto", "torch"])
@pytest.mark.parametrize("name", NAMES)
def test_a_module_is_its_part(name, engine):
    part = registry.built(name)
    if not part.differentiable:
        module, x = as_module(part, engine=engine).eval(), torch.tensor(registry.images())
        close(module(x), part.forward(registry.images()), 1e-7)  # of infinite slope: rounding of cosines shows
        assert not any(p.requires_grad for p in module.parameters())
    else:
        check_module(part, engine)


def test_check_module_fails_on_a_gradient_that_is_not_of_the_part():
    class Wrong(ReLU):
        def _pullback(self, x, *, train=False, rng=None):
            y, pull, state = super()._pullback(x)
            return y, lambda g: (1.001 * pull(g)[0], {}), state

    part = Wrong().build(registry.SHAPE)
    with pytest.raises(AssertionError):
        check_module(part, "torch")


# -- estimators -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["auto", "torch"])
@pytest.mark.parametrize(
    "estimator",
    [ConvKernelNetwork(n_anchors=(8, 12), random_state=0), Scattering2D(J=2), Scattering2D(J=1, log=True)],
    ids=str,
)
def test_rows_are_those_of_transform(estimator, engine):
    estimator = estimator.fit(X)
    close(as_module(estimator, engine=engine)(torch.tensor(X)), estimator.transform(X), 1e-5)


def test_rows_of_signals_are_those_of_transform():
    signals = np.random.default_rng(0).standard_normal((3, 64))
    scattering = Scattering1D(J=3, Q=2).fit(signals)
    close(as_module(scattering)(torch.tensor(signals)[:, None, :, None]), scattering.transform(signals), 1e-12)


def test_scores_are_those_of_a_classifier():
    clf = ConvNetClassifier(epochs=1, random_state=0).fit(X, Y)
    module = as_module(clf).eval()
    close(module(torch.tensor(X)), clf.decision_function(X), 1e-5)
    assert (module(torch.tensor(X)).argmax(1).numpy() == clf.predict(X)).all()
    two = ConvNetClassifier(epochs=1, random_state=0).fit(X, Y > 4)
    assert as_module(two)(torch.tensor(X)).shape == (len(X), 2)


def test_channels_first():
    network = registry.built("cnn")
    x = registry.images()
    module = as_module(serial(Convolution(3, 3), ReLU()).build(registry.SHAPE, np.random.default_rng(0)))
    first = as_module(module.part(), channels_first=True)
    assert module.channels_last
    assert not first.channels_last
    close(first(torch.tensor(x).movedim(-1, 1)), np.moveaxis(module.part().forward(x), -1, 1), 1e-12)
    with pytest.raises(ValueError, match=r"takes images \(n, 2, 6, 8\), got shape \(3, 6, 8, 2\)"):
        first(torch.tensor(x))
    with pytest.raises(ValueError, match=r"takes images \(n, 6, 8, 2\), got shape \(3, 2, 6, 8\). channels_first is"):
        as_module(network)(torch.tensor(x).movedim(-1, 1))


# -- training ---------------------------------------------------------------------------------------------------------


def cnn(*, dropout=False):
    parts = [Convolution(4, 3, padding="zero"), BatchNorm(momentum=0.3), ReLU(), Flatten(), Dense(10)]
    parts = [*parts[:4], Dropout(0.5), *parts[4:]] if dropout else parts
    return serial(*parts).build((8, 8, 1), np.random.default_rng(0))


@pytest.mark.parametrize("engine", ["auto", "torch"])
def test_gradients_and_statistics_are_those_of_our_trainer(engine):
    network, x = cnn(), X.astype(np.float64)[..., None]
    scores, value, grads, state = loss_gradient(network, x, Y, as_loss("log_loss"), [0])
    module = as_module(network, engine=engine).train()
    logits = module(torch.tensor(x)).flatten(1)
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor(Y))
    loss.backward()
    close(logits, scores, 1e-10)
    assert loss.item() == pytest.approx(value, rel=1e-10)
    for name, p in module.named_parameters():
        if name != "convolution_1.bias":  # BatchNorm takes it away: its gradient is rounding
            close(p.grad, grads[name], 1e-10)
    for name, buffer in module.named_buffers():
        close(buffer, state[name], 1e-10)
    trained = module.part().state
    assert all(np.array_equal(trained[name], buffer.numpy()) for name, buffer in module.named_buffers())


@pytest.mark.parametrize("engine", ["auto", "torch"])
def test_gradients_of_a_ckn_are_those_of_our_trainer(engine):
    ckn = ConvKernelNetwork(n_anchors=(6, 8), random_state=0).fit(X.astype(np.float64)).network_
    network = serial(ckn, Flatten(), Dense(10)).build((8, 8, 1), np.random.default_rng(0), X[..., None].astype(float))
    _, _, grads, _ = loss_gradient(network, X.astype(np.float64)[..., None], Y, as_loss("log_loss"), [0])
    module = as_module(network, engine=engine)
    logits = module(torch.tensor(X, dtype=torch.float64)).flatten(1)
    torch.nn.functional.cross_entropy(logits, torch.tensor(Y)).backward()
    for name, p in module.named_parameters():
        wanted = grads[own_name(name)]
        if "anchors" in name:
            z = p.detach().numpy()
            wanted = wanted - z * (wanted * z).sum(axis=1, keepdims=True)
        close(p.grad, wanted, 1e-10)


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.AdamW])
def test_anchors_stay_on_their_sphere(optimizer):
    ckn = ConvKernelNetwork(n_anchors=(6,), random_state=0).fit(X)
    module = as_module(ckn)
    start = module.layer_1.M.anchors.detach().clone()
    steps = optimizer(module.parameters(), lr=0.5)
    for _ in range(100):
        steps.zero_grad()
        (module(torch.tensor(X[:8])) ** 2).mean().backward()
        steps.step()
    anchors = module.layer_1.M.anchors
    assert (anchors.norm(dim=1) - 1).abs().max() < 1e-6
    assert (anchors - start).norm() > 0.1
    close(module.part().params["layer_1.M.anchors"], anchors, 0)
    close(module(torch.tensor(X)), module.part().forward(X).reshape(len(X), -1), 1e-5)  # nothing stale
    assert not np.allclose(ckn.network_.params["layer_1.M.anchors"], anchors.detach().numpy())


@pytest.mark.parametrize("engine", ["auto", "torch"])
def test_dropout_and_batch_norm_obey_train_and_eval(engine):
    module, x = as_module(cnn(dropout=True), engine=engine), torch.tensor(X, dtype=torch.float64)
    module.train()
    torch.manual_seed(0)
    first = module(x)
    mean = module.batchnorm_2.mean.clone()
    torch.manual_seed(0)
    again = module(x)
    assert torch.equal(first, again)
    assert not torch.equal(module(x), first)
    assert not torch.equal(module.batchnorm_2.mean, mean)
    module.eval()
    assert torch.equal(module(x), module(x))
    kept = module.batchnorm_2.mean.clone()
    module(x)
    assert torch.equal(module.batchnorm_2.mean, kept)
    close(module(x), module.part().forward(X.astype(np.float64)), 1e-12)


def test_a_gradient_of_a_gradient_is_refused_not_wrong():
    x = torch.tensor(registry.images(), requires_grad=True)
    module = as_module(registry.built("cnn"))
    slope = torch.autograd.grad(module(x).square().sum(), x, create_graph=True)[0]
    with pytest.raises(RuntimeError, match="a gradient of a gradient was asked for through an operation of kernelconv"):
        (slope.square().sum() + module(x).sum()).backward()
    part = KernelMapping(3).build((1, 2, 2), np.random.default_rng(0))
    fixed = as_module(part, engine="torch", trainable=False)
    assert torch.autograd.gradgradcheck(fixed, torch.tensor(registry.images(1, (1, 2, 2)), requires_grad=True))


# -- copies -----------------------------------------------------------------------------------------------------------


def test_copies_pickles_and_state_dicts():
    module = as_module(cnn(dropout=True)).train()
    x = torch.tensor(X, dtype=torch.float64)
    module(x)
    module.dense_6.weight.requires_grad_(False)
    module.dropout_5.eval()
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    ckn = as_module(ConvKernelNetwork(n_anchors=(6,), random_state=0).fit(X), channels_first=True)
    for made in (pickle.loads(pickle.dumps(module)), copy.deepcopy(module), torch.load(file, weights_only=False)):
        assert torch.equal(made.eval()(x), copy.deepcopy(module).eval()(x))
        assert [p.requires_grad for p in made.parameters()] == [p.requires_grad for p in module.parameters()]
        assert made.dense_6.weight is not module.dense_6.weight
    made = pickle.loads(pickle.dumps(module))
    assert made.training
    assert not made.dropout_5.training
    half = copy.deepcopy(ckn.to(torch.float64))
    assert half.layer_1.M.anchors.dtype == torch.float64
    images = torch.tensor(X[:, None])
    assert torch.equal(pickle.loads(pickle.dumps(ckn))(images), ckn(images))
    other = as_module(ConvKernelNetwork(n_anchors=(6,), random_state=1).fit(X), channels_first=True).double()
    assert not torch.equal(other(images), ckn(images))
    other.load_state_dict(ckn.state_dict())
    assert torch.equal(other(images), ckn(images))


def test_copies_keep_hooks_and_device_and_share_nothing():
    module, x = as_module(registry.built("ckn")), torch.tensor(registry.images())
    first, calls = module(x).detach(), []
    module.register_forward_hook(lambda *_: calls.append(1))
    made = copy.deepcopy(module)
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(torch.roll(p, 1, 0))
    assert torch.equal(made(x), first)
    assert calls == [1]
    assert not torch.allclose(module(x), first)
    for away in (
        copy.deepcopy(module.to("meta")),
        pickle.loads(pickle.dumps(as_module(registry.built("ckn")).to("meta"))),
    ):
        assert {p.device.type for p in away.parameters()} == {"meta"}


def test_kept_values_follow_every_change():
    module, x = as_module(registry.built("ckn"), engine="torch").requires_grad_(False), torch.tensor(registry.images())
    first = module(x)
    with torch.no_grad():
        module.get_submodule("layer_1.M").parametrizations.anchors.original.mul_(-1)
    assert not torch.allclose(module(x), first)
    close(module(x), module.part().forward(registry.images()), 1e-12)


@pytest.mark.parametrize("engine", ["auto", "numpy", "torch"])
@pytest.mark.parametrize("name", ["ckn", "cnn"])
def test_kept_values_follow_what_is_written_through_data(name, engine):
    """A tensor's version does not count it: averages of weights and hand-written steps are written so."""
    module, x = as_module(registry.built(name), engine=engine).eval(), torch.tensor(registry.images())
    with torch.no_grad():
        first = module(x)
        for p in module.parameters():
            p.data.mul_(torch.linspace(0.5, 2, p.numel(), dtype=p.dtype).reshape(p.shape))
        second = module(x)
    assert not torch.allclose(second, first)
    close(second, module.part().forward(registry.images()), 1e-12)


def test_filters_are_moved_once_and_again_for_another_dtype(monkeypatch):
    fitted, moved, like = Scattering2D(2, L=2).fit(X), [], filtering.like

    def counted(values, x):
        if isinstance(values, np.ndarray):
            moved.append(x.dtype)
        return like(values, x)

    monkeypatch.setattr(filtering, "like", counted)
    module = as_module(fitted, engine="torch")
    x = torch.tensor(X, dtype=torch.float64)
    for dtype, n, most in ((torch.float32, 7, 1e-5), (torch.float32, 7, 1e-5), (torch.float64, 14, 1e-12)):
        y = module(x.to(dtype))
        assert y.dtype == dtype
        assert len(moved) == n  # low-passes and wavelets of the tree
        assert np.linalg.norm(y.numpy() - (wanted := fitted.transform(x.numpy()))) <= most * np.linalg.norm(wanted)
    module(x.requires_grad_()).sum().backward()
    assert len(moved) == 14


def test_long_batches_go_through_the_formulas_in_blocks_on_the_cpu(monkeypatch):
    sizes, by_slices = [], arrays.block_slices
    monkeypatch.setattr(arrays, "block_slices", lambda n, block: sizes.append(block) or by_slices(n, block))
    module = as_module(Scattering2D(2, L=2).fit(X), engine="torch")
    x = torch.tensor(X, dtype=torch.float64, requires_grad=True)
    whole = module(x)
    monkeypatch.setattr(arrays, "CPU_BLOCK_BYTES", 1)
    apart = module(x)
    assert sizes[0] >= len(x) > sizes[1] == 1
    assert torch.allclose(whole, apart, rtol=0, atol=1e-14)
    slopes = [torch.autograd.grad((y * y).sum(), x)[0] for y in (whole, apart)]
    assert torch.allclose(*slopes, rtol=0, atol=1e-12)


def test_the_part_of_a_module_in_half_precision_is_in_single():
    part = serial(Dense(2)).build((3, 3, 1), np.random.default_rng(0))
    found = as_module(part).to(torch.bfloat16).part().params
    assert {v.dtype for v in found.values()} == {np.dtype(np.float32)}
    close(found["dense_1.weight"], part.params["dense_1.weight"], 1e-2)


def test_torch_func_sees_the_operations():
    module, x = as_module(registry.built("ckn")), torch.tensor(registry.images())
    jacobian = torch.func.jacrev(lambda x: module(x[None])[0])(x[0])
    rows = as_module(registry.built("ckn")).part().vjp(registry.images()[:1], np.ones((1, *module(x).shape[1:])))[0][0]
    close(jacobian.sum((0, 1, 2)), rows, 1e-10)
    each = torch.func.vmap(lambda image: module(image[None])[0])(x)
    close(each, module(x), 1e-12)


@pytest.mark.parametrize("engine", ["auto", "torch"])
def test_torch_func_transforms_the_values_of_modules(engine):
    parts = [
        serial(Convolution(4, 3), BatchNorm(), Flatten(), Dense(3)).build((8, 8, 1), np.random.default_rng(seed))
        for seed in range(3)
    ]
    modules, x = [as_module(part, engine=engine).eval() for part in parts], torch.tensor(X[..., None])
    wanted = torch.autograd.grad(modules[0](x).sum(), list(modules[0].parameters()))
    values = {name: p.detach() for name, p in modules[0].named_parameters()}
    found = torch.func.grad(lambda values: torch.func.functional_call(modules[0], values, (x,)).sum())(values)
    for got, want in zip(found.values(), wanted, strict=True):
        close(got, want, 1e-5)
    for _ in range(2):  # an ensemble; nothing of the first call is kept for the next
        stacked = torch.func.stack_module_state(modules)
        each = torch.func.vmap(lambda values, state: torch.func.functional_call(modules[0], (values, state), (x,)))
        close(each(*stacked), torch.stack([module(x) for module in modules]), 1e-5)
        with torch.no_grad():
            close(modules[0](x), parts[0].forward(X[..., None]), 1e-5)


@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")  # of PyTorch's own formulas
@pytest.mark.parametrize("engine", ["auto", "torch"])
def test_forward_differentiation_goes_through_modules_that_do_not_learn(engine):
    part = registry.built("cnn")
    module, x = as_module(part, engine=engine, trainable=False).eval(), torch.tensor(registry.images())
    direction = torch.ones_like(x)
    with torch.autograd.forward_ad.dual_level():
        dual = module(torch.autograd.forward_ad.make_dual(x, direction))
        found = torch.autograd.forward_ad.unpack_dual(dual).tangent
    close(found, (module(x + 1e-6 * direction) - module(x - 1e-6 * direction)) / 2e-6, 1e-6)


def test_what_training_leaves_as_it_is_does_not_stop_the_backward_pass():
    part = serial(Standardization(), Convolution(4, 3), BatchNorm(), Dense(3))
    part = part.build((8, 8, 1), np.random.default_rng(0), X[..., None]).astype(np.float32)
    module = as_module(part, engine="torch").train()
    for n in (len(X), 1):  # one image has no batch statistics of one position
        x = torch.tensor(X[:n, ..., None], requires_grad=True)
        module(x).square().sum().backward()
        assert torch.isfinite(x.grad).all()
        assert x.grad.abs().max() > 0


def test_gradients_come_after_inference_mode():
    module = as_module(registry.built("ckn"), engine="torch").eval().requires_grad_(False)
    x = torch.tensor(registry.images())
    with torch.inference_mode():
        module(x)
    x.requires_grad_()
    module(x).sum().backward()
    close(x.grad, registry.built("ckn").vjp(registry.images(), np.ones(tuple(module(x).shape)))[0], 1e-10)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("training", [False, True])
def test_half_precision_is_computed_in_single_and_comes_back_as_it_was(dtype, training):
    kernels = Layer(PatchExtraction(3), KernelMapping(6), GaussianPooling(2))
    part = serial(Convolution(4, 3), BatchNorm(), ReLU(), kernels, Dense(3))
    part = part.build((8, 8, 1), np.random.default_rng(0), X[..., None])
    x = torch.tensor(X[..., None], dtype=dtype, requires_grad=True)
    module = as_module(part).train(training)
    wanted = module(x.detach().float())
    for one in (module, as_module(part).train(training).to(dtype)):
        found = one(x)
        assert found.dtype == dtype
        close(found.float(), wanted, 0.02)
        found.sum().backward()
        assert x.grad.dtype == dtype
    with torch.autocast("cpu", dtype=torch.bfloat16):
        close(as_module(part, engine="torch").train(training)(x.detach().float()).float(), wanted, 0.05)


def test_no_image_is_no_error_and_changes_no_statistic():
    routed = serial(Convolution(4, 3), BatchNorm(), MaxPooling(2), AveragePooling(2, 1), GlobalPooling("max"), Dense(3))
    module = as_module(routed.build((9, 9, 1), np.random.default_rng(0)))
    for training in (True, False):
        assert module.train(training)(torch.zeros(0, 9, 9, 1)).shape == (0, 1, 1, 3)
        assert torch.equal(module.batchnorm_2.mean, torch.zeros(4, dtype=torch.float64))


# -- exports ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "estimator", [ConvKernelNetwork(n_anchors=(8,), random_state=0), Scattering2D(J=1, L=2)], ids=str
)
def test_export(estimator):
    module, x = as_module(estimator.fit(X), trainable=False).eval(), torch.tensor(X)
    program = torch.export.export(module, (x,), strict=False)
    close(program.module()(x), module(x), 1e-5)
    assert not any("eigh" in str(node.target) or "fft" in str(node.target) for node in program.graph.nodes)


@pytest.mark.filterwarnings("ignore::UserWarning")  # the compiler's, of functools.lru_cache
@pytest.mark.parametrize("name", ["ckn", "cnn", "scattering"])
def test_compiled_modules(name):
    part, x = registry.built(name), torch.tensor(registry.images(), requires_grad=True)
    compiled = torch.compile(as_module(part).eval(), backend="eager")
    close(compiled(x), part.forward(registry.images()), 1e-12)
    gradient = torch.autograd.grad(compiled(x).square().sum(), x)[0]
    close(gradient, part.vjp(registry.images(), 2 * part.forward(registry.images()))[0], 1e-12)


@pytest.mark.filterwarnings("ignore")  # of the exporter's own parts
@pytest.mark.parametrize(
    "estimator",
    [
        ConvKernelNetwork(n_anchors=(8,), random_state=0),
        ConvNetClassifier(epochs=1, random_state=0),
        Scattering2D(J=1, L=2),
    ],
    ids=["ckn", "cnn", "scattering"],
)
def test_onnx(estimator, tmp_path):
    runtime = pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    pytest.importorskip("onnxscript", reason="needs onnxscript")
    module, x = as_module(estimator.fit(X, Y), trainable=False).eval(), torch.tensor(X)
    torch.onnx.export(module, (x,), tmp_path / "module.onnx", dynamo=True, verbose=False)
    session = runtime.InferenceSession(str(tmp_path / "module.onnx"))
    close(session.run(None, {session.get_inputs()[0].name: X})[0], module(x), 1e-5)


SCATTERING = [name for name in NAMES if name.startswith(("scattering", "wavelet", "low-pass"))]


@pytest.mark.parametrize("name", SCATTERING)
def test_scattering_by_products_is_the_definition(name):
    """Without Fourier transforms or complex numbers, the gradient at an empty map included."""
    from kernelconv.torch.real import Pair, by_products

    part, x = registry.built(name), torch.tensor(registry.images(), requires_grad=True)
    found = by_products(part, x)
    if isinstance(found, Pair):
        found = torch.complex(found.real, found.imaginary)
    close(found, part.definition(registry.images()), 1e-12)
    empty = torch.zeros_like(x, requires_grad=True)
    by_products(registry.built("wavelet modulus"), empty).sum().backward()
    assert torch.equal(empty.grad, torch.zeros_like(x))


def test_modules_without_trainable_values_hold_buffers():
    module = as_module(registry.built("ckn"), trainable=False)
    assert not list(module.parameters())
    assert {"layer_1.M.anchors", "layer_1.M.whitening"} <= dict(module.named_buffers()).keys()
    close(module(torch.tensor(registry.images())), registry.built("ckn").forward(registry.images()), 1e-12)


# -- errors -----------------------------------------------------------------------------------------------------------

#: Fitted estimators that compute without a network of parts.
BARE = (
    lambda: RotoTranslationScattering2D(J=1).fit(X),
    lambda: SeparableScattering2D(J=1).fit(X),
    lambda: Scattering3D(J=1).fit(np.ones((1, 6, 6, 6))),
    lambda: JointTimeFrequencyScattering(J=3, Q=2).fit(np.random.default_rng(0).random((2, 64))),
)


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: as_module(GaussianPooling(2)), ValueError, r"GaussianPooling is not built: call build"),
        (lambda: as_module(ConvKernelNetwork()), ValueError, "ConvKernelNetwork is not fitted, or is not made of a"),
        (lambda: as_module(RotoTranslationScattering2D()), ValueError, "RotoTranslationScattering2D is not fitted, or"),
        *(
            (
                lambda e=e: as_module(e()),
                ValueError,
                r"^\w+ has no network of parts, which as_module needs. Its transform takes arrays",
            )
            for e in BARE
        ),
        (lambda: as_module(ConvKernelNetwork), TypeError, "got the class ConvKernelNetwork"),
        (
            lambda: as_module(3),
            TypeError,
            r"takes a built part, a network or a fitted .*, got a int",
        ),
        (
            lambda: as_module(cnn(), engine="gpu"),
            ValueError,
            "engine must be one of .* got 'gpu'",
        ),
        (lambda: as_module(cnn(), trainable="no"), ValueError, "trainable must be True or False, got 'no'"),
        (lambda: as_module(cnn())(X), TypeError, "a module of kernelconv takes tensors, got"),
        (
            lambda: as_module(cnn())(torch.zeros(2, 9, 8)),
            ValueError,
            r"images \(n, 8, 8, 1\), got shape \(2, 9, 8, 1\)",
        ),
        (
            lambda: as_module(cnn(), engine="numpy")(torch.zeros(2, 8, 8, dtype=torch.float16)),
            ValueError,
            r"engine='numpy' takes real tensors on the CPU, got torch\.float16 on cpu",
        ),
    ],
)
def test_errors(call, error, match):
    with pytest.raises(error, match=match):
        call()


def test_without_pytorch(monkeypatch):
    monkeypatch.setitem(sys.modules, "kernelconv.torch.module", None)
    with pytest.raises(ImportError, match=r"as_module needs PyTorch: pip install torch, or kernelconv\[torch\]"):
        as_module(cnn())


def test_integers_become_float32_and_nothing_stays_nothing():
    module = as_module(cnn()).eval()
    whole = torch.tensor((16 * X).astype(np.uint8))
    assert module.float()(whole).dtype == torch.float32
    assert module(torch.zeros(0, 8, 8)).shape == (0, 1, 1, 10)


def test_kernels_without_a_gradient_are_no_parameters():
    part = KernelMapping(4, ArcCosine(0)).build((2, 2, 3), np.random.default_rng(0))
    module = as_module(part)
    assert not any(p.requires_grad for p in module.parameters())
    assert module(torch.ones(1, 2, 2, 3)).shape == (1, 2, 2, 4)


def small_network():
    network = serial(Convolution(2, 3), BatchNorm(), ReLU(), Dropout(0.5), Flatten(), Dense(3))
    return as_module(network.build((5, 5, 1), np.random.default_rng(0), np.ones((2, 5, 5, 1))))


@pytest.mark.parametrize(("whole", "of_part"), [("training", "evaluation"), ("evaluation", "training")])
def test_a_part_in_another_mode_is_refused(whole, of_part):
    module = small_network().train(whole == "training")
    module.get_submodule("batchnorm_2").train(whole != "training")
    words = rf"module is in {whole} mode, its part 'batchnorm_2' in {of_part} mode.*Call train\(\) or eval\(\)"
    with pytest.raises(ValueError, match=words):
        module(torch.ones(2, 5, 5))


def test_a_replaced_part_is_refused():
    module = small_network().eval()
    module.dense_6 = torch.nn.Linear(18, 2)
    with pytest.raises(TypeError, match=r"part 'dense_6' was replaced by a Linear.*torch\.nn\.Sequential"):
        module(torch.ones(2, 5, 5))


def test_a_module_prints_its_parts():
    printed = str(small_network())
    for name, part in (
        ("convolution_1", "Convolution(2, size=3)"),
        ("dropout_4", "Dropout(0.5)"),
        ("dense_6", "Dense(3)"),
    ):
        assert f"({name}): PartModule({part})" in printed


@pytest.mark.parametrize("train", [False, True])
def test_who_writes_into_an_output_changes_neither_the_input_nor_the_gradient(train):
    torch = pytest.importorskip("torch")
    network = serial(Flatten(), Dense(4), BatchNorm(), ReLU()).build((2, 2, 1), np.random.default_rng(0))
    x = np.random.default_rng(1).standard_normal((6, 2, 2, 1)).astype(np.float32)
    for part in (network.astype(np.float32), ReLU().build((2, 2, 1)), Flatten().build((2, 2, 1))):
        found = []
        for skip in (0.0, 1.0):
            module = as_module(part).train(train)
            given = torch.tensor(x, requires_grad=True)
            y = module(given)
            y += skip
            (y * torch.linspace(1, 2, y.numel()).reshape(y.shape)).sum().backward()
            assert np.array_equal(given.detach().numpy(), x)
            found.append(given.grad.numpy())
        np.testing.assert_array_equal(*found)
