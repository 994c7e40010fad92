"""CIFAR-10: tiny files in any order and from any source give the same arrays; every complaint by its text."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
import tarfile
from dataclasses import replace
from types import SimpleNamespace
from urllib.error import URLError

import numpy as np
import pytest

from kernelconv.datasets import DataError, cifar10, load_cifar10, registered_datasets
from kernelconv.datasets.formats import archive, published_set

N = 4  # records a file
NAMES = cifar10.CIFAR10.files
INNER = "cifar-10-batches-bin"
ARCHIVE = "cifar-10-binary.tar.gz"


def by_definition(records):
    """The records sorted by their SHA-256, and the SHA-256 of all of them, in plain Python."""
    rows = sorted((bytes(record) for record in records), key=lambda row: hashlib.sha256(row).digest())
    return np.array([list(row) for row in rows], np.uint8), hashlib.sha256(b"".join(rows)).hexdigest()


def no_network(*args, **kwargs):
    raise URLError("Name or service not known")


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """Six files of four records whose checksums are those wanted; no variable set, an empty home, no network."""
    records = np.random.default_rng(0).integers(0, 256, (6 * N, 3073), dtype=np.uint8)
    records[:, 0] %= 10
    sha256 = {"training": by_definition(records[:-N])[1], "test": by_definition(records[-N:])[1]}
    monkeypatch.setattr(cifar10, "CIFAR10", replace(cifar10.CIFAR10, sha256=sha256, records_per_file=N))
    monkeypatch.delenv("KERNELCONV_DATA", raising=False)
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path / "home"))
    monkeypatch.setattr(published_set, "fetch_openml", no_network)
    return records


def put(folder, records):
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in zip(NAMES, np.split(records, 6), strict=True):
        (folder / name).write_bytes(part.tobytes())
    return folder


def members(records):
    """The members of the official archive, in its order, which is not that of the names."""
    files = {f"{INNER}/{n}": part.tobytes() for n, part in zip(NAMES, np.split(records, 6), strict=True)}
    return {f"{INNER}/batches.meta.txt": b"airplane\n", **dict(reversed(files.items())), f"{INNER}/readme.html": b"-"}


def pack(folder, contents, prefix=""):
    """Write the archive; a content that is a type of tarfile's is that of a member without content."""
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(folder / ARCHIVE, "w:gz", compresslevel=1) as tar:
        for name, content in contents if isinstance(contents, list) else contents.items():
            info = tarfile.TarInfo(prefix + name)
            if content in (tarfile.SYMTYPE, tarfile.CHRTYPE):
                info.type, info.linkname, info.size = content, f"{INNER}/readme.html", 3073 * N
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return folder


def assert_is(got, records):
    for (X, y), part in zip((got[:2], got[2:]), (records[:-N], records[-N:]), strict=True):
        rows, _ = by_definition(part)
        assert (X.dtype, y.dtype, X.flags.c_contiguous) == (np.float32, np.int64, True)
        assert y.tolist() == rows[:, 0].tolist()
        assert X.shape == (len(part), 32, 32, 3)
        for i, row, column, colour in ((0, 0, 0, 0), (1, 31, 30, 1), (2, 5, 9, 2), (len(part) - 1, 17, 0, 0)):
            assert X[i, row, column, colour] == np.float32(rows[i, 1 + 1024 * colour + 32 * row + column] / 255)
        planes = rows[:, 1:].reshape(-1, 3, 32, 32)
        np.testing.assert_array_equal(X.transpose(0, 3, 1, 2), planes.astype(np.float32) / np.float32(255))


# -- where it may lie, and in which order ------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["files", "archive"])
@pytest.mark.parametrize("inner", ["", INNER])
@pytest.mark.parametrize("source", ["argument", "variable", "cache"])
def test_it_is_found_wherever_it_may_lie(tiny, tmp_path, monkeypatch, source, inner, form):
    root = tmp_path / "home" / "kernelconv" if source == "cache" else tmp_path / "data"
    put(root / inner, tiny) if form == "files" else pack(root / inner, members(tiny))
    if source == "variable":
        monkeypatch.setenv("KERNELCONV_DATA", str(root))
    assert_is(load_cifar10(root if source == "argument" else None), tiny)


