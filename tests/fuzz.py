"""Odd calls of the public API, each judged by what is promised for it: ``python tests/fuzz.py --n 10000 --seed 1``."""

import argparse
import resource
import sys
import time

from fuzzing.arrays import SKIPPED
from fuzzing.runner import case_of, run, sandbox, verdict_of
from fuzzing.targets import TARGETS

#: Bytes of address space.
MEMORY = 16 * 2**30


def main() -> int:
    """Run the calls asked for; return 1 if one broke a promise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--n", type=int, default=500, help="calls")
    parser.add_argument("--only", default="", metavar="WORDS", help="targets whose name holds these words")
    parser.add_argument("--call", type=int, help="this call of the seed alone, with the traceback of its error")
    options = parser.parse_args()
    targets = [target for target in TARGETS if options.only in target.name]
    # a call that asks for more fails at once, in place of this machine
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for reason in SKIPPED.values():
        print(f"left out: {reason}")
    if options.call is not None:
        with sandbox():
            case = case_of(options.seed, options.call, targets)
            verdict = verdict_of(case)
        print(f"{case}\n{verdict}")
        return verdict.startswith("FAILED")
    start = time.perf_counter()
    tally = run(options.seed, range(options.n), targets)
    print(tally)
    print(f"{time.perf_counter() - start:7.1f}  s")
    return bool(tally.failures)


if __name__ == "__main__":
    sys.exit(main())
