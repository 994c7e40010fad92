"""The first hour of someone whose script uses kymatio's scattering of images and of signals."""

import warnings

import numpy as np
from sklearn.linear_model import RidgeClassifierCV
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from kernelconv import Scattering1D, Scattering2D, load_digits_images

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from kymatio.scattering1d.frontend.numpy_frontend import ScatteringNumPy1D
    from kymatio.scattering2d.frontend.numpy_frontend import ScatteringNumPy2D

try:
    import torch
except ImportError:
    torch = None

rng = np.random.default_rng(0)


def relative(ours, theirs):
    assert ours.shape == theirs.shape, (ours.shape, theirs.shape)
    return np.linalg.norm(ours - theirs) / np.linalg.norm(theirs)


# Images: J, L, max_order, a size that 2^J divides and one that it does not.
for J, L, max_order, side in ((2, 8, 2, 32), (3, 6, 2, 28), (3, 8, 1, 28)):
    x = rng.standard_normal((2, side, side))
    theirs = ScatteringNumPy2D(J, (side, side), L=L, max_order=max_order)(x)
    ours = Scattering2D(J, L, max_order, grid="kymatio").fit(x)
    assert relative(ours.transform(x).reshape(theirs.shape), theirs) < 1e-4
    assert relative(np.moveaxis(ours.maps(x), -1, 1), theirs) < 1e-4
    assert (ours.meta()["order"] <= max_order).all()
    assert len(ours.paths_) == theirs.shape[1]
listed = ScatteringNumPy2D(2, (28, 28), L=4, out_type="list")(x)
meta = Scattering2D(2, 4).fit(x).meta()
assert [entry["n"] for entry in listed] == meta["key"]
assert [len(entry["j"]) for entry in listed] == meta["order"].tolist()

# Calls of kymatio as they stand are errors here, with one exception: 1024 would be Q, and 8 be T.
for wrong in (
    lambda: Scattering2D(J=2, shape=(28, 28)),
    lambda: Scattering2D(2, (28, 28)).fit(x),
    lambda: Scattering1D(J=6, shape=1024),
):
    try:
        wrong()
    except (TypeError, ValueError):
        continue
    raise AssertionError("a call of kymatio was taken")
assert Scattering1D(6, 1024, 8).get_params()["Q"] == 1024

# Signals: Q, T, max_order.
signals = rng.standard_normal((2, 1024))
for options in ({"Q": 8}, {"Q": (8, 2)}, {"Q": 8, "T": 32}, {"Q": 4, "max_order": 1}):
    peer = ScatteringNumPy1D(J=6, shape=1024, **options)
    theirs = peer(signals)
    ours = Scattering1D(J=6, scaling="kymatio", **options).fit(signals)
    assert relative(np.moveaxis(ours.maps(signals), -1, 1), theirs) < 1e-10
    assert len(ours.paths_) == peer.output_size()
    mine, peers = ours.meta(), peer.meta()
    assert mine["key"] == peers["key"]
    assert np.allclose(mine["xi"], peers["xi"], equal_nan=True)
lists = ScatteringNumPy1D(J=4, shape=1024, Q=2, T=0, out_type="list")(signals)
kept = Scattering1D(J=4, Q=2, T=0, scaling="kymatio").fit(signals).maps(signals)
assert max(relative(a[..., 0], b["coef"]) for a, b in zip(kept, lists, strict=True)) < 1e-10

# A pipeline, whose J a grid search may change; rows of pixels as kymatio's scikit-learn classes take them.
X, y = load_digits_images()
X, y = X[:300], y[:300]
ridge = RidgeClassifierCV(np.logspace(-4, 1, 6))
grid = {"scattering2d__J": [1, 2, 3], "scattering2d__L": [4, 8]}
rows = make_pipeline(Scattering2D(image_shape=(8, 8)), ridge)
search = GridSearchCV(rows, grid, cv=3).fit(X.reshape(len(X), -1), y)
assert len(set(search.cv_results_["mean_test_score"])) > 2
assert search.best_score_ > 0.9
tones = np.sin(
    np.cumsum(np.linspace(0.1, 1.0, 512) * rng.uniform(0.5, 1.5, (60, 1)) ** np.repeat([1, 3], 30)[:, None], axis=1)
)
scores = GridSearchCV(make_pipeline(Scattering1D(Q=4, T="global"), ridge), {"scattering1d__J": [4, 6]}, cv=3)
assert scores.fit(tones, np.repeat([0, 1], 30)).best_score_ > 0.6

# Gradients with respect to the images: on NumPy arrays, and through PyTorch, whose tensors stay on their device.
scattering = Scattering2D(J=2).fit(X)
maps = scattering.network_.forward(X[:3, ..., None])
assert np.allclose(maps, scattering.maps(X[:3]))
gradient = scattering.network_.vjp(X[:3, ..., None], maps)[0]
assert gradient.shape == (3, 8, 8, 1)
if torch is not None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from kymatio.scattering2d.frontend.torch_frontend import ScatteringTorch2D
    for device in ("cpu", "cuda")[: 1 + torch.cuda.is_available()]:
        tensor = torch.from_numpy(X[:3]).to(device).requires_grad_()
        ours = scattering.transform(tensor)
        assert ours.device == tensor.device
        assert ours.dtype == torch.float32
        (by_us,) = torch.autograd.grad((ours**2).sum() / 2, tensor)
        peer = ScatteringTorch2D(2, (8, 8)).to(device)
        (by_them,) = torch.autograd.grad((peer(tensor) ** 2).sum() / 2, tensor)
        assert relative(by_us.cpu().numpy(), by_them.cpu().numpy()) < 1e-3
        assert relative(by_us.cpu().numpy(), gradient[..., 0]) < 1e-3
print("the numbers are kymatio's")
