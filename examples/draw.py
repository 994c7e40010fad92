"""Draw the gallery: run every example, keep its last figure as a small picture, write README.md.

    python examples/draw.py                     # all of them
    python examples/draw.py matrix gradients    # those whose names hold a word
    python examples/draw.py --text              # README.md alone

An example that fails keeps the picture it had, and is named at the end.
"""

import argparse
import ast
import io
import os
import runpy
import subprocess
import sys
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


def run(path, kept=None, cwd=None, **variables):
    """Run one example in a process of its own, warnings being errors; `kept` is where its last figure goes, if at all.

    Return the finished process and the CPU seconds it took, threads included.
    """
    command = [sys.executable, *AS_A_TEST, str(HERE / "draw.py"), "--here", str(path), *([str(kept)] if kept else [])]
    environment = {**os.environ, "MPLBACKEND": "Agg", **variables}
    before = os.times()
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return done, spent


def run_here(path, kept=None):
    """Run one example in this process, make sure that a figure is left at its end, and keep the last if asked."""
    runpy.run_path(path, run_name="__main__")
    import matplotlib.pyplot as plt

    if not plt.get_fignums():
        raise SystemExit(f"{path} ends without a figure")
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
    parser.add_argument("--here", nargs="+", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.here:
        run_here(*asked.here)
        return
    failed = []
    for path in [] if asked.text else examples():
        if not asked.words or any(word in path.stem for word in asked.words):
            done, spent = run(path, picture(path))
            print(f"{spent:6.1f} s  {path.relative_to(HERE)}", flush=True)
            failed += [f"{path.relative_to(HERE)}: {done.stderr}"] if done.returncode else []
    (HERE / "README.md").write_text(readme(), encoding="utf-8")
    sys.exit("\n".join(failed) or 0)


if __name__ == "__main__":
    main()
