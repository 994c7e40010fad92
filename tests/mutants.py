"""Break the package in seeded places, one at a time, and see whether a test fails. By hand, never in CI.

    python tests/mutants.py cover map.json -- -p no:randomly    # once: which test runs which line (needs coverage)
    python tests/mutants.py run map.json mutants.jsonl --n 200 --seed 1 --jobs 2
    python tests/mutants.py again map.json mutants.jsonl        # the survivors, on the tests of today
    python tests/mutants.py report mutants.jsonl

`run` may be stopped at any time and goes on where it stopped: one line of JSON a mutant. A mutant runs in a copy of the
tree, on the tests that run its line, those that do little else first, up to `--budget` seconds of them (as `cover`
timed them). It is killed by a test that fails, or that runs into the time limit. What is tested in another process, and
tests younger than the map, are named with `--more`. `equivalent_mutants.jsonl` holds those that change no result, and
why.
"""

import argparse
import difflib
import importlib.util
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from mutant_sites import has_arithmetic, mutants

ROOT = Path(__file__).parent.parent
EQUIVALENT = Path(__file__).parent / "equivalent_mutants.jsonl"
MOST_PER_FILE = 10
PYTEST = [
    sys.executable,
    "-m",
    "pytest",
    "-q",
    "-x",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:randomly",
    "--no-header",
    "--tb=line",
    "-rfE",
]


class Contexts:
    """A pytest plugin: lines run in a test are noted under its name, and its seconds."""

    def __init__(self, coverage):
        self.coverage, self.seconds = coverage, {}

    def pytest_runtest_logstart(self, nodeid):
        self.coverage.switch_context(nodeid)
        self.seconds[nodeid] = -time.perf_counter()

    def pytest_runtest_logfinish(self, nodeid):
        self.seconds[nodeid] += time.perf_counter()
        self.coverage.switch_context("")


class Chosen:
    """A pytest plugin: only the tests, and files of tests, named in a file run, in its order."""

    def __init__(self, file):
        self.order = {name: i for i, name in enumerate(json.loads(Path(file).read_text()))}

    def pytest_collection_modifyitems(self, items):
        places = {i: self.order.get(i.nodeid, self.order.get(i.nodeid.partition("::")[0])) for i in items}
        items[:] = sorted((i for i in items if places[i] is not None), key=places.__getitem__)


def cover(path, root, options):
    """Run the suite under coverage and write which test runs which line, by file."""
    import coverage

    os.chdir(root)
    with tempfile.TemporaryDirectory() as folder:
        run = coverage.Coverage(data_file=f"{folder}/data", source=[str(root / "kernelconv")], config_file=False)
        contexts = Contexts(run)
        run.start()
        status = pytest.main(["-q", "-p", "no:cacheprovider", *options], plugins=[contexts])
        run.stop()
        data, names = run.get_data(), list(contexts.seconds)
        index = {name: i for i, name in enumerate(names)}
        lines = {}
        for file in data.measured_files():
            by_line = data.contexts_by_lineno(file)
            lines[Path(file).relative_to(root).as_posix()] = {n: [index[c] for c in by_line[n] if c] for n in by_line}
    seconds = [round(s, 4) for s in contexts.seconds.values()]
    Path(path).write_text(json.dumps({"tests": names, "seconds": seconds, "lines": lines}))
    return int(status)


def places(root, n, seed, under=("kernelconv",)):
    """`n` mutants over all files with arithmetic `under` some folders, at most ten a file: (file, text, mutant)."""
    rng, drawn = random.Random(seed), []
    for path in sorted({path for folder in under for path in (root / folder).rglob("*.py")}):
        text = path.read_text()
        found = mutants(text) if has_arithmetic(text) else []
        by_kind = {}
        for mutant in rng.sample(found, len(found)):
            by_kind.setdefault(mutant.kind, []).append(mutant)
        kinds = [kind for kind in by_kind for _ in range(min(MOST_PER_FILE, len(by_kind[kind])))]
        chosen = [by_kind[kind].pop() for kind in rng.sample(kinds, min(MOST_PER_FILE, len(kinds)))]
        chosen = [m for m in chosen if compiles(m.apply(text))]
        share = len(found)  # a file's first mutant comes before all second ones; the others by the file's size
        drawn += [(bool(i), -(rng.random() ** (1 / share)), path, text, m) for i, m in enumerate(chosen)]
    return [(path, text, mutant) for _, _, path, text, mutant in sorted(drawn, key=lambda d: d[:2])[:n]]


