"""Checkpoints of trainings: the same bits after an interrupt, and nothing but the same training goes on from a file."""

import errno
import hashlib
import io
import json
import os
import pickle
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import cross_val_score

from kernelconv import Augmentation, ConvNetClassifier, ConvNetRegressor, load_digits_images, serial
from kernelconv.networks.training import loop as training
from kernelconv.networks.training.checkpoint import Checkpoint
from kernelconv.networks.training.loop import train
from kernelconv.operators import (
    AveragePooling,
    BatchNorm,
    Convolution,
    Dense,
    Dropout,
    Flatten,
    KernelMapping,
    Layer,
    PatchExtraction,
    ReLU,
)

RNG = np.random.default_rng


def problem(n=60, seed=0):
    """Images of noise with a brighter patch, whose place is the class."""
    x, y = RNG(seed).standard_normal((n, 6, 6, 1)).astype(np.float32), np.arange(n) % 3
    for i, label in enumerate(y):
        x[i, :3, 2 * label : 2 * label + 2] += 2
    return x, y


def plan(outputs=3):
    return serial(Convolution(3, 3, padding="zero"), BatchNorm(), ReLU(), Dropout(0.2), Flatten(), Dense(outputs))


def small(cls=ConvNetClassifier, **values):
    values = {"epochs": 4, "batch_size": 16, "random_state": 0, "n_jobs": 1, **values}
    return cls(plan(3 if cls is ConvNetClassifier else 1), **values)


def bits(clf):
    return {**clf.network_.params, **clf.network_.state}


def same_bits(one, other):
    one, other = bits(one), bits(other)
    return one.keys() == other.keys() and all(np.array_equal(v, other[k]) for k, v in one.items())


class Stop:
    """Stands for the gradient of a step, and interrupts one of them."""

    def __init__(self, monkeypatch, at):
        self.real, self.at, self.done = training.loss_gradient, at, 0
        monkeypatch.setattr(training, "loss_gradient", self)

    def __call__(self, *values, **named):
        if self.done == self.at:
            self.at = None
            raise KeyboardInterrupt
        self.done += 1
        return self.real(*values, **named)


# The same bits

SETTINGS = [
    {"augmentation": Augmentation(shift=1, noise=0.1), "schedule": "one_cycle"},
    {"optimizer": "sgd", "early_stopping": True, "validation_fraction": 0.2, "patience": 4, "frozen": "convolution_1"},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=["adam", "sgd"])
