"""fit_stream: bits of chunks alone, streams of unknown length, checkpoints that kills do not harm, refusals."""

import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
import streamed
from kills import N_KILLS, kill_at_random
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import SGDClassifier, SGDRegressor
from sklearn.pipeline import Pipeline, make_pipeline

from kernelconv import AffineSubspaceClassifier, Scattering2D, load_digits_images
from kernelconv.streams import IncrementalRidge, IncrementalRidgeClassifier, fit_stream

X, Y = load_digits_images()
X, Y = (16 * X[:203]).astype(np.uint8), Y[:203]


class Counting(TransformerMixin, BaseEstimator):
    """Pixels as they are; counts its calls in a file, and fails at one of them."""

    def __init__(self, folder=None, fails=None):
        self.folder, self.fails = folder, fails

    def __sklearn_is_fitted__(self):
        return True

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        if self.folder is not None:
            done = Path(self.folder) / "calls"
            calls = int(done.read_text()) if done.exists() else 0
            if calls == int((Path(self.folder) / "fails").read_text()):
                raise KeyboardInterrupt
            done.write_text(str(calls + 1))
        return X.reshape(len(X), -1) / 16


def head_of(source=X, labels=Y, *, chunk=40, step=None, head=None, **given):
    head = IncrementalRidgeClassifier() if head is None else head
    return fit_stream(make_pipeline(step or Counting(), head), source, labels, chunk=chunk, **given)[-1]


def same(one, other):
    """Whether two heads hold the same sums, bit by bit."""
    first, second = one.state(), other.state()
    assert first.keys() == second.keys()
    assert any(np.any(v) for v in first.values())
    return all(np.array_equal(first[k], second[k]) for k in first)


def batches(values, *sizes):
    """`values` in arrays of these lengths, again and again."""
    lo = i = 0
    while lo < len(values):
        yield values[lo : lo + sizes[i % len(sizes)]]
        lo, i = lo + sizes[i % len(sizes)], i + 1


# -- bits --------------------------------------------------------------------------------------------------------------


def test_a_stream_is_the_chunks_given_to_the_head_one_by_one():
    pipeline = make_pipeline(Scattering2D(J=1).fit(X[:1]), IncrementalRidgeClassifier())
    model = fit_stream(pipeline, X, Y, chunk=40)
    by_hand = IncrementalRidgeClassifier()
    for lo in range(0, len(X), 40):
        by_hand.partial_fit(pipeline[0].transform(X[lo : lo + 40]), Y[lo : lo + 40])
    assert same(model[-1], by_hand)
    np.testing.assert_array_equal(model[-1].coef_, by_hand.coef_)
    assert model.score(X, Y) > 0.95
    assert not hasattr(pipeline[-1], "classes_"), "the pipeline given is not changed"
    assert model[0] is pipeline[0]


@pytest.mark.once("oldest")
@pytest.mark.parametrize(("backend", "workers"), [("threading", 2), ("threading", 4), ("loky", 3)])
def test_bits_do_not_depend_on_workers(backend, workers):
    with joblib.parallel_config(backend=backend):
        found = head_of(workers=workers, step=Scattering2D(J=1).fit(X[:1]), chunk=25)
    assert same(found, head_of(workers=1, step=Scattering2D(J=1).fit(X[:1]), chunk=25))


def test_other_chunks_agree_to_rounding():
    sums = [head_of(chunk=chunk).moments_ for chunk in (7, 40, 1000)]
    whole = sum(fold.gram for fold in sums[0].folds)
    for other in sums[1:]:
        for one, two in zip(sums[0].folds, other.folds, strict=True):
            assert np.abs(one.gram - two.gram).max() <= 1e-10 * np.linalg.norm(whole)
            assert np.abs(one.mean - two.mean).max() <= 1e-10 * np.linalg.norm(one.mean)
            assert one.n_samples == two.n_samples > 0


def test_a_chunk_is_any_integer(tmp_path):
    assert same(head_of(chunk=np.int64(40), checkpoint=tmp_path / "sums"), head_of(chunk=40))


