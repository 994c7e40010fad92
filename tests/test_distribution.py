"""Wheel and sdist: what they hold, and that both install and work in an empty environment (slow)."""

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SLOW = pytest.mark.skipif("KERNELCONV_SLOW" not in os.environ, reason="makes environments: set KERNELCONV_SLOW=1")


def run(*command, **options):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def distributions(tmp_path_factory):
    """Return the wheel and the sdist of a copy of the project."""
    pytest.importorskip("build", reason="pip install build")
    place = tmp_path_factory.mktemp("distributions")
    run("git", "clone", "-q", ROOT, place / "source")
    run(sys.executable, "-m", "build", "--outdir", place, place / "source")
    return next(place.glob("*.whl")), next(place.glob("*.tar.gz"))


@SLOW
def test_they_hold_the_package_alone(distributions):
    wheel, sdist = distributions
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.split("/")[0] for name in names} == {"kernelconv", wheel.name.split("-py3")[0] + ".dist-info"}
    assert {"kernelconv/py.typed", "kernelconv/report/published.csv", "kernelconv/report/templates/page.html"} <= names
    inside = {name.partition("/")[2] for name in tarfile.open(sdist).getnames()}
    assert {"README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff", "pyproject.toml"} <= inside
    assert not [name for name in inside if re.match(r"(tests|docs|benchmarks|examples)/", name)]


@SLOW
@pytest.mark.parametrize("which", [0, 1], ids=["wheel", "sdist"])
def test_they_install_and_work_in_an_empty_environment(distributions, which, tmp_path):
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    bare = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    run(tmp_path / "venv/bin/pip", "install", "-q", distributions[which], env=bare)
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "empty").mkdir()
    out = run(tmp_path / "venv/bin/python", "-c", code, cwd=tmp_path / "empty", env=bare)
    assert "relative_change" in out
    assert "numpy" in run(tmp_path / "venv/bin/kernelconv", "info", cwd=tmp_path / "empty", env=bare)
