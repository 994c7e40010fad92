"""Models of every kind as functions from images to labels and to features: classifiers and ONNX sessions."""

import warnings

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from kernelconv import measure_stability
from kernelconv.deformations import SmoothDeformation
from kernelconv.stability import as_classifier, as_representation, equivariance_error
from kernelconv.stability.representation import as_gradient

RNG = np.random.default_rng
ROWS = FunctionTransformer(lambda x: x.reshape(len(x), -1))


def images(*shape, seed=0):
    return RNG(seed).standard_normal(shape)


def scores(x, n_classes=3):
    """Naive scores of images: inner products with fixed patterns."""
    return x.reshape(len(x), -1) @ RNG(9).standard_normal((x[0].size, n_classes))


def by_loop(x):
    """Labels, image by image, of the first largest score."""
    rows = scores(x)
    return np.array([max(range(3), key=lambda k: (row[k], -k)) for row in rows])


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="PyTorch is not installed")


# -- labels ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [[0, 1, 2], [0.0, 1.0, 2.0], ["a", "bc", "d"]])
def test_predict_comes_first_with_the_labels_that_it_has(names):
    x = images(40, 4, 5)
    y = np.array(names)[by_loop(x)]
    model = make_pipeline(ROWS, LogisticRegression(C=100)).fit(x, y)
    found = as_classifier(model)(x)
    assert (found == y).mean() > 0.9
    np.testing.assert_array_equal(found, model.predict(x))
    for batch_size in (1, 7, 40, 100):
        np.testing.assert_array_equal(as_classifier(model, batch_size)(x), found)


def test_scores_and_labels_of_a_function():
    x = images(20, 4, 5, 2)
    labels = by_loop(x)
    assert set(labels) == {0, 1, 2}
    for function in (scores, lambda X: scores(X).astype(np.float32), by_loop, lambda X: by_loop(X).astype(float)):
        np.testing.assert_array_equal(as_classifier(function)(x), labels)
    np.testing.assert_array_equal(as_classifier(lambda X: scores(X).round(), 3)(x), scores(x).round().argmax(1))
    ties = as_classifier(lambda X: np.ones((len(X), 4)))(x)
    assert ties.tolist() == [0] * 20
    words = as_classifier(lambda X: ["yes" if s > 0 else "no" for s in scores(X)[:, 0]])(x)
    assert words.tolist() == ["yes" if s > 0 else "no" for s in scores(x)[:, 0]]


def test_batches_are_given_as_floats_with_their_own_axes():
    seen = []

    def label(x):
        seen.append((x.shape, x.dtype))
        return np.arange(len(x))

    for x, dtype in ((images(7, 3, 4), np.float64), (images(7, 3, 4).astype(np.float32), np.float32)):
        seen.clear()
        assert as_classifier(label, 3)(x).tolist() == [0, 1, 2, 0, 1, 2, 0]
        assert seen == [((3, 3, 4), dtype), ((3, 3, 4), dtype), ((1, 3, 4), dtype)]
    seen.clear()
    as_classifier(label)(RNG(0).integers(0, 255, (5, 3, 4, 2)).astype(np.uint8))
    as_classifier(label)(images(1, 3, 4).tolist())
    assert seen == [((5, 3, 4, 2), np.float32), ((1, 3, 4), np.float64)]


def test_a_module_of_scores_and_one_of_a_logit(torch):
    torch.manual_seed(0)
    x = images(30, 4, 5, 2)
    rows = torch.tensor(np.moveaxis(x, -1, 1)).flatten(1)
    for n_outputs in (3, 1):
        linear = torch.nn.Linear(40, n_outputs).double()
        expected = linear(rows).detach().numpy()
        labels = expected.argmax(1) if n_outputs == 3 else (expected[:, 0] > 0).astype(int)
        assert len(set(labels)) == n_outputs if n_outputs == 3 else 2
        net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Dropout(0.9), linear)
        for batch_size in (None, 4):
            found = as_classifier(net, batch_size, device="cpu")(x)
            np.testing.assert_array_equal(found, labels)
            assert found.dtype == np.int64
        assert net.training
    flat = torch.nn.Sequential(net, torch.nn.Flatten(0))
    np.testing.assert_array_equal(as_classifier(flat)(x), labels)
    probability = torch.nn.Sequential(net, torch.nn.Sequential(torch.nn.Sigmoid()))
    np.testing.assert_array_equal(as_classifier(probability)(x), labels)
    three = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(40, 3).double(), torch.nn.Sigmoid())
    np.testing.assert_array_equal(as_classifier(three)(x), as_classifier(three[:-1])(x))
    shaped = as_classifier(lambda X: net(torch.tensor(np.moveaxis(X, -1, 1))).repeat(1, 2) * torch.tensor([-1, 1]))
    assert shaped(x).dtype == np.int64


