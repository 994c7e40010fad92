"""First hours with the library, written from its pages alone, run in an empty folder without data sets."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

import kernelconv

HOURS = sorted(Path(__file__).with_name("first_hours").glob("*.py"))
#: Those that need more than the test extra.
NEEDS = {"torch_stability": "torch"}


@pytest.mark.parametrize("script", HOURS, ids=lambda path: path.stem)
def test_a_first_hour_ends_well(script, tmp_path):
    if os.environ.get("KERNELCONV_SLOW") != "1":
        pytest.skip("up to half a minute each: KERNELCONV_SLOW=1 runs it")
    if script.stem in NEEDS and importlib.util.find_spec(NEEDS[script.stem]) is None:
        pytest.skip(f"needs {NEEDS[script.stem]}")
    environment = {name: value for name, value in os.environ.items() if name != "KERNELCONV_DATA"}
    places = [str(Path(kernelconv.__file__).parents[1]), *filter(None, [environment.get("PYTHONPATH")])]
    environment |= {"MPLBACKEND": "Agg", "PYTHONPATH": os.pathsep.join(places)}
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_are_four():
    assert [path.stem for path in HOURS] == ["kymatio_user", "own_photographs", "teacher", "torch_stability"]
    assert set(NEEDS) <= {path.stem for path in HOURS}
