"""The first hour of someone with a folder of colour photographs: load, choose, save, predict, compare."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import skops.io
from PIL import Image, ImageDraw
from sklearn.linear_model import RidgeClassifierCV
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import kernelconv
from kernelconv import AffineSubspaceClassifier, ConvKernelNetwork, Scattering2D, load_images
from kernelconv.streams import ImageFolder

SIZE = (24, 32)
rng = np.random.default_rng(0)


def photograph(kind):
    """A fence, pebbles or steps under a sky of any colour, in any size, with the noise of a camera."""
    w, h = (int(v) for v in rng.integers(60, 120, 2))
    picture = Image.new("RGB", (w, h), tuple(int(v) for v in rng.integers(90, 200, 3)))
    draw, ink, step = ImageDraw.Draw(picture), tuple(int(v) for v in rng.integers(0, 80, 3)), int(rng.integers(6, 10))
    for a in range(0, w + h, step):
        if kind == "fence":
            draw.line((a, 0, a, h), ink, 2)
        elif kind == "steps":
            draw.line((0, a, w, a), ink, 2)
        else:
            for b in range(0, h, step):
                draw.ellipse((a, b, a + 3, b + 3), ink)
    return Image.fromarray((picture + rng.normal(0, 8, (h, w, 3))).clip(0, 255).astype(np.uint8))


KINDS = ("fence", "pebbles", "steps")
for kind in KINDS:
    Path("photographs", kind).mkdir(parents=True)
    for k in range(16):
        photograph(kind).save(Path("photographs", kind, f"{k:02}.{('png', 'jpg')[k % 2]}"))
Path("new").mkdir()
photograph("steps").save("new/a.jpg")
photograph("fence").save("new/b.png")

# Load. Without a size the error says that one is needed, and how it is called.
message = ""
try:
    load_images("photographs")
except ValueError as error:
    message = str(error)
assert "size=(height, width)" in message
assert "--image-size" in message
X, y = load_images("photographs", size=SIZE)
assert X.shape == (48, *SIZE, 3)
assert X.dtype == np.float32
assert 0 <= X.min()
assert X.max() <= 1
assert list(dict.fromkeys(y)) == list(KINDS)

# Choose a representation by cross-validation.
roots = make_pipeline(FunctionTransformer(np.abs), FunctionTransformer(np.sqrt))
ridge = RidgeClassifierCV(np.logspace(-4, 1, 6))
ckn = ConvKernelNetwork(n_anchors=(16, 32), n_patches=4000, random_state=0)
candidates = {
    "scattering": make_pipeline(Scattering2D(J=2), roots, ridge),
    "affine": make_pipeline(Scattering2D(J=2), AffineSubspaceClassifier()),
    "kernel network": make_pipeline(ckn, ridge),
}
scores = {name: cross_val_score(model, X, y, cv=4).mean() for name, model in candidates.items()}
print(scores)
assert scores["scattering"] > 0.85
assert min(scores.values()) > 0.6

search = GridSearchCV(candidates["scattering"], {"scattering2d__J": [1, 2, 3]}, cv=4).fit(X, y)
assert search.best_score_ >= scores["scattering"] - 1e-9

# Save, load again, predict photographs that have no label.
skops.io.dump(search.best_estimator_, "model.skops")
again = skops.io.load("model.skops", trusted=kernelconv.TRUSTED_TYPES)
assert np.array_equal(again.predict(X), search.predict(X))
unseen = ImageFolder("new", size=SIZE)
assert [path.name for path in unseen.files] == ["a.jpg", "b.png"]
assert again.predict(unseen[:]).tolist() == ["steps", "fence"]
skops.io.dump(candidates["kernel network"].fit(X, y), "ckn.skops")
assert skops.io.load("ckn.skops", trusted=kernelconv.TRUSTED_TYPES).predict(X).shape == (48,)

# One command for the same folder.
command = [sys.executable, "-m", "kernelconv", "compare", "--data", "photographs", "--image-size", *map(str, SIZE)]
command += ["--models", "pixels+svm", "scattering+affine", "ckn-2", "--train-sizes", "30", "--seeds", "1"]
done = subprocess.run(command, capture_output=True, text=True, check=False)
assert done.returncode == 0, done.stderr
print(done.stdout)
assert "scattering + affine" in done.stdout
results = json.loads(Path("kernelconv-results/results.json").read_text(encoding="utf-8"))
errors = {record["model"]: record["test_error"] for record in results["records"]}
assert set(errors) == {"pixels+svm", "scattering+affine", "ckn-2"}
assert errors["scattering+affine"] < 0.4
assert "<html" in Path("kernelconv-results/report.html").read_text(encoding="utf-8")
