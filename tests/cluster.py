"""What tests ask of a real cluster: python tests/cluster.py FOLDER prints, as JSON, what came out.

A program of its own, for schedulers and workers make their own warnings, threads and processes.
"""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import joblib
import numpy as np
import streamed

from kernelconv import ConvKernel, cli, load_digits_images, report
from kernelconv._parallel.workers import in_order


def process(task):
    return task, os.getpid()


def kill_when_begun(folder, pid):
    """Kill a worker when the checkpoint in `folder` says that a few chunks are done."""
    while streamed.added(folder) < 5:
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)


def streams(folder, client):
    """Learn a head on the cluster, one of whose workers is killed meanwhile."""
    workers = list(client.run(os.getpid).values())
    killer = threading.Thread(target=kill_when_begun, args=(folder, workers[0]))
    killer.start()
    streamed.run(folder, client=client)
    killer.join()
    return {"workers": len(workers), "killed": workers[0] not in client.run(os.getpid).values()}


def tasks(client):
    """Run tasks where joblib is configured with the cluster."""
    with joblib.parallel_config("dask"):
        found = list(in_order(process, range(6)))
    return {"results": [task for task, _ in found], "here": os.getpid() in {pid for _, pid in found}}


def n_tasks(dask_worker):
    """How many tasks a worker was given since it started."""
    return len(dask_worker.state.log if hasattr(dask_worker.state, "log") else ())


def tiles(client):
    """Compute a Gram matrix as tasks; compare it with that of threads."""
    x = load_digits_images()[0][:40]
    kernel = ConvKernel((3,), 2)
    here = kernel(x)
    before = sum(client.run(n_tasks).values())
    with joblib.parallel_config("dask"):
        there = kernel(x)
    more = sum(client.run(n_tasks).values()) - before
    return {"same": bool(np.array_equal(here, there)), "largest": float(here.max()), "events": more}


def compared(folder, *more):
    """Run `kernelconv compare`; return its errors."""
    report.figures_available = lambda: False  # they take as long as all else
    words = ["compare", "--models", "pixels+affine", "--train-sizes", "40", "--seeds", "2", "--out", str(folder), *more]
    status = cli.main(words)
    records = json.loads((folder / "results.json").read_text())["records"]
    return {"status": status, "errors": [r["test_error"] for r in records]}


def main(folder):
    """Start a cluster of two processes and ask everything of it."""
    from distributed import Client, LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        found = {"streams": streams(folder, client), "tasks": tasks(client), "tiles": tiles(client)}
        found["compared"] = compared(folder / "there", "--scheduler", cluster.scheduler_address)
    found["here"] = compared(folder / "here")
    (folder / "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
