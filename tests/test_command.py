"""The kernelconv command: every wrong word is answered in one line and leaves nothing behind; every name is a name."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kernelconv import cli
from kernelconv._files import write_atomically

COMPARE = ["compare", "--data", "mine.npz", "--models", "pixels", "--train-sizes", "10", "--seeds", "1"]
MEASURE = ["stability", "--data", "mine.npz", "--models", "pixels", "--train-size", "10", "--images", "4"]
MEASURE += ["--families", "translation"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder to work in, with one data set, and files that are none; no figures, which take longer than the cells."""
    monkeypatch.setattr(cli.report, "figures_available", lambda: False)
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    np.savez("mine.npz", X=rng.random((40, 8, 8)), y=np.arange(40) % 2)
    Path("words.npz").write_bytes(b"PK\3\4 no archive")
    Path("table.csv").write_text("1,2\n")
    Path("file").write_text("a file")
    Path("empty").mkdir()
    os.mkfifo("pipe.npz")
    return tmp_path


def with_option(command, option, *values):
    """The command with another value of an option."""
    where = command.index(option) if option in command else len(command)
    after = [k for k in range(where + 1, len(command)) if command[k].startswith("--")]
    return [*command[:where], *command[after[0] if after else len(command) :], option, *values]


def run(arguments):
    """Run the command in this process and return its status."""
    try:
        return cli.main(arguments)
    except SystemExit as stop:
        return stop.code


WRONG = {
    "--data": [
        *([""], ["nowhere"], ["table.csv"], ["words.npz"], ["file"], ["pipe.npz"], ["empty"], ["/dev/zero"], []),
        *(["x" * 5000], ["a\0b"], ["b\udcff"], ["[red]x[/x]"], ["~nobody/x"]),
        *(["mine.npz", "mine.npz"], ["mine.npz", "digits"], ["a", "b", "c"], ["mine.npz", "words.npz"]),
    ],
    "--models": [
        *([""], ["+"], ["pixels+"], ["+linear"], ["pixels+svm+svm"], ["pixels", "pixels"], ["\0"], ["\udcff"], []),
        *([":"], ["a:b"], ["..:x"], ["os:path"], ["os:getcwd"], ["math:pi"], ["sys:exit"], ["[/x]:y"], ["ü:é"]),
        ["x" * 3000],
    ],
    "--workers": [["0"], ["-1"], ["1.5"], ["many"], [""]],
    "--image-size": [["0"], ["-1"], ["x"], ["8", "8", "8"], ["8"], []],
    "--max-bytes": [["0"], ["-1"], ["x"], ["1"], []],
    "--out": [[""], ["file"], ["file/x"], ["/proc/x"], ["o\0x"], ["o" * 300], ["\udcff"], ["-x"], ["/dev/null"], []],
}
OF_COMPARE = {
    "--train-sizes": [["0"], ["-5"], ["3"], ["27"], ["nan"], ["1e3"], ["9" * 30], ["10", "11.5"], []],
    "--seeds": [["0"], ["-1"], ["x"], ["1.0"], ["1000000000"], ["9" * 30], []],
    "--families": [["smooth"]],
}
OF_MEASURE = {
    "--families": [["x"], [""], ["smooth", "smooth"], []],
    "--images": [["0"], ["1"], ["-1"], ["x"], ["15"], ["9" * 30]],
    "--train-size": [["0"], ["1"], ["-1"], ["x"], ["27"], ["9" * 30]],
    "--seed": [["-1"], ["x"], ["4294967296"], ["9" * 30]],
    "--seeds": [["1"]],
}
CASES = [
    (command, option, values)
    for command, more in ((COMPARE, OF_COMPARE), (MEASURE, OF_MEASURE))
    for option, all_values in (WRONG | more).items()
    for values in all_values
]


