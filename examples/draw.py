"""Draw the gallery: run every example, keep its last figure as a small picture, write README.md.

    python examples/draw.py                     # all of them
    python examples/draw.py matrix gradients    # those whose names hold a word
    python examples/draw.py --text              # README.md alone

An example that fails keeps the picture it had, and is named at the end.
"""

import argparse
import ast
import importlib
import io
import json
import os
import runpy
import subprocess
import sys
import tempfile
import traceback
import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent
GROUPS = ("first_steps", "operators", "networks", "stability")
WIDTH, BYTES = 600, 60_000  # of a picture: px, and what it may take on disk
AS_A_TEST = ["-W", "error", "-W", "ignore:FigureCanvasAgg is non-interactive:UserWarning"]


def examples():
    """Return the paths of the examples, group by group, by name."""
    return [path for group in GROUPS for path in sorted((HERE / group).glob("plot_*.py"))]


def picture(path):
    """Return where the picture of an example lies."""
    return HERE / "pictures" / f"{path.stem.removeprefix('plot_')}.png"


def title_and_text(docstring):
    """Return the title of a text in RST and the first paragraph below it, on one line."""
    title, underline, blank, text = [*docstring.strip().split("\n", 3), "", "", ""][:4]
    if set(underline) != {"="} or len(underline) != len(title) or blank.strip() or not text:
        raise ValueError(f"a title, as many '=' below it, an empty line and a text are wanted, got {docstring!r:.80}")
    return title, " ".join(text.partition("\n\n")[0].split())


def described(path):
    """Return the title of an example and its first paragraph."""
    return title_and_text(ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "")


def readme():
    """Return README.md: the groups, and every picture with one line."""
    lines = ["# Gallery", "", "One idea a file. Each asserts what it shows; `python examples/draw.py` draws this page."]
    for group in GROUPS:
        title, text = title_and_text((HERE / group / "GALLERY_HEADER.rst").read_text(encoding="utf-8"))
        lines += ["", f"## {title}", "", text]
        for path in (path for path in examples() if path.parent.name == group):
            name, text = described(path)
            place = path.relative_to(HERE).as_posix()
            lines += [
                "",
                f"**[{name}]({place})**: {text}",
                "",
                f"![{name}]({picture(path).relative_to(HERE).as_posix()})",
            ]
    return "\n".join(lines) + "\n"


class Runner:
    """A process that has imported what all examples import, and runs each in a copy of itself (os.fork).

    Warnings are errors. `variables` are set in its environment.
    """

    def __init__(self, **variables):
        command = [sys.executable, *AS_A_TEST, str(HERE / "draw.py"), "--serve"]
        environment = {**os.environ, "MPLBACKEND": "Agg", **variables}
        self._process = subprocess.Popen(command, env=environment, text=True, stdin=-1, stdout=-1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.communicate()

    def run(self, path, kept=None, cwd=None):
        """Run one example; `kept` is where its last figure goes, if at all.

        Return whether it ran through, what it printed with its errors, and its CPU seconds.
        """
        asked = {"path": str(path), "kept": kept and str(Path(kept).resolve()), "cwd": str(cwd or Path.cwd())}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return tuple(json.loads(self._process.stdout.readline()))


def serve():
    """Run what comes in, a line of JSON an example, each in a fork; write a line about each."""
    for module in ("matplotlib.pyplot", "sklearn.datasets", "sklearn.linear_model", "kernelconv.stability"):
        importlib.import_module(module)

    # BLAS has threads, and stops them itself before a fork
    warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
    for line in sys.stdin:
        asked = json.loads(line)
        with tempfile.TemporaryFile("w+") as printed:
            child = os.fork()
            if child == 0:
                _in_fork(asked, printed)
            _, status, usage = os.wait4(child, 0)
            printed.seek(0)
            print(json.dumps([status == 0, printed.read(), usage.ru_utime + usage.ru_stime]), flush=True)


def _in_fork(asked, printed):
    """Run an example in this copy of the process, and end it."""
    status = 1
    os.dup2(printed.fileno(), 1)
    os.dup2(printed.fileno(), 2)
    try:
        os.chdir(asked["cwd"])
        run_here(asked["path"], asked["kept"])
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def run_here(path, kept=None):
    """Run one example in this process, make sure that a figure is left at its end, and keep the last if asked."""
    runpy.run_path(path, run_name="__main__")
    import matplotlib.pyplot as plt

    if not plt.get_fignums():
        raise ValueError(f"{path} ends without a figure")
    if kept:
        keep(plt.figure(plt.get_fignums()[-1]), Path(kept))


def keep(figure, path):
    """Write a figure as a picture of WIDTH px, in as many colours of a palette as BYTES can hold."""
    from PIL import Image

    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=2 * WIDTH / figure.get_figwidth(), facecolor="white")
    drawn = Image.open(buffer).convert("RGB")
    drawn = drawn.resize((WIDTH, round(drawn.height * WIDTH / drawn.width)), Image.Resampling.LANCZOS)
    for colours in (256, 128, 64, 32, 16):
        small = io.BytesIO()
        drawn.quantize(colours, dither=Image.Dither.NONE).save(small, "png", optimize=True)
        if small.tell() <= BYTES:
            break
    path.write_bytes(small.getvalue())


def main():
    """Draw what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help="draw the examples whose names hold one of these; all of them without")
    parser.add_argument("--text", action="store_true", help="write README.md, draw nothing")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve()
        return
    drawn = [p for p in examples() if not asked.text and (not asked.words or any(w in p.stem for w in asked.words))]
    failed = []
    with Runner() as runner:
        for path in drawn:
            right, printed, seconds = runner.run(path, picture(path))
            print(f"{seconds:6.1f} s  {path.relative_to(HERE)}", flush=True)
            failed += [] if right else [f"{path.relative_to(HERE)}: {printed}"]
    (HERE / "README.md").write_text(readme(), encoding="utf-8")
    sys.exit("\n".join(failed) or 0)


if __name__ == "__main__":
    main()