@pytest.mark.parametrize("cls", [ConvNetClassifier, ConvNetRegressor])
def test_an_interrupted_fit_goes_on_to_the_same_bits(tmp_path, monkeypatch, cls, settings):
    x, y = problem()
    whole = small(cls, **settings).fit(x, y)
    for steps in (0, 4, 7, 11):  # a training has twelve steps or sixteen
        clf, stop = small(cls, checkpoint=tmp_path / str(steps), **settings), Stop(monkeypatch, steps)
        with pytest.raises(KeyboardInterrupt):
            clf.fit(x, y)
        clf.fit(x, y)
        assert clf.history_ == whole.history_
        assert same_bits(clf, whole)
        before = stop.done
        clf.fit(x, y)  # finished: nothing is left to do
        assert (stop.done, same_bits(clf, whole)) == (before, True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0", "11", "4", "7"]
    more = [e.set_params(early_stopping=False).partial_fit(x, y) for e in (clf, whole)]
    assert same_bits(*more)  # the generator stands where it would


def test_what_early_stopping_has_seen_goes_on(tmp_path, monkeypatch):
    (x, y), settings = problem(), {"early_stopping": True, "validation_fraction": 0.2, "schedule": "constant"}
    settings |= {"patience": 3, "epochs": 20, "learning_rate": 0.1}
    whole = small(**settings).fit(x, y)
    losses = [record["validation_loss"] for record in whole.history_]
    assert 3 < len(losses) == int(np.argmin(losses)) + 4 < 20
    for epochs in (len(losses) - 3, len(losses) - 1):  # one epoch after the best, and three
        clf = small(checkpoint=tmp_path / str(epochs), **settings)
        Stop(monkeypatch, 3 * epochs)
        with pytest.raises(KeyboardInterrupt):
            clf.fit(x, y)
        assert clf.fit(x, y).history_ == whole.history_
        assert same_bits(clf, whole)


def test_kernel_layers_and_the_memory_of_earlier_steps_go_on_too(tmp_path, monkeypatch):
    x, y = problem()
    layer = Layer(PatchExtraction(3, padding="zero"), KernelMapping(4), AveragePooling(2))
    start = serial(layer, Flatten(), Dense(3)).build((6, 6, 1), RNG(0), x)
    settings = {"epochs": 3, "batch_size": 20, "learning_rate": 0.01, "n_jobs": 1}
    memories = [training.Optimizer().start(start.params) for _ in range(3)]
    for memory in memories:
        train(start, x, y, rng=RNG(1), memory=memory, **settings)
    whole, _ = train(start, x, y, rng=RNG(2), memory=memories[0], **settings)
    Stop(monkeypatch, 4)
    with pytest.raises(KeyboardInterrupt):
        train(start, x, y, rng=RNG(2), memory=memories[1], checkpoint=tmp_path / "run", **settings)
    network, _ = train(start, x, y, rng=RNG(2), memory=memories[2], checkpoint=tmp_path / "run", **settings)
    assert all(np.array_equal(v, network.params[k]) for k, v in whole.params.items())
    whole, resumed = memories[0], memories[2]
    assert whole["count"] == resumed["count"] == 18
    assert all(np.array_equal(v, resumed[m][k]) for m in ("first", "second") for k, v in whole[m].items())


# Nothing but the same training


@pytest.fixture
def file(tmp_path):
    """The checkpoint of a finished training."""
    path = tmp_path / "run"
    small(checkpoint=path).fit(*problem())
    return path


def test_a_checkpoint_is_an_npz_whose_comment_is_the_digest_of_what_precedes_it(file):
    with zipfile.ZipFile(file) as archive:
        assert archive.comment.decode() == hashlib.sha256(file.read_bytes()[:-64]).hexdigest()
    with np.load(file, allow_pickle=False) as arrays:
        assert json.loads(bytes(arrays["training"]))["history"]


def test_a_checkpoint_does_not_answer_for_other_labels(file):
    x, y = problem()
    before = file.read_bytes()
    with pytest.raises(ValueError, match=r"run keeps another .*: labels: int64 \(60,\) of SHA-256 \w{8} asked"):
        small(checkpoint=file).fit(x, (y + 1) % 3)
    assert file.read_bytes() == before
    brighter = np.where(np.arange(60)[:, None, None, None] == 7, x + 1, x)  # one image
    with pytest.raises(ValueError, match=r"keeps another .*: images: float32 \(60, 6, 6, 1\) of SHA-256 \w{8} asked"):
        small(checkpoint=file).fit(brighter, y)
    plain = small().fit(x, y)
    named = small(checkpoint=file).fit(x, np.array(["a", "b", "c"])[y])  # the same classes under other names
    assert named.predict(x).tolist() == ["abc"[label] for label in plain.predict(x)]


def test_no_fold_is_answered_by_the_network_of_another(tmp_path):
    x, y = (a[:150] for a in load_digits_images())
    clf = ConvNetClassifier("mlp", epochs=2, random_state=0)
    plain = cross_val_score(clf, x, y, cv=3)
    clf.set_params(checkpoint=tmp_path / "cv")
    with pytest.warns(match=r"(?s)2 fits failed.*each fit is a training of its own: checkpoint=None there"):
        kept = cross_val_score(clf, x, y, cv=3)
    assert kept[0] == plain[0]
    assert np.isnan(kept[1:]).all()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"learning_rate": 0.5}, "learning_rate: 0.5 asked for, 0.002 in the file"),
        ({"epochs": 5}, "epochs: 5 asked for, 4 in the file"),
        ({"batch_size": 15}, "batch_size: 15 asked for, 16 in the file"),
        ({"schedule": "step"}, "schedule: 'step' asked for, 'cosine' in the file"),
        ({"optimizer": "sgd"}, "optimizer.kind: 'sgd' asked for, 'adam' in the file"),
        ({"momentum": 0.8}, "optimizer.momentum: 0.8 asked for, 0.9 in the file"),
        ({"weight_decay": 0.0}, "optimizer.weight_decay: 0.0 asked for, 0.01 in the file"),
        ({"loss": "squared_hinge"}, "loss: 'squared_hinge' asked for, 'log_loss' in the file"),
        ({"frozen": "dense_6.bias"}, r"frozen: \['dense_6.bias'\] asked for, \[\] in the file"),
        (
            {"augmentation": Augmentation(shift=1)},
            "augmentation: {'class': 'Augmentation', 'shift': 1, .*, None in",
        ),
        ({"early_stopping": True}, "validation: .* asked for, None in the file; .*patience: 5 asked for, None in the"),
        ({"random_state": 1}, "random draws: .* asked for, .* in the file"),
        ({"architecture": plan().set_params(dropout_4__rate=0.1)}, "network.dropout_4.rate: 0.1 asked for, 0.2 in the"),
    ],
    ids=lambda v: next(iter(v)) if isinstance(v, dict) else "",
)
def test_a_checkpoint_of_another_training_is_refused_in_words(file, values, words):
    with pytest.raises(ValueError, match=f"run keeps another training than the one asked for: .*{words}"):
        small(checkpoint=file).set_params(**values).fit(*problem())