def test_a_module_that_has_predict_is_asked_for_it(torch):
    class Predicts(torch.nn.Module):
        def predict(self, images):
            assert isinstance(images, np.ndarray)
            return by_loop(images)

    x = images(5, 4, 5)
    np.testing.assert_array_equal(as_classifier(Predicts(), 2)(x), by_loop(x))


def test_what_has_no_labels_is_refused():
    with pytest.raises(ValueError, match="model is the class LogisticRegression: pass an instance, fitted"):
        as_classifier(LogisticRegression)
    for transformer in (PCA(2), make_pipeline(ROWS, PCA(2))):
        with pytest.raises(ValueError, match=r"has transform and no predict: .* make_pipeline\(model, LogisticRegr"):
            as_classifier(transformer)
    with pytest.raises(ValueError, match=r"model must have predict, or be a function .*, got 'svm'"):
        as_classifier("svm")
    with pytest.raises(ValueError, match="batch_size must be an int >= 1, got 0"):
        as_classifier(by_loop, 0)
    with pytest.raises(ValueError, match="device is for PyTorch modules, and model is a function"):
        as_classifier(by_loop, device="cpu")
    x = images(6, 4, 5)
    regressor = make_pipeline(ROWS, LinearRegression()).fit(x, x.mean((1, 2)))
    with pytest.raises(ValueError, match=r"Pipeline.predict returned one float an image, array.*\(score\(X\) > 0\)"):
        as_classifier(regressor)(x)


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda x: scores(x)[:, 0], r"<lambda> returned one float an image, array\(.*, and no labels"),
        (lambda x: scores(x)[:, :1], "<lambda> returned one float an image"),
        (lambda x: scores(x).round()[:, :1], r"returned float64 of shape \(6, 1\) for 6 images. Wanted are labels"),
        (lambda x: scores(x).astype(int), r"int64 of shape \(6, 3\) .* of whole numbers pass scores.astype\(float\)"),
        (lambda x: scores(x)[:, None], r"returned float64 of shape \(6, 1, 3\) for 6 images"),
        (lambda x: scores(x)[:, :0], r"of shape \(6, 0\) for 6 images"),
        (lambda x: by_loop(x) + 1j, r"returned complex128 of shape \(6,\)"),
        (lambda x: by_loop(x)[:5], r"returned shape \(5,\) for 6 images: it must return one label, or one row of"),
        (lambda x: scores(x)[:1], r"returned shape \(1, 3\) for 6 images"),
        (lambda x: 1, r"returned shape \(\) for 6 images"),
        (lambda x: scores(x) / 0, "what <lambda> returned holds 18 non-finite values"),
        (lambda x: np.where(by_loop(x) == 0, np.nan, 1), "what <lambda> returned holds .* non-finite"),
        (lambda x: [None] * 6, "what <lambda> returned must hold labels, numbers or strings, got None"),
        (lambda x: ["a"] * 5 + [None], "what <lambda> returned must hold labels"),
    ],
)
def test_what_is_no_label_is_refused(function, text):
    with np.errstate(all="ignore"), pytest.raises(ValueError, match=text):
        as_classifier(function)(images(6, 4, 5))


def test_a_batch_of_too_many_labels_does_not_make_up_for_one_of_too_few():
    sizes = iter([3, 1])
    with pytest.raises(ValueError, match=r"returned shape \(3,\) for 2 images"):
        as_classifier(lambda x: np.zeros(next(sizes)), 2)(images(4, 3, 3))