def compiles(text):
    """Whether a text still is a module."""
    try:
        compile(text, "mutant", "exec")
    except (SyntaxError, ValueError):
        return False
    return True


def difference(text, changed):
    """The changed lines, as diff shows them."""
    lines = difflib.unified_diff(text.splitlines(), changed.splitlines(), n=0, lineterm="")
    return [line for line in lines if line[:3] not in ("---", "+++") and line[:2] != "@@"]


def tests_of(cover_map, file, line, budget):
    """Names of the tests that run a file, and their seconds; those that run this line and little else come first."""
    by_line = cover_map["lines"].get(file, {})
    at = max(
        (int(n) for n in by_line if int(n) <= line and by_line[n]), default=0
    )  # a statement may be many lines long
    here = set(by_line.get(str(at), []))
    weight = {}
    for tests in by_line.values():
        for test in tests:
            weight[test] = weight.get(test, 0) + 1
    seconds, found, total = cover_map["seconds"], [], 0.0
    for test in sorted(here, key=lambda t: (seconds[t] * weight[t], t)) + sorted(
        weight.keys() - here, key=lambda t: (seconds[t], t)
    ):
        if total + seconds[test] <= budget:
            total += seconds[test]
            found.append(cover_map["tests"][test])
    return found, total


class Tree:
    """A copy of the working tree in which one mutant at a time is tried."""

    def __init__(self, folder, root):
        self.root = Path(folder)
        listed = subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard"], cwd=root, text=True)
        for name in listed.splitlines():
            if (root / name).is_file():
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / name, self.root / name)

    def verdict(self, file, changed, tests, limit):
        """Return (verdict, the test that failed) of the tests with `changed` as the text of `file`."""
        path = self.root / file
        before = path.read_text()
        try:
            self._write(path, changed)
            return self._run(tests, limit)
        finally:
            self._write(path, before)

    def _write(self, path, text):
        path.write_text(text)
        Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)  # its size and second may be the same

    def _run(self, tests, limit):
        (self.root / "chosen.json").write_text(json.dumps(tests))
        files = list(dict.fromkeys(t.partition("::")[0] for t in tests))
        command = [*PYTEST, "-p", "mutants", "--chosen", "chosen.json", *files]
        environment = {**os.environ, "PYTHONPATH": f"{self.root}:{self.root / 'tests'}:{Path(__file__).parent}"}
        with open(self.root / "output.txt", "w") as output:
            streams = {"stdout": output, "stderr": output, "start_new_session": True}
            process = subprocess.Popen(command, cwd=self.root, env=environment, **streams)
            try:
                status = process.wait(limit)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                process.wait()
                return "killed", "time limit"
        lines = (self.root / "output.txt").read_text(errors="replace").splitlines()
        named = [line.split(" ")[1] for line in lines if line.startswith(("FAILED ", "ERROR "))]
        return {0: "survived", 5: "untested"}.get(status, "killed"), named[0] if named else f"exit status {status}"


def pytest_addoption(parser):
    """Add the option that names the file of tests (this module is the plugin of its own runs)."""
    parser.addoption("--chosen")


def pytest_configure(config):
    """Run the tests of that file alone."""
    if config.getoption("--chosen", None):
        config.pluginmanager.register(Chosen(config.getoption("--chosen")))


def try_all(todo, cover_map, out, args):
    """Try every (file, line, changed text, record) and add a line to `out` for each."""
    lock, local = threading.Lock(), threading.local()

    def attempt(item):
        file, line, changed, record = item
        if not hasattr(local, "tree"):
            local.tree = Tree(tempfile.mkdtemp(dir=folder), args.root)
        tests, seconds = tests_of(cover_map, file, line, args.budget)
        start = time.perf_counter()
        verdict, test = local.tree.verdict(file, changed, [*args.more, *tests], args.limit + args.slower * seconds)
        took = round(time.perf_counter() - start, 1)
        with lock, open(out, "a") as lines:
            lines.write(json.dumps({**record, "verdict": verdict, "test": test, "seconds": took}) + "\n")
            print(verdict, file, line, test, took, flush=True)

    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(args.jobs) as pool:
        list(pool.map(attempt, todo))