@pytest.mark.parametrize(
    ("command", "option", "values"), CASES, ids=lambda v: ascii(" ".join([v] if isinstance(v, str) else v))[:30]
)
def test_every_wrong_value_is_answered_in_one_line_and_nothing_is_written(command, option, values, capsys, folder):
    before = sorted(folder.rglob("*"))
    status = run(with_option(command, option, *values))
    said = capsys.readouterr().err.rstrip("\n").splitlines()
    if status == 2:  # argparse says the usage first
        assert said[0].startswith("usage: ")
        assert "error: " in said[-1]
    else:
        assert status == 1
        assert len(said) == 1
        assert said[0].startswith("error: ")
    assert 15 < len(said[-1]) < 6000
    assert "Traceback" not in said[-1]
    left = {p for p in folder.rglob("*") if p.is_file() or p.name.endswith(".part")} - set(before)
    assert not left


@pytest.mark.parametrize("words", [[], ["nothing"], ["compare", "--model", "pixels"], ["info", "x"], ["\udcff"], [""]])
def test_what_is_no_command_ends_with_status_2(words, capsys):
    assert run(words) == 2
    assert "kernelconv" in capsys.readouterr().err


@pytest.mark.parametrize("out", ["o[/x]", "[red] :cat: ü — 図  b[plot]"])
def test_any_name_is_taken_as_it_is(out, capsys, folder):
    Path(out).parent.mkdir(exist_ok=True)
    (folder / "mine.npz").rename(f"{out}.npz")
    assert run([*with_option(COMPARE, "--data", f"{out}.npz"), "--out", out]) == 0
    shown = capsys.readouterr().out
    assert f"Written: {out}/report.html" in shown
    assert f"{out}.npz: 26 training" in shown
    assert "pip install 'kernelconv[plot]'" in shown
    assert {p.name for p in (folder / out).iterdir()} == {"cells", "results.json", "results.csv", "report.html"}


def test_info_shows_brackets_of_a_folder(capsys, monkeypatch):
    monkeypatch.setenv("KERNELCONV_DATA", "/data[/x]/[red]:cat:")
    assert run(["info"]) == 0
    assert "/data[/x]/[red]:cat: (not there)" in capsys.readouterr().out


def test_a_very_long_name_of_a_model_makes_a_file_of_a_name_that_fits(capsys, folder):
    name = "m" * 240
    Path(f"{name}.py").write_text("from kernelconv.studies.estimators.transformers import Pixels as own\n")
    try:
        assert run(with_option(COMPARE, "--models", f"{name}:own")) == 0
    finally:
        sys.modules.pop(name, None)
    (cell,) = (folder / "kernelconv-results" / "cells").iterdir()
    assert len(cell.name) < 255
    assert json.loads(cell.read_text())["cell"]["model"] == f"{name}:own"


def test_photographs_of_different_size_and_two_folders(capsys, folder):
    pil = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(0)
    for part, n in (("train", 6), ("test", 3)):
        for name in ("cat", "dog"):
            Path(part, name).mkdir(parents=True)
            for k in range(n):
                pixels = rng.integers(0, 256, (9 + k, 14 - k, 3), dtype=np.uint8)
                pil.fromarray(pixels).save(Path(part, name) / f"{k}.png")
    command = with_option(with_option(COMPARE, "--data", "train", "test"), "--train-sizes", "8")
    assert run(command) == 1
    assert "10 of 12 images differ from the first, " in capsys.readouterr().err
    assert run([*command, "--image-size", "8", "10"]) == 0
    assert "train + test: 12 training and 6 test images of 8x10x3" in capsys.readouterr().out
    page = (folder / "kernelconv-results" / "report.html").read_text()
    assert "kernelconv compare --data train test --image-size 8 10 --models pixels --train-sizes 8 --seeds 1" in page


# -- a full disk -------------------------------------------------------------------------------------------------------


def no_room(path, data):
    raise OSError(errno.ENOSPC, "No space left on device")  # as write says it: without a name


