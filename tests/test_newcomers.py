"""What is said to someone who meets the library for the first time, by its text; and what docstrings promise then."""

import sys
from pathlib import Path

import conftest
import numpy as np
import pytest
from _pytest.doctest import DoctestModule
from sklearn.gaussian_process.kernels import RBF

from kernelconv import ConvKernel, ConvKernelNetwork, KernelMapping, Rotation, Scattering1D, SmoothDeformation, warp
from kernelconv.deformations import AffineDeformation, Dilation, Shear
from kernelconv.networks.serial import serial
from kernelconv.operators import AveragePooling, Convolution, DotProductKernel, GaussianPooling, InversePolynomial, Part
from kernelconv.operators.learned import convolution
from kernelconv.operators.wavelets import filter_bank
from kernelconv.stability import Architecture, LayerShape, certify, certify_change, relative_change, worst_case
from kernelconv.studies.models import imported

X = np.random.default_rng(0).random((6, 10, 10))
ONE = np.ones((1, 2, 2, 1))


# -- a part or a kernel of one's own that lacks something -------------------------------------------------------------


class Shapeless(Part):
    """Lacks what the others have."""

    def definition(self, x):
        return x


class Formless(Part):
    """Knows its shape and nothing else."""

    linear = True

    def _out_shape(self, in_shape):
        return in_shape


class Linear(Formless):
    """Lacks its adjoint."""

    def definition(self, x):
        return x


class Mine(DotProductKernel):
    """Lacks everything."""


def test_a_part_is_told_what_it_does_not_write():
    with pytest.raises(
        NotImplementedError, match=r"^Shapeless does not write _out_shape: a subclass of Part needs _out_sh"
    ):
        Shapeless().forward(ONE)
    with pytest.raises(
        NotImplementedError, match=r"needs _out_shape\(self, in_shape\), which gives \(h', w', c'\) for"
    ):
        serial(Shapeless()).build((4, 4, 1))
    with pytest.raises(
        NotImplementedError, match=r"^Formless does not write definition: .* definition\(self, x\), which"
    ):
        Formless().forward(ONE)
    with pytest.raises(
        NotImplementedError, match=r"^Linear does not write _adjoint: .* with linear = True needs _adjoint\("
    ):
        Linear().build((2, 2, 1)).adjoint(ONE)
    with pytest.raises(NotImplementedError, match=r"^Linear does not write _adjoint"):
        Linear().build((2, 2, 1)).vjp(ONE, ONE)


def test_a_part_without_a_gradient_is_told_how_it_gets_one():
    class Curved(Linear):
        linear = False

    with pytest.raises(
        NotImplementedError, match=r"^Curved has no gradient\. A part of your own gets one by _pullback\("
    ):
        Curved().vjp(ONE, ONE)


def test_a_kernel_is_told_what_it_does_not_write():
    with pytest.raises(
        NotImplementedError, match=r"^Mine does not write slope: a subclass of DotProductKernel needs slope"
    ):
        Mine().lipschitz()
    with pytest.raises(
        NotImplementedError, match=r"Mine does not write __call__: .* which gives kappa\(u\), entrywise"
    ):
        KernelMapping(2, Mine()).build((2, 2, 3), np.random.default_rng(0)).forward(np.ones((1, 2, 2, 3)))
    with pytest.raises(NotImplementedError, match=r"Mine does not write derivative: .* kappa'\(u\)"):
        Mine().derivative(0.5)
    with pytest.raises(
        NotImplementedError, match=r"Mine does not write taylor: .* taylor\(self, n\), which gives the first"
    ):
        Mine().taylor(3)