def records(path):
    """The lines of a file of mutants, the last one of each place."""
    lines = Path(path).read_text().splitlines() if Path(path).exists() else []
    return {(r["file"], tuple(r["diff"]), r["line"]): r for r in map(json.loads, lines)}


def first_tries(args, known):
    """The seeded mutants that have no line yet."""
    for path, text, mutant in places(args.root, args.n, args.seed, args.under):
        file, changed = path.relative_to(args.root).as_posix(), mutant.apply(text)
        record = {"file": file, "line": mutant.line, "kind": mutant.kind, "seed": args.seed}
        record["diff"] = difference(text, changed)
        if (file, tuple(record["diff"]), mutant.line) not in known:
            yield file, mutant.line, changed, record


def survivors(args, known):
    """The mutants that no test killed, in today's text: where the changed lines still are."""
    for (file, diff, line), record in known.items():
        if record["verdict"] == "killed" or (file, diff) in equivalents():
            continue
        text = (args.root / file).read_text()
        old, new = ("".join(d[1:] + "\n" for d in diff if d[0] == sign) for sign in "-+")
        at = [i for i in range(len(text)) if text.startswith(old, i) and (i == 0 or text[i - 1] == "\n")]
        if not at:
            print("gone", file, line, *diff, sep="\n  ")
            continue
        start = min(at, key=lambda i: abs(text.count("\n", 0, i) - line))
        yield file, text.count("\n", 0, start) + 1, text[:start] + new + text[start + len(old) :], record


def equivalents():
    """(file, diff) of every mutant that changes no result, and why."""
    lines = EQUIVALENT.read_text().splitlines() if EQUIVALENT.exists() else []
    return {(r["file"], tuple(r["diff"])): r["why"] for r in map(json.loads, lines)}


def report(path):
    """Print the counts and the survivors of a file of mutants."""
    known, same = records(path), equivalents()
    counted = {key: r for key, r in known.items() if key[:2] not in same}
    killed = sum(r["verdict"] == "killed" for r in counted.values())
    files, n = len({file for file, _, _ in known}), len(counted)
    print(f"{len(known)} mutants in {files} files, {len(known) - n} of them equivalent; killed: {killed} of {n}")
    for (file, diff, line), record in sorted(counted.items()):
        if record["verdict"] != "killed":
            print(f"{record['verdict']} {file}:{line} ({record['kind']})", *diff, sep="\n  ")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["cover", "run", "again", "report"])
    parser.add_argument("files", nargs="+", help="the map (all but report), then the file of mutants (all but cover)")
    parser.add_argument("--n", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--budget", type=float, default=20.0, help="seconds of tests a mutant, at most")
    parser.add_argument("--under", nargs="+", default=["kernelconv"], help="folders whose files are broken")
    parser.add_argument("--more", nargs="*", default=[], help="tests, or files of them, that are tried first")
    parser.add_argument("--limit", type=float, default=120.0, help="seconds that end a mutant, plus")
    parser.add_argument("--slower", type=float, default=20.0, help="so many times the seconds that its tests took")
    parser.add_argument("--root", type=Path, default=ROOT, help="the tree to break a copy of")
    mine, _, options = " ".join(sys.argv[1:]).partition(" -- ")
    args = parser.parse_args(mine.split())
    if args.what == "cover":
        return cover(Path(args.files[0]).absolute(), args.root.absolute(), options.split())
    if args.what == "report":
        return report(args.files[0])
    known = records(args.files[1])
    todo = list((first_tries if args.what == "run" else survivors)(args, known))
    return try_all(todo, json.loads(Path(args.files[0]).read_text()), args.files[1], args)


if __name__ == "__main__":
    sys.exit(main())
