"""Kill a command at random moments, start it again, and see whether it ends where an undisturbed one does."""

import os
import signal
import subprocess
import time

#: Kills of one command; KERNELCONV_KILLS asks for more.
N_KILLS = int(os.environ.get("KERNELCONV_KILLS", "1"))


def cells(folder):
    """The cells' files, half-written ones among them."""
    return sorted(folder.glob("cells/*")) if folder.is_dir() else []


def n_cells_of(folder):
    return len(cells(folder))


def kill_at_random(command, folder, n_cells, rng, n_kills=N_KILLS, count=n_cells_of):
    """Start `command` and kill it (-9), its workers too, `n_kills` times; return how many cells there were each time.

    `count` says how many cells, or other pieces of work, are done in `folder`.

    Every other time it is killed while it starts, else some time after its first new cell; the last start is
    undisturbed.
    """
    seen = []
    for k in range(n_kills):
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        before, deadline = count(folder), time.monotonic() + 60
        while k % 2 == 0 and count(folder) <= before < n_cells and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.3 if k % 2 == 0 else 1.5))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        seen.append(count(folder))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return seen
