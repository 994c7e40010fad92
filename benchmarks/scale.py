"""Streams of 10^5 and 10^6 images on this machine: images a second, peak private memory, what Dask costs (Linux).

    python benchmarks/scale.py                              (all of it, hours; the same command goes on where it was)
    python benchmarks/scale.py --n 2000 --out try.json      (a look)

Images are MNIST's under smooth random fields, made once into a file of bytes (a kilobyte an image) in --images. Each
run is a process of its own, which starts its workers before the clock. "features" are made and thrown away; "ridge"
learns a head of them by fit_stream, without folds. Private memory is what is in no file: anonymous pages, of the
process and its workers, looked at five times a second.
"""

import argparse
import contextlib
import hashlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path

import joblib
import numpy as np
from sklearn.pipeline import make_pipeline

from kernelconv import Scattering2D, SmoothDeformation, load_mnist, warp
from kernelconv._files import whole_file, write_atomically
from kernelconv._parallel.workers import in_order
from kernelconv.streams import IncrementalRidgeClassifier, fit_stream
from kernelconv.streams.sources import as_source
from kernelconv.studies.environment import provenance

OUT = Path(__file__).parent / "results/scale.json"
SIZES = (100_000, 1_000_000)
#: How the work is done: what `in_order` is told, and inside which configuration of joblib.
HOWS = {
    "one thread": {"workers": 1},
    "two threads": {"workers": 2, "backend": "threading"},
    "two processes": {"workers": 2},
    "Dask, one process": {"cluster": 1},
    "Dask, two processes": {"cluster": 2},
}
#: d = 3,969 features at J=2; the ridge is also timed on the 400 of the first order at J=3.
SCATTERINGS = {"features": {"J": 2}, "ridge": {"J": 2}, "ridge, 400 features": {"J": 3, "max_order": 1}}
CHUNK, BLOCK = 1000, 1000


# -- the images --------------------------------------------------------------------------------------------------------


def block_of_images(images, i, size):
    """Return block `i` of the stream, bytes: a seed of its own, so that a longer stream begins with a shorter one."""
    rng = np.random.default_rng((0, i))
    chosen = rng.integers(0, len(images), BLOCK)
    fields = SmoothDeformation(cutoff=3).sample((28, 28), 0.2, rng, size=BLOCK)
    warped = warp(images[chosen], fields, order=1)
    return np.clip(255 * warped, 0, 255).round().astype(np.uint8)[:size], chosen[:size]


def make_images(folder, n):
    """Write the first `n` images and their labels, where they are not there."""
    place, labels_at = folder / f"{n}.npy", folder / f"{n}-labels.npy"
    if not (place.exists() and labels_at.exists()):
        images, y = load_mnist()[:2]
        labels = np.empty(n, y.dtype)
        with whole_file(place) as part:
            out = np.lib.format.open_memmap(part, "w+", np.uint8, (n, 28, 28))
            for i, lo in enumerate(range(0, n, BLOCK)):
                out[lo : lo + BLOCK], chosen = block_of_images(images, i, n - lo)
                labels[lo : lo + BLOCK] = y[chosen]
            del out
        with whole_file(labels_at) as part, open(part, "wb") as file:
            np.save(file, labels)
    return np.load(place, mmap_mode="r"), np.load(labels_at)


# -- one run -----------------------------------------------------------------------------------------------------------


class PrivateMemory:
    """The peak of anonymous memory, MiB, of this process and of those it started, while the block runs."""

    def __enter__(self):
        self.peak, self._ended = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()

    def _look(self):
        while not self._ended.wait(0.2):
            self.peak = max(self.peak, sum(anonymous_mib(pid) for pid in family(os.getpid())))


def family(pid):
    """Yield a process and all that descend from it."""
    yield pid
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from family(int(child))


def anonymous_mib(pid):
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Anonymous:"):
                return int(line.split()[1]) / 1024
    return 0.0


def of_chunk(transformer, chunk):
    """Return the digest of the features of a chunk: what is thrown away has to be looked at once."""
    return hashlib.sha256(transformer.transform(chunk.read()[0]).tobytes()).hexdigest()


