"""The first hour of someone who wants to know how stable a classifier of PyTorch is to deformations."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

from kernelconv import SmoothDeformation, load_digits_images, measure_stability
from kernelconv.report import write_card
from kernelconv.stability import certify, compare_stability, measure_layers, smallest_flip, stability_card, worst_case

SOURCE = """
import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin

from kernelconv.stability import as_classifier, as_representation


class Small(torch.nn.Module):
    def __init__(self, n_classes):
        super().__init__()
        self.features = torch.nn.Sequential(
            torch.nn.Conv2d(1, 8, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2), torch.nn.Flatten()
        )
        self.last = torch.nn.LazyLinear(n_classes)

    def forward(self, x):
        return self.last(self.features(x))


class SmallClassifier(ClassifierMixin, BaseEstimator):
    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y):
        torch.manual_seed(self.random_state or 0)
        self.classes_, codes = np.unique(y, return_inverse=True)
        x, labels = torch.as_tensor(X)[:, None], torch.as_tensor(codes)
        self.module_ = Small(len(self.classes_))
        self.module_(x[:1])
        optimizer = torch.optim.Adam(self.module_.parameters(), 0.01)
        for _ in range(6):
            for batch in torch.randperm(len(x)).split(32):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(self.module_(x[batch]), labels[batch]).backward()
                optimizer.step()
        return self

    def predict(self, X):
        return self.classes_[as_classifier(self.module_)(X)]

    def transform(self, X):
        return as_representation(self.module_.features)(X)
"""
Path("own_models.py").write_text(SOURCE, encoding="utf-8")
sys.path.insert(0, "")
from own_models import SmallClassifier  # noqa: E402

X, y = load_digits_images()
fitted = SmallClassifier(random_state=0).fit(X[:600], y[:600])
net, images, labels = fitted.module_, X[600:650], y[600:650]
assert fitted.score(X[600:], y[600:]) > 0.8
smooth = SmoothDeformation(cutoff=3)

# Typical: the module as it is, its features with the last layer as their head, and both against the pixels.
report = measure_stability(net, images, smooth, strengths=(0.1, 0.2), random_state=0)
assert [0 < row.mean < 1 for row in report.select("relative_change")] == [True, True]
head = {"head": lambda rows: net.last(torch.as_tensor(rows)).argmax(1), "y": labels, "measures": ("accuracy",)}
(accuracy,) = measure_stability(net.features, images, smooth, (0.2,), random_state=0, **head).select("accuracy")
assert accuracy.mean > 0.7
rivals = {"pixels": lambda x: x, "scores": net}
print(compare_stability(rivals, images, smooth, strengths=(0.2,), random_state=0))

# Found: the worst field of a strength, and the smallest one that changes a label; guaranteed: of the majority.
found = worst_case(net.features, images[:8], smooth, 0.2, n_evaluations=32, random_state=0)
assert (found.change >= found.random_best - 1e-9).all()
flips = smallest_flip(net, images[:8], smooth, n_evaluations=64, random_state=0)
certificate = certify(net, images[:8], smooth, sigma=0.5, n_samples=300, random_state=0)
assert (flips.strength > 0).all()
assert (certificate.strength > 0).any()
assert (np.diff(certificate.accuracy(labels[:8], (0.0, 0.05, 0.1, 0.5))) <= 0).all()

# Layer by layer: a rival is the network up to a layer; or an object with `trace`.
prefixes = {f"{k} {type(layer).__name__}": net.features[: k + 1] for k, layer in enumerate(net.features)}
layers = compare_stability(prefixes, images, smooth, strengths=(0.2,), random_state=0).select("relative_change")
assert [row.name for row in layers] == ["0 Conv2d", "1 ReLU", "2 MaxPool2d", "3 Flatten"]


class Traced:
    """What each layer gives, channels last."""

    def trace(self, x):
        maps, x = {}, torch.as_tensor(x, dtype=torch.float32).movedim(-1, 1)
        for name, layer in zip(prefixes, net.features, strict=True):
            x = layer(x)
            maps[name] = (x.movedim(1, -1) if x.ndim == 4 else x).detach().numpy()
        return maps


traced = measure_layers(Traced(), images, smooth, strengths=(0.2,), random_state=0).select("relative_change")
assert np.allclose([row.mean for row in traced], [row.mean for row in layers], rtol=1e-4)

# A card as a page, and the command for the estimator around the module.
card = stability_card(net, images[:4], labels[:4], n_samples=60, n_evaluations=16, name="small CNN", data="digits")
assert write_card(card, "card").is_file()
assert json.loads(Path("card/card.json").read_text())["model"] == "small CNN"
command = "-m kernelconv stability --models own_models:SmallClassifier pixels --families smooth worst --images 10"
done = subprocess.run(
    [sys.executable, *command.split(), "--train-size", "200"], capture_output=True, text=True, check=False
)
assert done.returncode == 0, done.stderr
assert Path("kernelconv-stability/report.html").is_file()
