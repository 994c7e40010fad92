"""Write README's MNIST table from the committed results, so that no figure in it is typed by hand.

The results come from the command that the table names; --check changes nothing and fails where README differs.
"""

import argparse
import json
import re
from pathlib import Path

from kernelconv.report import summary_rows

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks/results/compare-mnist/results.json"
TABLE = re.compile(r"(<!-- table: .*? -->\n).*?(<!-- end of table -->)", re.DOTALL)


def table(results: dict) -> str:
    """Return the table as Markdown, one line a model and training size."""
    environment, settings = results["environment"], results["settings"]
    lines = [
        "",
        "| training images | model | test error, % | features | params | fit, s | images/s | relative change |",
        "|---:|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in summary_rows(results):
        change = next(c["mean"] for c in row["relative_change"] if c["strength"] == 0.2)
        params = "" if row["n_params"] is None else f"{row['n_params']:,}"
        lines.append(
            f"| {row['train_size']:,} | {row['model']} | {row['error']:.2f} ± {row['standard_error']:.2f} "
            f"| {row['n_features']:,} | {params} | {row['fit_seconds']:.1f} | {row['images_per_second']:,.0f} "
            f"| {change:.3f} |"
        )
    lines += [
        "",
        f"Mean ± standard error over {len(settings['seeds'])} class-balanced draws, all {settings['n_test']:,} test "
        f"images; penalties and dimensions chosen on training images alone, "
        f"architectures fixed; {environment['cores']} cores, NumPy "
        f"{environment['numpy']}. Relative change: ‖Φ(L_τ x) − Φ(x)‖ / ‖Φ(x)‖ for smooth random fields whose Jacobian "
        "norm is 0.2. Regenerate: "
        "`kernelconv compare --data mnist --train-sizes 300 1000 --seeds 3 --out benchmarks/results/compare-mnist`.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--check", action="store_true", help="fail where README differs from the results")
    check = options.parse_args().check
    readme = ROOT / "README.md"
    before = readme.read_text(encoding="utf-8")
    text = table(json.loads(RESULTS.read_text(encoding="utf-8")))
    after = TABLE.sub(lambda m: m[1] + text + m[2], before)
    if check and after != before:
        raise SystemExit("README.md differs from benchmarks/results: run python benchmarks/readme_table.py")
    readme.write_text(after, encoding="utf-8")


if __name__ == "__main__":
    main()
