"""Give committed rows today's digest where only names changed: of a class, of a parameter, of a choice.

    python benchmarks/redigest.py

A digest is of the settings as they are written, so a row whose settings have a new name looks like another experiment.
This command runs four cells again, compares their errors with those of results.csv, digit by digit as they are printed
there, and only then writes today's digest into every row that has another. Where an error differs, or a row
belongs to no cell of today's plan, it says which and changes nothing.
"""

import argparse
from pathlib import Path

from objective import Cell, digest, evaluate
from representations import rivals
from run import RESULTS, as_csv, by_key, listed, printed, read_rows, told

from kernelconv._files import write_atomically

#: Scattering, a kernel network and two CNNs: a change of more than names would show in one of them.
CHECKED = tuple(Cell(model, 300, 0) for model in ("scattering_affine", "ckn_gradient", "lenet", "resnet"))


def redigest(folder, data, checked=CHECKED):
    """Write today's digests into FOLDER/results.csv and return the keys of the rows that had another.

    Raises
    ------
    SystemExit
        If a row belongs to no cell of today's plan, or one of `checked` has no row there, or another error than its
        row; nothing is changed then.
    """
    rows, cells = read_rows(folder / "results.csv"), by_key(data)
    unknown = [key for key in rows if key not in cells]
    if unknown:
        raise SystemExit(f"Nothing is changed: today's plan has no cell for {listed(unknown)}.")
    today = {key: digest(data, rivals()[key[0]], cells[key]) for key in rows}
    changed = [key for key, row in rows.items() if row["digest"] != today[key]]
    if changed:
        check(rows, data, checked)
        found = [{**row, "digest": today[key]} for key, row in rows.items()]
        write_atomically(folder / "results.csv", as_csv(found, RESULTS))
    return changed


def check(rows, data, cells):
    """Run `cells` again and raise SystemExit where one has another error than its row among `rows`."""
    missing = [key for c in cells if (key := (c.model, c.size, c.seed)) not in rows]
    if missing:
        raise SystemExit(f"Nothing is changed: there is no row to compare with for {listed(missing)}.")
    wrong = []
    for cell in cells:
        record = evaluate(data, rivals()[cell.model], cell)
        print(told(record, rows), flush=True)
        before = rows[cell.model, cell.size, cell.seed]["error"]
        if printed(record["error"]) != before:
            wrong.append(f"{cell.model} {cell.size}, draw {cell.seed}: {printed(record['error'])}, not {before}")
    if wrong:
        raise SystemExit(f"Nothing is changed: more than names differs from what made these rows. {'; '.join(wrong)}.")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="mnist", choices=["mnist", "digits"])
    parser.add_argument("--out", type=Path, help="folder of results.csv (default: the committed one)")
    args = parser.parse_args()
    changed = redigest(args.out or Path(__file__).parent / "results" / args.data, args.data)
    print(f"{len(changed)} rows have a new digest" + (f": {listed(changed)}" if changed else ""))


if __name__ == "__main__":
    main()