def test_streams_of_unknown_length_have_the_bits_of_arrays():
    whole = head_of()
    assert same(head_of(batches(X, 7, 90, 1), batches(Y, 5, 60)), whole)
    assert same(head_of(batches(X, 203), Y), whole)
    assert same(head_of(X, iter(Y.tolist())), whole)
    assert same(head_of(list(X), list(Y)), whole)
    names = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])[Y]
    assert same(head_of(X, names), head_of(X, batches(names, 3)))


def test_a_source_may_write_every_batch_into_the_same_array():
    def buffered(values):
        buffer = np.empty_like(values[:60])
        for lo in range(0, len(values), 60):
            part = values[lo : lo + 60]
            buffer[: len(part)] = part
            yield buffer[: len(part)]

    assert same(head_of(buffered(X), buffered(Y), chunk=40), head_of(chunk=40))
    assert same(head_of(buffered(X), buffered(Y), chunk=100), head_of(chunk=100))


def test_heads_are_asked_as_they_will_be_used(tmp_path):
    fitted = AffineSubspaceClassifier(2).fit(X.reshape(len(X), -1), Y)
    assert head_of(head=fitted).score(X.reshape(len(X), -1) / 16, Y) > 0.9
    with pytest.raises(ValueError, match="partial_fit needs a dimension, n_components=k"):
        head_of(head=AffineSubspaceClassifier("cv"))
    for n_jobs in (1, 2):  # threads do not decide the sums
        head_of(head=AffineSubspaceClassifier(2, n_jobs=n_jobs), checkpoint=tmp_path / "sums.npz")


def test_targets_of_several_columns_and_pipelines_without_transformers():
    targets = np.stack([Y, Y**2], axis=1).astype(float)
    found = fit_stream(Pipeline([("head", IncrementalRidge())]), X.reshape(203, -1), targets, chunk=50)
    assert found.predict(X.reshape(203, -1)).shape == (203, 2)
    steps = [("nothing", "passthrough"), ("pixels", Counting()), ("head", IncrementalRidge())]
    assert same(
        fit_stream(Pipeline(steps), X, targets, chunk=50)[-1], head_of(X, targets, head=IncrementalRidge(), chunk=50)
    )


# -- checkpoints -------------------------------------------------------------------------------------------------------


def interrupted(folder, fails):
    """A run that is interrupted at its call `fails` of the transformer, or never."""
    (folder / "fails").write_text(str(fails))
    return head_of(step=Counting(str(folder)), checkpoint=folder / "sums.npz")


def test_an_interrupted_run_goes_on_to_the_same_bits_and_computes_nothing_twice(tmp_path, monkeypatch):
    monkeypatch.setattr("kernelconv.streams.on_disk.sums.SPARED", 0)
    for fails in (0, 2, 5):
        with pytest.raises(KeyboardInterrupt):
            interrupted(tmp_path, fails)
    found = interrupted(tmp_path, 99)
    assert (tmp_path / "calls").read_text() == "6"
    assert same(found, head_of())
    assert same(interrupted(tmp_path, 6), found), "a finished run is read, and nothing computed"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["calls", "fails", "sums.npz"]


def test_other_penalties_are_of_the_same_sums_and_a_source_may_grow(tmp_path):
    place = tmp_path / "sums.npz"
    head_of(X[:160], Y[:160], checkpoint=place)
    found = head_of(checkpoint=place, head=IncrementalRidgeClassifier(alphas=(1.0, 2.0)))
    assert same(found, head_of())
    assert found.alpha_ in (1.0, 2.0)


def test_sums_are_written_when_it_is_time_and_at_the_end(tmp_path, monkeypatch):
    from kernelconv.streams.on_disk import sums

    written = []
    monkeypatch.setattr(sums, "SPARED", 1e9)
    keep = sums.SumsOnDisk.keep

    def counted(self, head, progress, **now):
        keep(self, head, progress, **now)
        written.append(self._kept.chunks)

    monkeypatch.setattr(sums.SumsOnDisk, "keep", counted)
    head_of(checkpoint=tmp_path / "sums.npz")
    assert written == [1, 1, 1, 1, 1, 1, 6]