@pytest.mark.parametrize("batch_size", [None, 2])
def test_images_for_labels_are_looked_at(batch_size):
    label = as_classifier(by_loop, batch_size)
    x = images(3, 4, 5)
    x[2, 1, 1] = np.nan
    for wrong, text in (
        (x, rf"X{'' if batch_size is None else '.2:3.'} holds 1 non-finite"),
        (images(3, 20), "X has two axes"),
        (images(0, 4, 5), "X is empty"),
        (images(2, 3, 8, 9), "X has shape .* which looks like channels first"),
        (np.ma.masked_less(images(3, 4, 5), 0), "X.* is masked"),
        (3, r"X must be \(n_images, height, width\)"),
    ):
        with pytest.raises(ValueError, match=text):
            label(wrong)


def test_tensors_for_labels_are_refused(torch):
    with pytest.raises(TypeError, match=r"X must be a NumPy array, got .* Pass NumPy images, channels last"):
        as_classifier(by_loop)(torch.zeros(2, 3, 3))


def test_functions_and_transformers_are_given_batches(torch):
    x, seen = images(11, 4, 5), []

    def counted(X):
        seen.append(len(X))
        return scores(X)

    whole = scores(x)
    np.testing.assert_allclose(as_representation(counted, 4)(x), whole, rtol=1e-13)
    assert seen == [4, 4, 3]
    np.testing.assert_array_equal(as_representation(ROWS, batch_size=100)(x), x.reshape(11, -1))
    twice = as_representation(lambda X: 2 * X, 5)(torch.tensor(x))
    np.testing.assert_array_equal(twice.numpy(), 2 * x)
    report = measure_stability(as_representation(counted, 3), x, SmoothDeformation(3), [0.1], random_state=0)
    same = measure_stability(scores, x, SmoothDeformation(3), [0.1], random_state=0)
    assert report.rows[0].mean == pytest.approx(same.rows[0].mean, rel=1e-12)
    with pytest.raises(ValueError, match=r"phi returned features of shape \(1, 5\) for 4 images"):
        as_representation(lambda X: X.mean((0, 1))[None], 4)(x)
    with pytest.raises(ValueError, match="batch_size must be an int >= 1, got 0"):
        as_representation(scores, 0)


# -- ONNX sessions -----------------------------------------------------------------------------------------------------

ONNX_SHAPE = {"first": ["n", 2, "h", "w"], "last": ["n", 4, 5, 2], "free": ["n", None, None, None]}