def test_of_many_differences_six_are_named(file):
    values = {"epochs": 5, "batch_size": 15, "learning_rate": 0.5, "schedule": "step", "optimizer": "sgd"}
    values |= {"momentum": 0.8, "weight_decay": 0.0, "loss": "squared_hinge"}
    for n, ending in ((6, "in the file"), (7, "; 1 more"), (8, "; 2 more")):
        with pytest.raises(ValueError, match=rf"asked for: ([^;]+; ){{5}}[^;]+{ending}\. It is left"):
            small(checkpoint=file).set_params(**dict(list(values.items())[:n])).fit(*problem())


def test_a_checkpoint_is_of_one_start(file):
    x, y = problem()
    clf = small(checkpoint=file, warm_start=True).fit(x, y)
    with pytest.raises(ValueError, match=r"start weights: float64 \(\d+,\) of SHA-256"):
        clf.fit(x, y)


@pytest.mark.parametrize("name", ["loss", "augmentation"])
def test_what_a_later_run_cannot_tell_is_refused(tmp_path, name):
    values = {"loss": lambda scores, labels: (0.0, scores), "augmentation": lambda images, rng: images}
    with pytest.raises(ValueError, match=f"goes on with the same {name} alone, and <function .* cannot be told from"):
        small(checkpoint=tmp_path / "run", **{name: values[name]}).fit(*problem())
    assert not list(tmp_path.iterdir())


# Files


def test_the_place_is_tried_before_the_first_epoch(tmp_path, monkeypatch):
    stop = Stop(monkeypatch, None)
    os.mkfifo(tmp_path / "pipe")
    for path, error, words in [
        ("missing/x.ck", ValueError, "missing/x.ck': there is no folder .*missing: make it first"),
        (".", ValueError, "is no regular file: name another"),
        ("pipe", ValueError, "pipe' is no regular file: name another"),
    ]:
        with pytest.raises(error, match=words):
            small(checkpoint=str(tmp_path / path)).fit(*problem())
    with pytest.raises(TypeError, match="checkpoint must be the path of a file, got 3"):
        small(checkpoint=3).fit(*problem())
    with pytest.raises(ValueError, match="checkpoint needs an int random_state"):
        small(checkpoint=tmp_path / "x", random_state=None).fit(*problem())
    assert stop.done == 0


def test_a_full_disk_is_named_by_the_file_before_the_first_epoch(tmp_path, monkeypatch):
    def full(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    stop = Stop(monkeypatch, None)
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match=rf"No space left on device: '{tmp_path}/x.ck'") as caught:
        small(checkpoint=tmp_path / "x.ck").fit(*problem())
    assert caught.value.errno == errno.ENOSPC
    assert (stop.done, list(tmp_path.iterdir())) == (0, [])