@pytest.mark.parametrize("seed", range(3))
def test_records_in_another_order_and_in_other_training_files_give_the_same_arrays(tiny, tmp_path, seed):
    rng = np.random.default_rng(seed)
    moved = np.concatenate([rng.permutation(tiny[:-N]), rng.permutation(tiny[-N:])])
    assert not np.array_equal(moved, tiny)
    one, other = load_cifar10(put(tmp_path / "one", tiny)), load_cifar10(put(tmp_path / "other", moved))
    packed = load_cifar10(pack(tmp_path / "packed", members(moved), prefix="./"))
    assert all(a.tobytes() == b.tobytes() == c.tobytes() for a, b, c in zip(one, other, packed, strict=True))


def test_images_are_made_in_blocks_of_which_none_is_left_out(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr("kernelconv.datasets.formats.record_set._BLOCK", 3)
    assert_is(load_cifar10(put(tmp_path, tiny)), tiny)


def test_the_sub_folder_comes_first_and_whole_files_before_the_archive(tiny, tmp_path):
    put(tmp_path, tiny ^ 1)
    put(tmp_path / INNER, tiny)
    (tmp_path / INNER / ARCHIVE).write_bytes(b"none")
    assert_is(load_cifar10(tmp_path), tiny)
    (tmp_path / INNER / NAMES[2]).unlink()
    (tmp_path / INNER / ARCHIVE).unlink()
    pack(tmp_path / INNER, members(tiny))
    assert_is(load_cifar10(tmp_path), tiny)


# -- what is not there -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["argument", "variable"])
def test_what_is_missing_is_named_and_nothing_is_fetched(tiny, tmp_path, monkeypatch, source):
    monkeypatch.setattr(published_set, "fetch_openml", lambda *args, **kwargs: pytest.fail("the network was used"))
    folder = put(tmp_path / "data" / INNER, tiny)
    (folder / NAMES[3]).unlink()
    (folder / NAMES[5]).unlink()
    if source == "variable":
        monkeypatch.setenv("KERNELCONV_DATA", str(tmp_path / "data"))
    text = (
        rf"CIFAR-10 is not complete in {folder} \((folder='|KERNELCONV_DATA=).*data'?\): missing data_batch_4\.bin, "
        r"test_batch\.bin\. Put the 6 \.bin files or cifar-10-binary\.tar\.gz there or in its sub-folder cifar-10-batch"
        r"es-bin, or name the folder that holds them; or call load_cifar10\(\) with KERNELCONV_DATA unset, which fetch"
    )
    with pytest.raises(DataError, match=text) as e:
        load_cifar10(tmp_path / "data" if source == "argument" else None)
    assert "Python edition" not in str(e.value)
    with pytest.raises(DataError, match=r"CIFAR-10 was not found: there is no folder .*absent \(folder=.*holds the 6 "):
        load_cifar10(tmp_path / "absent")


@pytest.mark.parametrize("name", ["cifar-10-batches-py", "cifar-10-python.tar.gz", "data_batch_1"])
def test_the_pickled_edition_is_not_read_and_said_to_be_it(tiny, tmp_path, name):
    (tmp_path / name).write_bytes(b"\x80\x02}.")
    text = (
        rf"not complete .*\. {tmp_path}/{name} is of the Python edition, which is not read: it holds pickles, and "
        r"reading a pickle can run any code\. Get the binary edition, cifar-10-binary\.tar\.gz\.$"
    )
    with pytest.raises(DataError, match=text):
        load_cifar10(tmp_path)
    (tmp_path / "home" / "kernelconv").mkdir(parents=True)
    (tmp_path / name).rename(tmp_path / "home" / "kernelconv" / name)
    with pytest.raises(DataError, match=rf"OpenML could not provide it .*kernelconv/{name} is of the Python edition"):
        load_cifar10()


def test_without_files_and_network_places_and_remedies_are_named(tiny, tmp_path):
    home = tmp_path / "home" / "kernelconv"
    with pytest.raises(
        DataError, match=rf"no complete CIFAR-10 in {home} or {home}/{INNER}, .*\(URLError: .*known"
    ) as e:
        load_cifar10()
    for remedy in ("connect to the network", "load_cifar10(folder) or KERNELCONV_DATA", "load_digits_images()", *NAMES):
        assert remedy in str(e.value)
    assert not home.parent.exists()  # looking creates nothing


# -- what is damaged or another data set -------------------------------------------------------------------------------

DAMAGED = {
    "short": (lambda data: data[:-1], r"holds 12,291 bytes, wanted 12,292: 4 records of a label and 3,072 bytes\. Del"),
    "long": (lambda data: data + b"\0", r"holds 12,293 bytes, wanted 12,292"),
    "empty": (lambda data: b"", r"holds 0 bytes, wanted 12,292"),
}


@pytest.mark.parametrize(("change", "text"), DAMAGED.values(), ids=DAMAGED)
def test_a_file_of_another_size_is_named(tiny, tmp_path, change, text):
    path = put(tmp_path, tiny) / NAMES[1]
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(DataError, match=rf"{path} {text}"):
        load_cifar10(tmp_path)


def test_a_file_that_ends_while_it_is_read_is_named(tiny, tmp_path, monkeypatch):
    put(tmp_path, tiny)
    monkeypatch.setattr("kernelconv.datasets.formats.record_set.fill", lambda part, file: 7)
    with pytest.raises(DataError, match=rf"{NAMES[0]} holds 7 bytes, wanted 12,292"):
        load_cifar10(tmp_path)


def test_a_file_that_may_not_be_read_is_named(tiny, tmp_path, monkeypatch):
    put(tmp_path, tiny)

    def refused(*args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("kernelconv.datasets.formats.record_set.fill", refused)
    with pytest.raises(DataError, match=rf"{NAMES[0]} cannot be read: Permission denied\."):
        load_cifar10(tmp_path)


@pytest.mark.parametrize("form", ["files", "archive"])
def test_a_label_that_no_class_has_is_named_with_its_file(tiny, tmp_path, form):
    tiny[9, 0] = 17
    put(tmp_path, tiny) if form == "files" else pack(tmp_path, members(tiny))
    where = tmp_path if form == "files" else tmp_path / ARCHIVE
    text = rf"{where}: data_batch_3\.bin holds the label 17, wanted 0 to 9: it is not made of CIFAR-10's records\. Rep"
    with pytest.raises(DataError, match=text):
        load_cifar10(tmp_path)


def faulty(records, what):
    """Return the records with one fault."""
    if what == "moved":
        records[[3, -1]] = records[[-1, 3]]
    elif what == "training pixel":
        records[7, 100] ^= 1
    elif what == "training label":
        records[0, 0] = (records[0, 0] + 1) % 10
    elif what == "twice":
        records[5] = records[4]
    else:
        records[-2, 3072] ^= 128
    return records


TRAINING, TEST = (
    rf"the SHA-256 of its {n} {which} records, sorted, is" for n, which in ((20, "training"), (4, "test"))
)
FAULTS = {
    "moved": rf"{TRAINING} .*; {TEST} .*At least one record .* Records may have been moved between training and test\.",
    "training pixel": TRAINING,
    "training label": TRAINING,
    "twice": TRAINING,
    "test pixel": TEST,
}


@pytest.mark.parametrize("form", ["files", "archive"])
@pytest.mark.parametrize("what", FAULTS)
def test_a_record_that_is_moved_or_changed_is_refused_by_set(tiny, tmp_path, what, form):
    wrong = faulty(tiny.copy(), what)
    put(tmp_path, wrong) if form == "files" else pack(tmp_path, members(wrong))
    where = tmp_path if form == "files" else tmp_path / ARCHIVE
    with pytest.raises(DataError, match=rf"{re.escape(str(where))} does not hold CIFAR-10: {FAULTS[what]}") as e:
        load_cifar10(tmp_path)
    assert (what == "moved") == ("test records" in str(e.value) and "training records" in str(e.value))
    assert (what == "moved") == ("between training and test" in str(e.value))
    assert str(e.value).endswith("Replace its files by the originals.")
    assert all(sha256 in str(e.value) for sha256 in cifar10.CIFAR10.sha256.values()) == (what == "moved")


def test_a_damaged_cache_says_how_it_is_mended(tiny, tmp_path, monkeypatch):
    folder = put(tmp_path / "home" / "kernelconv" / INNER, tiny)
    (folder / NAMES[4]).write_bytes(b"half")
    with pytest.raises(DataError, match=rf"{NAMES[4]} holds 4 bytes.* The next load_cifar10\(\) will then fetch CIFAR"):
        load_cifar10()
    (folder / NAMES[4]).unlink()
    monkeypatch.setattr(published_set, "fetch_openml", openml_of(tiny))
    assert_is(load_cifar10(), tiny)


# -- the archive -------------------------------------------------------------------------------------------------------


def test_nothing_of_an_archive_is_written_to_the_disk_whatever_its_members_are_called(tiny, tmp_path):
    strange = {"../outside.bin": b"x", "/absolute.bin": b"x", f"{INNER}/{NAMES[0]}/x": b"x", f"../{NAMES[0]}": b"x"}
    folder = pack(tmp_path / "data", {**strange, **members(tiny)})
    assert_is(load_cifar10(folder), tiny)
    assert sorted(p.name for p in tmp_path.rglob("*")) == [ARCHIVE, "data"]


def without(records, name):
    return {n: content for n, content in members(records).items() if not n.endswith(name)}


ARCHIVES = {
    "missing": (lambda r: without(r, NAMES[3]), rf"does not hold {INNER}/data_batch_4\.bin\. Get a fresh copy"),
    "other folder": (lambda r: {f"data/{n}": r[:N].tobytes() for n in NAMES}, rf"does not hold {INNER}/data_batch_1"),
    "twice": (
        lambda r: [*members(r).items(), (f"{INNER}/{NAMES[5]}", r[:N].tobytes())],
        rf"holds {INNER}/test_batch\.bin twice",
    ),
    "short": (
        lambda r: {**members(r), f"{INNER}/{NAMES[0]}": b"abc"},
        rf"its {INNER}/data_batch_1\.bin is 3 bytes, wanted 12,292 bytes",
    ),
    "link": (
        lambda r: {**members(r), f"{INNER}/{NAMES[1]}": tarfile.SYMTYPE},
        rf"its {INNER}/data_batch_2\.bin is no regular file, wanted 12,292 bytes",
    ),
    "device": (
        lambda r: {**members(r), f"{INNER}/{NAMES[1]}": tarfile.CHRTYPE},
        rf"its {INNER}/data_batch_2\.bin is no regular file",
    ),
    "large": (
        lambda r: {"zeros": bytes(2**20 + 6 * N * 3073), **members(r)},
        r"unpacks to more than the 1,122,328 bytes wanted",
    ),
}


@pytest.mark.parametrize(("make", "text"), ARCHIVES.values(), ids=ARCHIVES)
def test_an_archive_of_other_members_is_refused(tiny, tmp_path, make, text):
    with pytest.raises(DataError, match=rf"{ARCHIVE}:? {text}"):
        load_cifar10(pack(tmp_path, make(tiny)))


def test_a_header_that_unpacks_to_gigabytes_is_not_read_into_memory(tiny, tmp_path):
    """A pax header is read whole before its member: one of a gigabyte is a megabyte in the archive."""
    info = tarfile.TarInfo("huge")
    info.type, info.size = tarfile.XHDTYPE, 2**30
    block = gzip.compress(bytes(2**20), mtime=0)
    (tmp_path / ARCHIVE).write_bytes(gzip.compress(info.tobuf(tarfile.USTAR_FORMAT)) + block * 2**10)
    with pytest.raises(DataError, match=r"unpacks to more than the 1,122,328 bytes wanted"):
        load_cifar10(tmp_path)


def test_an_archive_is_read_up_to_the_byte_that_is_one_too_many():
    limited = archive._Limited(io.BytesIO(bytes(12)), ARCHIVE, 11)
    assert limited.read(5) + limited.read(6) == bytes(11)
    with pytest.raises(DataError, match=rf"{ARCHIVE} unpacks to more than the 11 bytes wanted"):
        limited.read(1)


def test_a_damaged_archive_is_named_or_read_as_it_was(tiny, tmp_path):
    path = pack(tmp_path, members(tiny)) / ARCHIVE
    data = path.read_bytes()
    for broken, text in (
        (data[: len(data) // 2], "damaged: it is truncated. Delete it and get a fresh copy"),
        (b"", "does not hold|damaged"),
        (b"hello", r"damaged or no \.tar\.gz \(Not a gzipped file"),
        (gzip.compress(b"hello" * 1000), r"damaged or no \.tar\.gz \("),
    ):
        path.write_bytes(broken)
        with pytest.raises(DataError, match=rf"{path} .*({text})"):
            load_cifar10(tmp_path)
    for i in range(0, len(data), 997):
        path.write_bytes(data[:i] + bytes([data[i] ^ 0x55]) + data[i + 1 :])
        try:
            assert_is(load_cifar10(tmp_path), tiny)
        except DataError as error:
            assert str(path) in str(error)  # noqa: PT017  either is right


@pytest.mark.parametrize("name", [ARCHIVE, NAMES[0]])
def test_a_pipe_is_not_waited_for(tiny, tmp_path, name):
    put(tmp_path, tiny)
    (tmp_path / NAMES[0]).unlink()
    os.mkfifo(tmp_path / name)
    with pytest.raises(DataError, match=r"missing data_batch_1\.bin\. Put"):
        load_cifar10(tmp_path)
    with pytest.raises(DataError, match="is no regular file but a pipe"):
        archive.read_members(tmp_path / name, {})


def test_an_archive_that_may_not_be_read_is_named(tiny, tmp_path, monkeypatch):
    pack(tmp_path, members(tiny))

    def refused(*args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(archive, "fill", refused)
    with pytest.raises(DataError, match=rf"{ARCHIVE} cannot be read: Permission denied\."):
        load_cifar10(tmp_path)


# -- from OpenML, faked ------------------------------------------------------------------------------------------------


def openml_of(records):
    """Return a fetch_openml that answers as scikit-learn's does: rows of floats, labels as strings, train first."""

    def fetch(name, *, version, as_frame, parser):
        assert (name, version, as_frame, parser) == ("CIFAR_10", 1, False, "liac-arff")
        return SimpleNamespace(data=records[:, 1:].astype(float), target=records[:, 0].astype(str).astype(object))

    return fetch


def test_from_openml_it_is_cached_whole_and_read_from_there_next_time(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(published_set, "fetch_openml", openml_of(tiny))
    assert_is(load_cifar10(), tiny)
    folder = tmp_path / "home" / "kernelconv" / INNER
    assert sorted(p.name for p in folder.iterdir()) == sorted(NAMES)
    kept = b"".join((folder / name).read_bytes() for name in NAMES)
    assert kept == by_definition(tiny[:-N])[0].tobytes() + by_definition(tiny[-N:])[0].tobytes()
    monkeypatch.setattr(published_set, "fetch_openml", no_network)
    assert_is(load_cifar10(), tiny)


ROWS = r"is not made of 24 rows of 3,072 bytes and labels \("
OTHERS = {
    "pixel": rf"does not give CIFAR-10: {TRAINING} .* Nothing was kept\.",
    "test first": rf"does not give CIFAR-10: {TRAINING} .*; {TEST} .* Nothing was kept\.",
    "missing value": rf"does not give CIFAR-10: {TEST}",
    "width": ROWS,
    "rows": ROWS,
    "word": ROWS,
    "huge label": rf"{ROWS}|does not give CIFAR-10: {TRAINING}",
}


@pytest.mark.parametrize("wrong", OTHERS)
def test_from_openml_other_data_keep_nothing(tiny, tmp_path, monkeypatch, wrong):
    bunch = openml_of(tiny)("CIFAR_10", version=1, as_frame=False, parser="liac-arff")
    if wrong == "pixel":
        bunch.data[0, 400] = (bunch.data[0, 400] + 1) % 256
    elif wrong == "test first":
        bunch.data, bunch.target = np.roll(bunch.data, N, 0), np.roll(bunch.target, N)
    elif wrong == "missing value":
        bunch.data[-1, np.flatnonzero(bunch.data[-1])[0]] = np.nan
    elif wrong == "width":
        bunch.data = bunch.data[:, :-1]
    elif wrong == "rows":
        bunch.data, bunch.target = bunch.data[:-1], bunch.target[:-1]
    else:
        bunch.target[2] = "seven" if wrong == "word" else "300"
    monkeypatch.setattr(published_set, "fetch_openml", lambda *args, **kwargs: bunch)
    with pytest.raises(DataError, match=rf"OpenML's CIFAR_10 ({OTHERS[wrong]})") as e:
        load_cifar10()
    assert "delete the folder openml" in str(e.value)
    assert not (tmp_path / "home" / "kernelconv").exists()


def test_from_openml_interrupted_leaves_no_half_written_file(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(published_set, "fetch_openml", openml_of(tiny))
    folder, real = tmp_path / "home" / "kernelconv" / INNER, os.replace

    def third_fails(source, target):
        if NAMES[2] in str(target):
            raise OSError(28, "No space left on device")
        real(source, target)

    monkeypatch.setattr(os, "replace", third_fails)
    with pytest.raises(DataError, match=rf"cannot be kept in {folder}: No space left on device\. Make room or set"):
        load_cifar10()
    assert sorted(p.name for p in folder.iterdir()) == sorted(NAMES[:2])
    monkeypatch.setattr(os, "replace", real)
    assert_is(load_cifar10(), tiny)  # what is incomplete is fetched again


# -- the real CIFAR-10 -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real():
    folder = os.environ.get("KERNELCONV_DATA")
    if not folder or all(cifar10.CIFAR10._find(place).missing for place in cifar10.CIFAR10.folders()):
        pytest.skip("CIFAR-10 not found: set KERNELCONV_DATA")
    return registered_datasets()["cifar10"].load()


@pytest.mark.once("newest")
def test_real_cifar10(real):
    X, y, X_test, y_test = real
    assert (X.shape, X_test.shape) == ((50000, 32, 32, 3), (10000, 32, 32, 3))
    assert X.dtype == X_test.dtype == np.float32
    assert y.dtype == y_test.dtype == np.int64
    assert np.bincount(y).tolist() == [5000] * 10
    assert np.bincount(y_test).tolist() == [1000] * 10
    assert y[:10].tolist() == [3, 8, 3, 9, 1, 4, 2, 2, 7, 5]  # the order is part of every draw and figure
    assert y_test[:10].tolist() == [9, 5, 3, 2, 0, 5, 6, 9, 3, 7]


@pytest.mark.once("newest")
def test_real_cifar10_holds_the_first_images_of_every_tutorial(real):
    """The frog and the truck that training begins with in the official order, and the cat of the test images."""
    X, y, X_test, y_test = real
    frog, truck, cat = (
        ([59, 62, 63], [43, 46, 45]),
        ([154, 177, 187], [126, 137, 136]),
        ([158, 112, 49], [159, 111, 47]),
    )
    for images, labels, pixels, label in ((X, y, frog, 6), (X, y, truck, 9), (X_test, y_test, cat, 3)):
        here = (images[:, 0, :2] == np.array(pixels, np.float32) / np.float32(255)).all((1, 2))
        assert labels[here].tolist() == [label]