@pytest.mark.parametrize(
    "given",
    [
        lambda kernel: KernelMapping(4, kernel),
        lambda kernel: ConvKernelNetwork(4, kernel=kernel).fit(X),
        lambda kernel: ConvKernelNetwork((4, 4), kernel=("linear", kernel)).fit(X),
        lambda kernel: ConvKernel(3, kernel=kernel)(X),
    ],
)
def test_a_kernel_that_is_none_hears_that_an_instance_is_taken(given):
    with pytest.raises(ValueError, match=r"got the class Mine: pass an instance of it, Mine\(\)\.$"):
        given(Mine)
    taken = (
        r"kernel must be one of 'exponential', .* 'linear', or a DotProductKernel, such as Exponential\(0\.6\), got "
    )
    with pytest.raises(ValueError, match=taken + r"RBF\(length_scale=1\)\.$"):
        given(RBF())
    with pytest.raises(ValueError, match=taken + r"'rbf'\.$"):
        given("rbf")


def test_a_kernel_as_an_instance_is_taken():
    assert ConvKernelNetwork(4, kernel=InversePolynomial(), patch_size=3).fit(X).transform(X).shape[0] == len(X)


# -- words of other libraries -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", [lambda p: Convolution(2, 3, padding=p), lambda p: AveragePooling(2, padding=p)])
def test_same_is_called_zero(part):
    with pytest.raises(
        ValueError, match=r"got 'same': \"zero\" is what PyTorch and Keras call \"same\" \(at stride 1\)\.$"
    ):
        part("same")
    with pytest.raises(ValueError, match=r"got 'full'\.$"):
        part("full")