MANY = pytest.mark.skipif(N_KILLS < 2, reason="processes take seconds to start: KERNELCONV_KILLS=10 asks for it")


@pytest.mark.once("oldest")
@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=MANY)])
def test_a_run_that_is_killed_at_random_goes_on(tmp_path, workers):
    """KERNELCONV_KILLS=10 kills it ten times; its sums have the bits of an undisturbed run."""
    command = [sys.executable, streamed.__file__, str(tmp_path), str(workers)]
    n_kills = max(N_KILLS, 2)
    seen = kill_at_random(command, tmp_path, streamed.N_CHUNKS, np.random.default_rng(workers), n_kills, streamed.added)
    assert len(seen) == n_kills
    assert seen == sorted(seen), "nothing that was added is lost"
    (undisturbed := tmp_path / "undisturbed").mkdir()
    streamed.run(undisturbed, workers=1, seconds=0.0)
    with np.load(tmp_path / "head.npz") as found, np.load(undisturbed / "head.npz") as wanted:
        assert set(found.files) == set(wanted.files)
        for name in wanted.files:
            np.testing.assert_array_equal(found[name], wanted[name])


# -- refusals ----------------------------------------------------------------------------------------------------------


class Unfitted(TransformerMixin, BaseEstimator):
    """Learns nothing."""

    def fit(self, X, y=None):
        return self


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"labels": ["1", *Y[1:].tolist()]}, ValueError, "labels mixes strings \\('1'\\) and numbers \\(1\\)"),
        ({"labels": np.ma.masked_equal(Y, 3)}, ValueError, "labels is masked"),
        ({"labels": iter([*Y[:9].tolist(), "9"])}, ValueError, "The arrays of labels must be alike: one is <U1"),
        ({"chunk": 0}, ValueError, "chunk must be an int >= 1, got 0"),
        ({"labels": Y[:7]}, ValueError, "source holds 203 images and labels 7: one for each is needed"),
        ({"labels": batches(Y[:90], 40)}, ValueError, "There are 90 labels, and more images: one for each is needed"),
        ({"source": batches(X[:90], 40)}, ValueError, "There are 90 images, and more labels: one for each is needed"),
        ({"labels": 3}, ValueError, r"labels must be \(n,\) or \(n, k\), one of each image, got shape \(\)"),
        ({"source": iter(()), "labels": iter(())}, ValueError, "source holds no image: at least one is needed"),
        ({"source": iter([X[:3], X[:3, 1:]])}, ValueError, r"The arrays of source must be alike: .*\(3, 7, 8\)"),
        ({"source": iter([X[:3], X[:3] / 2])}, ValueError, "The arrays of source must be alike: one is float64"),
        ({"source": X.astype(complex)}, ValueError, "source must hold real numbers, got dtype complex128"),
        ({"step": Scattering2D(J=1)}, NotFittedError, "Scattering2D has learned nothing yet: fit it before the head"),
        ({"head": Unfitted()}, TypeError, "The last step, Unfitted, has no partial_fit: take IncrementalRidgeClass"),
        ({"workers": 0}, ValueError, "workers must be an int >= 1, got 0"),
        ({"checkpoint": 3}, TypeError, "checkpoint must be the path of a file, got 3"),
        ({"checkpoint": "no/such"}, ValueError, "there is no folder no: make it first"),
        (
            {"head": SGDRegressor(), "checkpoint": "sums.npz"},
            TypeError,
            "SGDRegressor, has no state and no load_state: take .*, or no checkpoint",
        ),
    ],
)
def test_refusals(given, error, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=words):
        head_of(**given)
    assert not list(tmp_path.iterdir())


def test_what_is_no_pipeline_is_refused():
    with pytest.raises(TypeError, match="pipeline must be a scikit-learn Pipeline of transformers and a head, got"):
        fit_stream(IncrementalRidge(), X, Y, chunk=3)


def test_a_head_of_scikit_learn_is_taken_where_nothing_is_kept():
    assert head_of(head=SGDRegressor(random_state=0)).coef_.shape == (64,)