def work(what, images, labels, given):
    """Do the work; return a digest of all that came out."""
    transformer = Scattering2D(**SCATTERINGS[what]).fit(images[:1])
    if what == "features":
        found = in_order(partial(of_chunk, transformer), as_source(images).chunks(CHUNK), **given)
        return hashlib.sha256("".join(found).encode()).hexdigest()
    pipeline = make_pipeline(transformer, IncrementalRidgeClassifier(alphas=1.0, cv=None))
    head = fit_stream(pipeline, images, labels, chunk=CHUNK, **given)[-1]
    return hashlib.sha256(b"".join(np.ascontiguousarray(v).tobytes() for v in head.state().values())).hexdigest()


@contextlib.contextmanager
def workers_of(how):
    """Start workers; yield what is given to those that use them."""
    setting = HOWS[how]
    if "cluster" in setting:
        from distributed import Client, LocalCluster

        count = setting["cluster"]
        with LocalCluster(n_workers=count, threads_per_worker=1, dashboard_address=None) as cluster:
            with Client(cluster) as client:
                yield {"client": client}
        return
    with joblib.parallel_config(backend=setting.get("backend", "loky")):
        yield {"workers": setting["workers"]}


def run(what, how, n, folder):
    """Return the record of one run."""
    images, labels = make_images(folder, n)
    with workers_of(how) as given:
        work(what, images[:2], labels[:2], given) if what == "features" else list(in_order(abs, range(4), **given))
        with PrivateMemory() as memory:
            start = time.perf_counter()
            digest = work(what, images, labels, given)
            seconds = time.perf_counter() - start
    return {
        "what": what,
        "how": how,
        "n": n,
        "seconds": round(seconds, 2),
        "images_per_second": round(n / seconds),
        "peak_private_mib": round(memory.peak),
        "digest": digest[:16],
    }


# -- all of them -------------------------------------------------------------------------------------------------------


def key(record):
    return record["what"], record["how"], record["n"]


def report(records):
    """Print one line for each run; say what Dask costs, and whether all ways gave the same bits."""
    for r in records:
        print(
            f"{r['what']:20} {r['how']:20} {r['n']:>9,} {r['images_per_second']:>7,}/s {r['peak_private_mib']:>6,} MiB"
        )
    for what, n in sorted({(r["what"], r["n"]) for r in records}):
        of = {r["how"]: r for r in records if (r["what"], r["n"]) == (what, n)}
        if len({r["digest"] for r in of.values()}) > 1:
            raise SystemExit(f"{what}, {n:,} images: the bits differ")
        if {"one thread", "Dask, one process"} <= set(of):
            cost = of["Dask, one process"]["seconds"] / of["one thread"]["seconds"] - 1
            print(f"{what}, {n:,} images: the same bits; Dask costs {100 * cost:.0f} % against one process")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", nargs="+", type=int, default=list(SIZES), help="images")
    parser.add_argument("--what", nargs="+", choices=SCATTERINGS, default=list(SCATTERINGS))
    parser.add_argument("--how", nargs="+", choices=HOWS, default=list(HOWS))
    parser.add_argument("--images", type=Path, default=Path(tempfile.gettempdir()) / "kernelconv-scale")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--one", action="store_true", help="a single run, in this process; prints its record")
    args = parser.parse_args(arguments)
    args.images.mkdir(parents=True, exist_ok=True)
    if args.one:
        return print(json.dumps(run(args.what[0], args.how[0], args.n[0], args.images)))
    records = json.loads(args.out.read_text())["records"] if args.out.exists() else []
    for n, what, how in itertools.product(args.n, args.what, args.how):
        if (what, how, n) not in map(key, records):
            make_images(args.images, n)
            words = ["--one", "--what", what, "--how", how, "--n", str(n), "--images", str(args.images)]
            done = subprocess.run([sys.executable, __file__, *words], stdout=subprocess.PIPE, text=True, check=True)
            records.append(json.loads(done.stdout.splitlines()[-1]))
            content = {"environment": provenance(), "records": records}
            write_atomically(args.out, json.dumps(content, indent=1) + "\n")
    report(records)


if __name__ == "__main__":
    main()