class Code:
    """Its pickle makes a folder when it is read."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def checked(body):
    """Return `body` with the checksum that belongs to it."""
    return body + hashlib.sha256(body).hexdigest().encode()


def archive(**arrays):
    """Return an archive with the place for a checksum, its end without it."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    with zipfile.ZipFile(buffer, "a") as file:
        file.comment = bytes(64)
    return buffer.getvalue()[:-64]


def bomb():
    """Return an archive that unpacks to a thousand times its size."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("training.npy", bytes(10**6))
        file.comment = bytes(64)
    return buffer.getvalue()[:-64]


def forged(whole, folder):
    """Files that no damage would make: some have the right checksum."""
    code = pickle.dumps(Code(folder))
    with np.load(io.BytesIO(whole)) as file:
        arrays = dict(file)
    text = json.loads(arrays["training"].tobytes())
    other = {**arrays, "network/params/dense_2.bias": np.zeros(4, np.float32)}
    objects = archive(**{**arrays, "memory/first/dense_2.bias": np.array([Code(folder)], object)})
    loose = {k: v for k, v in text.items() if k != "history"}
    older = {**text, "format": "kernelconv-training-0"}
    texts = [archive(**{**arrays, "training": np.frombuffer(json.dumps(t).encode(), np.uint8)}) for t in (loose, older)]
    bodies = [b"", code, objects, archive(x=np.arange(3)), archive(**other), bomb(), *texts]
    return [code, objects, archive(**arrays), b"e3b0c442", *map(checked, bodies)]


def damaged(whole, rng):
    """Cut, changed, lengthened and shuffled copies of a file."""
    for _ in range(100):
        yield whole[: rng.integers(len(whole))]
        at = int(rng.integers(len(whole)))
        yield whole[:at] + bytes([whole[at] ^ (1 << rng.integers(8))]) + whole[at + 1 :]
    for _ in range(50):
        yield whole + rng.bytes(rng.integers(1, 100))
        cut = int(rng.integers(1, len(whole)))
        yield whole[cut:] + whole[:cut]


def test_damaged_and_forged_files_are_refused_and_left_and_nothing_in_them_runs(tmp_path):
    (x, y), path = problem(), tmp_path / "run"
    start = serial(Flatten(), Dense(3)).build((6, 6, 1), RNG(0))

    def fit():
        return train(start, x, y, rng=RNG(0), epochs=1, batch_size=60, learning_rate=0.1, n_jobs=1, checkpoint=path)

    network, _ = fit()
    whole = path.read_bytes()
    files = [*damaged(whole, RNG(0)), *forged(whole, tmp_path / "executed")]
    assert len(set(files)) > 300
    for content in files:
        path.write_bytes(content)
        with pytest.raises(
            ValueError, match=f"^{re.escape(str(path))} is no checkpoint of a training, or a damaged one"
        ):
            fit()
        assert path.read_bytes() == content
    assert [p.name for p in tmp_path.iterdir()] == ["run"]
    path.write_bytes(checked(bomb()))
    with pytest.raises(ValueError, match="it unpacks to more than its size"):
        fit()
    path.write_bytes(whole)
    assert all(np.array_equal(v, fit()[0].params[k]) for k, v in network.params.items())
    pickle.loads(pickle.dumps(Code(tmp_path / "executed")))  # what would have shown
    assert (tmp_path / "executed").is_dir()


def test_a_write_that_is_stopped_leaves_the_older_file(file, monkeypatch):
    before, x, y = file.read_bytes(), *problem()

    def stopped(*values):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", stopped)
    run = training.Run(plan().build((6, 6, 1), RNG(0), x), {"count": 0}, RNG(0), 0, 0.1)
    with pytest.raises(KeyboardInterrupt):
        Checkpoint(file, {"labels": y}).keep(run)
    assert [p.name for p in file.parent.iterdir()] == ["run"]
    assert file.read_bytes() == before