def test_a_classifier_of_scikit_learn_is_told_all_classes():
    order = np.argsort(Y, kind="stable")  # the first chunk holds two of ten
    step = Scattering2D(J=1).fit(X[:1])
    found = fit_stream(make_pipeline(step, SGDClassifier(random_state=0)), X[order], Y[order], chunk=40)
    alone = SGDClassifier(random_state=0)
    for lo in range(0, len(X), 40):
        alone.partial_fit(step.transform(X[order[lo : lo + 40]]), Y[order[lo : lo + 40]], classes=range(10))
    np.testing.assert_array_equal(found[-1].classes_, np.arange(10))
    np.testing.assert_array_equal(found[-1].coef_, alone.coef_)
    given = (batches(X, 40, 163), batches(Y, 40, 163))  # of a stream nobody knows the classes
    with pytest.raises(ValueError, match="SGDClassifier must know all classes before it learns: pass classes="):
        fit_stream(make_pipeline(step, SGDClassifier()), *given, chunk=40)
    told = fit_stream(
        make_pipeline(step, SGDClassifier(random_state=0)),
        batches(X[order], 40, 163),
        batches(Y[order], 40, 163),
        chunk=40,
        classes=range(10),
    )
    np.testing.assert_array_equal(told[-1].coef_, alone.coef_)
    expected = head_of(X[:40], Y[:40], classes=range(10))
    assert len(expected.classes_) == 10 > len(head_of(X[:9], Y[:9]).classes_)
    with pytest.raises(ValueError, match="classes are for classifiers, and the head is a SGDRegressor"):
        head_of(head=SGDRegressor(), classes=range(10))


def test_a_list_of_arrays_is_read_as_one_array_and_the_message_says_what_to_do():
    assert same(head_of(list(X)), head_of(X))
    for pieces in ([X[:7], X[7:]], [X[:100], X[100:200]]):
        with pytest.raises(ValueError, match=r"A list is read as one array: pass iter\(a_list\) of arrays"):
            head_of(pieces)
    assert same(head_of(iter([X[:7], X[7:]])), head_of(X))


def test_images_that_a_transformer_refuses_are_named():
    wrong = X.astype(np.float32)
    wrong[130, 2, 2] = np.nan
    with pytest.raises(ValueError, match=r"Images 120 to 159 of the stream: .* non-finite"):
        head_of(wrong, step=Scattering2D(J=1).fit(X[:1]))


def changed(values):
    other = values.copy()
    other[3] = values[3] + 1
    return other


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"source": changed(X)}, "holds the sums of 203 other images or labels than the first of this stream"),
        ({"labels": changed(Y)}, "holds the sums of 203 other images or labels than the first of this stream"),
        ({"source": X[:80], "labels": Y[:80]}, "holds the sums of 203 images, and the stream has 80: give all of them"),
        ({"chunk": 41}, "holds sums of other chunk size than asked for"),
        ({"step": Scattering2D(J=1).fit(X[:1])}, "holds sums of other transformers than asked for"),
        ({"head": IncrementalRidgeClassifier(cv=3)}, "holds sums of other head than asked for"),
        ({"head": IncrementalRidge()}, "holds sums of other head than asked for"),
    ],
)
def test_a_checkpoint_of_something_else_is_refused_and_left_as_it_is(given, words, tmp_path):
    place = tmp_path / "sums.npz"
    head_of(checkpoint=place)
    content = place.read_bytes()
    with pytest.raises(ValueError, match=words):
        head_of(checkpoint=place, **given)
    assert place.read_bytes() == content


@pytest.mark.parametrize("how", ["cut", "empty", "text", "one byte", "other"])
def test_a_damaged_checkpoint_is_said_in_words(how, tmp_path):
    place = tmp_path / "sums.npz"
    head_of(checkpoint=place)
    content = bytearray(place.read_bytes())
    content[len(content) // 2] ^= 1
    texts = {"cut": content[: len(content) // 2], "empty": b"", "text": b"no sums", "one byte": content}
    if how == "other":
        np.savez(place, stream=np.arange(3))
    else:
        place.write_bytes(texts[how])
    with pytest.raises(ValueError, match=r"sums\.npz is no checkpoint of fit_stream, or a damaged one \(.*\): del"):
        head_of(checkpoint=place)
