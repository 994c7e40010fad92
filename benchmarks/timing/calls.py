"""Count the package's own Python calls: what a small array waits for before any arithmetic begins.

    python benchmarks/timing/calls.py                                      (PYTHONPATH=FOLDER counts another checkout's)

A call is an entry of Python into a function of the package: functions, properties, lambdas, comprehensions, and
generator expressions each time that they are resumed (what sys.setprofile reports as "call"). The function that is
counted runs once before, so that what is kept from call to call is there; one block of images, one thread.

The first matrix product is the first `@`, `matmul`, `dot` or `tensordot` that the package's own code comes to, found by
watching its opcodes. An einsum is not one (here it sums squares), nor is what other libraries multiply inside.
"""

import argparse
import dis
import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

import kernelconv
from kernelconv import ConvKernelNetwork, ConvNetClassifier

PACKAGE = Path(kernelconv.__file__).parent
PRODUCTS = {"matmul", "dot", "tensordot"}
LOOK_UPS = {"LOAD_ATTR", "LOAD_METHOD", "LOAD_GLOBAL", "LOAD_NAME"}


@dataclass
class Calls:
    """The functions that were called, in order, and how many of them before the first matrix product (None: none)."""

    names: list[str] = field(default_factory=list)
    before_product: int | None = None

    def most_frequent(self, n=8, *, before_product=True):
        """Return the names called most often, with their numbers."""
        return Counter(self.names[: self.before_product] if before_product else self.names).most_common(n)


def count_calls(function, folder=PACKAGE):
    """Call `function` twice and return the `Calls` of the second time, of functions whose files lie in `folder`."""
    function()
    calls, inside = Calls(), f"{folder}/"

    def trace(frame, event, argument):
        if event == "call" and frame.f_code.co_filename.startswith(inside):
            calls.names.append(frame.f_code.co_qualname)
            if calls.before_product is None and _products(frame.f_code):
                frame.f_trace_lines, frame.f_trace_opcodes = False, True
                return watch
        return None

    def watch(frame, event, argument):
        if event == "opcode" and calls.before_product is None and frame.f_lasti in _products(frame.f_code):
            calls.before_product = len(calls.names)
        return watch if calls.before_product is None else None

    outside = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(outside)
    return calls


@cache
def _products(code):
    """Return the offsets of the instructions of `code` that multiply matrices, or look up a function that does."""
    return {
        i.offset
        for i in dis.get_instructions(code)
        if (i.opname == "BINARY_OP" and i.argrepr.startswith("@")) or (i.opname in LOOK_UPS and i.argval in PRODUCTS)
    }


def images(n=8):
    """Return n images of 28 x 28 pixels, few enough for one block."""
    return np.random.default_rng(0).standard_normal((n, 28, 28)).astype(np.float32)


def transform_calls():
    """Return the calls of ``transform`` of a kernel network of two layers."""
    x = images()
    ckn = ConvKernelNetwork((16, 32), 3, 2, n_patches=500, random_state=0, n_jobs=1).fit(x)
    return count_calls(lambda: ckn.transform(x))


def fit_calls():
    """Return the calls of ``fit`` of the wide LeNet, one epoch of one step."""
    x = images(20)
    classifier = ConvNetClassifier("wide_lenet", epochs=1, random_state=0, n_jobs=1)
    return count_calls(lambda: classifier.fit(x, np.arange(20) % 10))


COUNTED = {"ckn.transform, two layers": transform_calls, "lenet.fit": fit_calls}


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--json", type=Path, help="write the figures to this file")
    options = options.parse_args()
    found = {}
    for name, counted in COUNTED.items():
        calls = counted()
        found[name] = {"before_first_product": calls.before_product, "all": len(calls.names)}
        print(f"{name}: {calls.before_product} calls before the first matrix product, {len(calls.names)} in all")
        for called, n in calls.most_frequent():
            print(f"    {n:5}  {called}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