def session_of(nodes, shape, dtype="FLOAT", outputs=1, inputs=("x",), initializer=()):
    """Return a session of a graph from "x" to "y" made by hand."""
    onnx = pytest.importorskip("onnx", reason="ONNX is not installed")
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    helper = onnx.helper
    given = [helper.make_tensor_value_info(name, getattr(onnx.TensorProto, dtype), shape) for name in inputs]
    made = [onnx.ValueInfoProto(name=name) for name in ("y", "z")[:outputs]]
    tensors = [onnx.numpy_helper.from_array(array, name) for name, array in dict(initializer).items()]
    nodes = [helper.make_node(op, i.split(), o.split(), **options) for op, i, o, options in nodes]
    graph = helper.make_graph(nodes, "graph", given, made, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def flattened(shape, dtype="FLOAT"):
    """Return a session whose rows are what it reads."""
    return session_of([("Flatten", "x", "y", {"axis": 1})], shape, dtype)


def linear(weights, shape=("n", 2, 4, 5)):
    """Return a session of linear scores."""
    nodes = [("Flatten", "x", "rows", {"axis": 1}), ("MatMul", "rows w", "y", {})]
    return session_of(nodes, list(shape), initializer={"w": weights.astype(np.float32)})


def test_a_session_reads_images_in_its_own_order_of_axes():
    x = images(5, 4, 5, 2).astype(np.float32)
    rows = {order: np.moveaxis(x, -1, 1).reshape(5, -1) for order in ("first", "free")} | {"last": x.reshape(5, -1)}
    for order, expected in rows.items():
        for batch_size in (None, 1, 2, 9):
            found = as_representation(flattened(ONNX_SHAPE[order]), batch_size)(x)
            np.testing.assert_array_equal(found, expected)
    grey = as_representation(flattened(["n", 4, 5]))
    for x in (images(3, 4, 5), images(3, 4, 5, 1)):
        np.testing.assert_array_equal(grey(x), x.reshape(3, -1).astype(np.float32))


@pytest.mark.parametrize("dtype", ["FLOAT", "DOUBLE", "FLOAT16", "UINT8", "INT32"])
def test_a_session_reads_images_in_its_own_dtype(dtype):
    x = RNG(0).integers(0, 255, (3, 4, 5))
    found = as_representation(flattened(["n", 1, "h", "w"], dtype))(x)
    np.testing.assert_array_equal(found, x.reshape(3, -1))
    assert found.dtype == (np.float64 if dtype == "DOUBLE" else np.float32)
    assert as_representation(flattened(["n", 1, "h", "w"], dtype)).maps(x).dtype == np.dtype(
        {"FLOAT": "float32", "DOUBLE": "float64"}.get(dtype, dtype.lower())
    )


def test_a_session_of_a_fixed_number_of_images_is_given_so_many():
    w = RNG(3).standard_normal((40, 3))
    x = images(7, 4, 5, 2)
    expected = as_representation(linear(w))(x)
    assert expected.shape == (7, 3)
    for fixed in (1, 3, 7, 10):
        session = linear(w, (fixed, 2, 4, 5))
        np.testing.assert_allclose(as_representation(session)(x), expected, rtol=1e-5)
        np.testing.assert_array_equal(as_classifier(session, fixed)(x), expected.argmax(1))
    with pytest.raises(ValueError, match="batch_size=4, and the session takes 10 images at a time: leave it"):
        as_representation(session, 4)


def test_batches_of_a_session_are_of_the_size_asked_for_and_256_by_default():
    class Seen:
        session = flattened(["n", 1, "h", "w"])
        get_inputs, get_outputs = session.get_inputs, session.get_outputs

        def run(self, names, given):
            sizes.append(len(given["x"]))
            return self.session.run(names, given)

    x = images(300, 2, 3)
    for batch_size, expected in ((None, [256, 44]), (128, [128, 128, 44]), (1000, [300])):
        for of in (as_representation, as_classifier):
            sizes = []
            of(Seen(), batch_size)(x)
            assert sizes == expected


def test_the_labels_of_a_session():
    x = images(30, 4, 5, 2)
    w = RNG(3).standard_normal((40, 3))
    rows = np.moveaxis(x, -1, 1).reshape(30, -1)
    np.testing.assert_array_equal(as_classifier(linear(w), 7)(x), (rows @ w).argmax(1))
    logit = as_classifier(linear(w[:, :1]))(x)
    np.testing.assert_array_equal(logit, rows @ w[:, 0] > 0)
    assert logit.dtype == np.int64
    nodes = [("Flatten", "x", "rows", {"axis": 1}), ("MatMul", "rows w", "z", {})]
    nodes += [("ArgMax", "z", "y", {"axis": 1, "keepdims": 0})]
    labelled = session_of(nodes, ["n", 2, 4, 5], outputs=2, initializer={"w": w.astype(np.float32)})
    np.testing.assert_array_equal(as_classifier(labelled)(x), (rows @ w).argmax(1))


def test_a_session_is_measured_as_the_function_that_it_is():
    x = images(4, 8, 8, 2)
    weights = RNG(0).standard_normal((3, 2, 1, 1)).astype(np.float32)
    session = session_of([("Conv", "x w", "y", {})], ["n", 2, "h", "w"], initializer={"w": weights})
    by_hand = np.einsum("nhwc,kc->nhwk", x, weights[:, :, 0, 0])
    represent = as_representation(session)
    np.testing.assert_allclose(represent.maps(x), by_hand, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(represent(x), np.moveaxis(by_hand, -1, 1).reshape(4, -1), rtol=1e-4, atol=1e-5)
    assert (equivariance_error(session, x, (1, 2), padding="circular") < 1e-5).all()
    options = {"random_state": 0, "measures": ["relative_change"]}
    found, wanted = (
        measure_stability(phi, x, SmoothDeformation(2), [0.2], **options)
        for phi in (session, lambda X: np.einsum("nhwc,kc->nhwk", X, weights[:, :, 0, 0]))
    )
    assert [r.mean for r in found] == pytest.approx([r.mean for r in wanted], rel=1e-4)
    assert as_gradient(session) is None


def test_a_session_of_an_exported_module_is_that_module(torch, tmp_path):
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(2, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(24, 3))
    net.eval()
    x = torch.zeros(2, 2, 4, 5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the older exporter takes a tenth of the time
        torch.onnx.export(
            net, (x,), tmp_path / "net.onnx", dynamo=False, input_names=["x"], dynamic_axes={"x": {0: "n"}}
        )
    session = runtime.InferenceSession(str(tmp_path / "net.onnx"))
    x = images(9, 4, 5, 2)
    np.testing.assert_allclose(as_representation(session, 4)(x), as_representation(net)(x), rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(as_classifier(session)(x), as_classifier(net)(x))


def test_what_a_session_cannot_read_is_said():
    x = images(3, 4, 5, 2)
    again = r"Pass a function of NumPy images: lambda X: session.run\(None"
    add = [("Add", "x b", "y", {})]
    with pytest.raises(ValueError, match=rf"one input, images, and has 2: 'x', 'b'. {again}"):
        as_representation(session_of(add, ["n", 2, 4, 5], inputs=("x", "b")))
    for shape, dtype in ((["n", 40], "FLOAT"), (["n", 2, 4, 5], "BOOL")):
        with pytest.raises(ValueError, match=rf"reads 'x', a tensor\(.* of shape \(n, .*\), and no images .*{again}"):
            as_classifier(flattened(shape, dtype))
    text = r"reads 'x' of shape \(n, 3, \?, \?\), and X holds images of 4 x 5 pixels and 2 channels"
    with pytest.raises(ValueError, match=text):
        as_representation(flattened(["n", 3, None, None]))(x)
    with pytest.raises(ValueError, match="and X holds images of 4 x 5 pixels and 2 channels"):
        as_representation(flattened(["n", 4, 5]))(x)
    for dtype, wrong in (
        ("UINT8", x),
        ("UINT8", np.full((1, 4, 5, 2), 256)),
        ("FLOAT16", 1e6 * x),
        ("FLOAT", 1e60 * x),
    ):
        with pytest.raises(ValueError, match=rf"reads 'x' in {dtype.lower()}.*, which does not hold the values of X"):
            as_representation(flattened(["n", 2, 4, 5], dtype))(wrong)
    with pytest.raises(ValueError, match=rf"The session cannot read 'x' of shape \(3, 2, 4, 5\), float32: .*{again}"):
        as_representation(linear(np.ones((7, 3)), ["n", 2, None, None]))(x)
    mean = session_of([("ReduceMean", "x", "y", {"keepdims": 0})], ["n", 2, 4, 5])
    with pytest.raises(ValueError, match=r"features of shape \(\) for 3 images"):
        as_representation(mean)(x)
    listed = session_of([("SplitToSequence", "x", "y", {"axis": 0})], ["n", 2, 4, 5])
    with pytest.raises(ValueError, match=rf"first output, 'y', is a list, no array. {again}"):
        as_representation(listed)(x)
    zero = session_of([("Div", "x b", "y", {})], ["n", 2, 4, 5], initializer={"b": np.zeros(1, np.float32)})
    with pytest.raises(ValueError, match="what InferenceSession returned holds 120 non-finite values"):
        as_classifier(zero)(x)
    with pytest.raises(ValueError, match="device is for PyTorch modules, and phi is a Inference"):
        as_representation(mean, device="cpu")
    with pytest.raises(ValueError, match=r"batch_size must be an int >= 1, got 1\.5"):
        as_representation(mean, 1.5)


def test_tensors_for_a_session_are_refused(torch):
    with pytest.raises(TypeError, match="X must be a NumPy array"):
        as_representation(flattened(["n", 1, "h", "w"]))(torch.zeros(2, 3, 3))
