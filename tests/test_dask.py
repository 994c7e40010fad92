"""Dask: a real cluster of processes, one of whose workers is killed; the same results as here."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import streamed

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What tests/cluster.py found: its answers, and the folder in which it worked."""
    pytest.importorskip("distributed", reason="needs Dask: pip install 'kernelconv[scale]'")
    folder = tmp_path_factory.mktemp("cluster")
    paths = os.pathsep.join([str(HERE), str(HERE.parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, HERE / "cluster.py", folder],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return {**json.loads((folder / "found.json").read_text()), "folder": folder}


def test_a_stream_whose_worker_is_killed_ends_with_the_same_bits(found, tmp_path):
    assert found["streams"] == {"workers": 2, "killed": True}
    streamed.run(tmp_path, workers=1, seconds=0.0)
    with np.load(found["folder"] / "head.npz") as there, np.load(tmp_path / "head.npz") as here:
        assert set(there.files) == set(here.files)
        for name in here.files:
            np.testing.assert_array_equal(there[name], here[name])


def test_tasks_go_where_joblib_says(found):
    assert found["tasks"] == {"results": list(range(6)), "here": False}


def test_tiles_of_the_exact_kernel_are_tasks_with_the_same_bits(found):
    assert found["tiles"]["events"] > 0, "computed on the cluster"
    assert found["tiles"]["same"]
    assert found["tiles"]["largest"] > 0


def test_a_comparison_on_a_cluster_has_the_errors_of_one_here(found):
    assert found["compared"] == found["here"]
    assert found["here"]["status"] == 0
    assert len(found["here"]["errors"]) == 2