def test_a_full_disk_is_said_with_the_name_of_the_file(tmp_path, monkeypatch):
    path = tmp_path / "results.json"
    write_atomically(path, "old")
    monkeypatch.setattr(Path, "write_bytes", no_room)
    with pytest.raises(OSError, match=r"No space left on device: '.*/results\.json'$") as raised:
        write_atomically(path, "new")
    assert raised.value.errno == errno.ENOSPC
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir() if p.suffix == ".part"] == []


def test_a_folder_in_the_way_and_a_missing_one_are_named_and_no_hidden_file(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(IsADirectoryError, match=r"'.*/a'$"):
        write_atomically(tmp_path / "a", "x")
    with pytest.raises(FileNotFoundError, match=r"'.*/nowhere/b'$"):
        write_atomically(tmp_path / "nowhere" / "b", "x")
    with pytest.raises(NotADirectoryError, match=r"'.*/file/b'$"):
        write_atomically(tmp_path / "file" / "b", "x")


def test_a_name_as_long_as_names_can_be_is_written(tmp_path):
    write_atomically(tmp_path / ("n" * 255), "x")
    assert (tmp_path / ("n" * 255)).read_text() == "x"


@pytest.mark.parametrize("command", [COMPARE, MEASURE])
def test_a_full_disk_ends_the_command_at_the_first_file(command, capsys, monkeypatch, folder):
    monkeypatch.setattr(Path, "write_bytes", no_room)
    models = ["--models", "pixels", "fourier"]
    assert run([*with_option(command, *models), "--out", "out"]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith(f"error: {folder / 'out' / 'cells' / 'pixels-'}")
    assert said.endswith(".json: No space left on device.\n")
    assert not list((folder / "out" / "cells").iterdir())


@pytest.mark.parametrize("error", [MemoryError("Unable to allocate 9 TiB"), ImportError("Reading images needs Pillow")])
def test_what_a_machine_lacks_is_said_in_one_line(error, capsys, monkeypatch):
    def lacking(*args, **kwargs):
        raise error

    monkeypatch.setattr(cli, "load_split", lacking)
    assert run(COMPARE) == 1
    assert capsys.readouterr().err == f"error: {error}\n"


# -- interrupts and broken pipes ---------------------------------------------------------------------------------------

#: Imported by Python when it starts: Ctrl-C at the moment at which scikit-learn would be imported.
INTERRUPT = """
import sys
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "numpy":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupt())
"""


@pytest.mark.parametrize("command", [["-m", "kernelconv", "info"], ["bin/kernelconv"], ["-c", "import kernelconv"]])
def test_an_interrupt_while_importing_is_one_line_of_the_command_alone(command, folder):
    (folder / "sitecustomize.py").write_text(INTERRUPT)
    Path("bin").mkdir()
    Path("bin/kernelconv").write_text("from kernelconv.cli import main\nraise SystemExit(main())\n")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *map(str, sys.path)])}
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, env=environment, check=False)
    if command[0] == "-c":  # who imports the library sees what Python shows
        assert "Traceback" in done.stderr
    else:
        assert (done.stdout, done.stderr) == ("", "Interrupted before anything was run.\n")
        assert done.returncode == 130


def test_other_errors_keep_their_traceback(capsys):
    from kernelconv._interrupt import _in_one_line

    try:
        raise ZeroDivisionError("as ever")
    except ZeroDivisionError as error:
        _in_one_line(type(error), error, error.__traceback__)
    assert "Traceback" in (said := capsys.readouterr().err)
    assert "ZeroDivisionError: as ever" in said


def test_a_reader_that_has_gone_ends_the_command_in_silence(monkeypatch, capsys):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        monkeypatch.setattr(sys, "stdout", closed)
        assert run(["info"]) == 1
        closed.write("what is still to come goes nowhere")
    assert capsys.readouterr().err == ""