@pytest.mark.parametrize("size", [2, 3, 4])
def test_zero_is_what_pytorch_calls_same(size):
    torch = pytest.importorskip("torch", reason="needs PyTorch")
    rng = np.random.default_rng(0)
    x, weights = rng.random((1, 7, 6, 1)), rng.random((size, size, 1, 1))
    image = torch.nn.functional.pad(torch.tensor(x).permute(0, 3, 1, 2), 2 * ((size - 1) // 2, size // 2))
    theirs = torch.nn.functional.conv2d(image, torch.tensor(weights).permute(3, 2, 0, 1))
    ours = Convolution.from_weights(weights, padding="zero").forward(x)
    np.testing.assert_allclose(ours[..., 0], theirs[:, 0], rtol=1e-12)
    if size % 2:  # of even sizes PyTorch warns, and does the same
        theirs = torch.nn.functional.conv2d(
            torch.tensor(x).permute(0, 3, 1, 2), torch.tensor(weights).permute(3, 2, 0, 1), padding="same"
        )
        np.testing.assert_allclose(ours[..., 0], theirs[:, 0], rtol=1e-12)


@pytest.mark.parametrize("given", ["net", "Net"])
def test_a_torch_module_given_as_a_model_hears_what_to_wrap_it_in(tmp_path, monkeypatch, given):
    pytest.importorskip("torch", reason="needs PyTorch")
    (tmp_path / "newcomers_net.py").write_text("import torch\nclass Net(torch.nn.Flatten): pass\nnet = Net()\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        with pytest.raises(
            ValueError, match=f"newcomers_net:{given} is a PyTorch module: wrap it in an estimator with fit and p"
        ):
            imported(f"newcomers_net:{given}")
    finally:
        sys.modules.pop("newcomers_net", None)


# -- the worst field --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", [Rotation(), Dilation(), Shear()])
def test_a_family_that_is_not_linear_hears_of_the_nearest_that_is(family):
    with pytest.raises(
        ValueError, match=rf"got {type(family).__name__}\(\)\. For rotations, .* take AffineDeformation"
    ):
        worst_case(lambda x: x, X, family, 0.1, n_evaluations=8)
    assert worst_case(lambda x: x, X, AffineDeformation(), 0.1, n_evaluations=8, random_state=0).change.min() > 0


def test_the_network_of_an_estimator_has_the_gradient_that_the_estimator_lacks():
    model = ConvKernelNetwork(4, patch_size=3, n_patches=200, random_state=0).fit(X)
    family, options = SmoothDeformation(2), {"n_evaluations": 16, "random_state": 0}
    assert worst_case(model, X, family, 0.2, **options).method == "evolution"
    found = worst_case(model.network_, X, family, 0.2, **options)
    assert found.method == "gradient"
    change = relative_change(model.transform(X), model.transform(warp(X, found.fields)))
    np.testing.assert_allclose(found.change, change, rtol=1e-6)
    with pytest.raises(
        ValueError, match=r"pass a network \(of a fitted estimator, its network_\), or use method='evol"
    ):
        worst_case(model, X, family, 0.2, method="gradient")
    assert "``worst_case(ckn.network_, X, ...)``" in worst_case.__doc__


# -- what docstrings say ----------------------------------------------------------------------------------------------


def test_a_step_of_one_blurs_by_the_weights_that_the_docstring_states():
    impulse = np.zeros((1, 5, 5, 1))
    impulse[0, 2, 2] = 1
    assert GaussianPooling(1).forward(impulse)[0, 2, :, 0].round(2).tolist() == [0, 0.12, 0.33, 0.12, 0]
    assert GaussianPooling(1).forward(impulse)[0].sum(axis=(0, 2)).round(2).tolist() == [0, 0.21, 0.58, 0.21, 0]
    assert "blurs all the same, by weights .21,\n        .58, .21 along each axis" in ConvKernelNetwork.__doc__
    sharp = [{"pooling_scale": 0.5}, {"pooling": "average"}]
    for options in sharp:
        model = ConvKernelNetwork(4, patch_size=3, subsampling=1, n_patches=200, random_state=0, **options).fit(X)
        layer = model.network_.parts[0]
        mapped = layer.mapping.forward(layer.patches.forward(X[..., None]))
        np.testing.assert_allclose(model.network_.forward(X), mapped, atol=1e-12)


def test_what_an_architecture_says_of_one_layer_and_of_slopes():
    one = Architecture((LayerShape(5, 1, 2, 1.4),))
    assert one.patch_ratio == 0
    assert "of a network of one layer this is 0" in Architecture.patch_ratio.__doc__
    assert "not multiplied by" in Architecture.slope.__doc__


def test_docstrings_state_what_tests_hold_and_name_each_thing_once():
    assert '(`scaling` "kymatio") to 1e-10 in float64' in Scattering1D.__doc__  # tests/test_scattering_1d.py
    assert r"q_{F(|p| / \sigma)}" in certify_change.__doc__
    assert "F the distribution function of a standard normal variable" in certify_change.__doc__
    assert "with Phi^-1 the quantile function of a standard normal variable" in certify.__doc__


@pytest.mark.parametrize("args", [(), ("oldst",), ("newest", "oldest")])
def test_a_test_that_would_run_in_no_row_of_ci_is_refused(args, request, monkeypatch):
    monkeypatch.setattr(request.node, "own_markers", [pytest.mark.once(*args).mark])
    with pytest.raises(pytest.UsageError, match="once names one row, newest or oldest, got"):
        conftest.pytest_collection_modifyitems([request.node])
    monkeypatch.setenv("KERNELCONV_ROW", "new")
    with pytest.raises(pytest.UsageError, match="KERNELCONV_ROW must be one of newest, oldest, got 'new'"):
        conftest.pytest_collection_modifyitems([])


def test_examples_of_public_names_run_without_the_names_of_their_modules(request):
    modules = [DoctestModule.from_parent(request.session, path=Path(m.__file__)) for m in (convolution, filter_bank)]
    items = [item for module in modules for item in module.collect()]
    conftest.pytest_collection_modifyitems(items)
    named = {item.dtest.name.removeprefix("kernelconv.operators."): set(item.dtest.globs) for item in items}
    assert named.pop("learned.convolution.GivenConvolution") > {"np", "Convolution", "GivenConvolution"}  # private
    assert named.keys() == {
        "learned.convolution.Convolution",
        "learned.convolution.Convolution.from_weights",
        "wavelets.filter_bank.FilterBank",
        "wavelets.filter_bank.FilterBank.littlewood_paley",
        "wavelets.filter_bank.FilterBank.wavelets",
    }
    assert all(names == {"__name__"} for names in named.values())
