"""How many of its own functions the package calls before it multiplies: shapes are derived once, not at every call."""

import importlib.util
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "benchmarks" / "timing" / "calls.py"


@pytest.fixture(scope="module")
def calls():
    spec = importlib.util.spec_from_file_location("kernelconv_calls", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


CODE = """
import numpy as np

def size(shape):
    return sum(n for n in shape)

def plan(shape):
    return (lambda n: n)(size(shape))

def product(a):
    np.einsum("ij,ij->i", a, a)
    plan(a.shape)
    b = {first}
    plan(a.shape)
    return b @ a

class Part:
    @property
    def shape(self):
        return size((1,))
"""


@pytest.fixture
def toy(tmp_path):
    def load(first="a @ a"):
        code, space = CODE.format(first=first), {"__name__": "toy"}
        exec(compile(code, str(tmp_path / "toy.py"), "exec"), space)
        return space

    return load


def test_functions_lambdas_properties_and_resumed_generators_are_counted(calls, toy, tmp_path):
    space = toy()
    found = calls.count_calls(lambda: space["plan"]((2, 3)), tmp_path)
    # a generator expression over two numbers is entered three times: for each of them, and for its end
    assert found.names == ["plan", "size", *["size.<locals>.<genexpr>"] * 3, "plan.<locals>.<lambda>"]
    assert found.before_product is None
    assert len(calls.count_calls(lambda: space["Part"]().shape, tmp_path).names) == 4
    assert found.most_frequent(1) == [("size.<locals>.<genexpr>", 3)]


@pytest.mark.parametrize("first", ["a @ a", "a.dot(a)", "np.matmul(a, a)", "np.tensordot(a, a, 1)", "np.add(a, a)"])
def test_the_first_matrix_product_is_found(calls, toy, tmp_path, first):
    import numpy as np

    space = toy(first)
    found = calls.count_calls(lambda: space["product"](np.eye(2)), tmp_path)
    assert len(found.names) == 13
    assert found.before_product == (13 if "add" in first else 7)  # neither the einsum nor the sum is one


def test_the_second_call_is_counted_and_a_tracer_put_back(calls, toy, tmp_path):
    space, done = toy(), []

    def function():
        if not done:
            space["plan"]((1, 2))
        done.append(space["size"](()))

    before = sys.gettrace()
    assert calls.count_calls(function, tmp_path).names == ["size", "size.<locals>.<genexpr>"]
    assert done == [0, 0]
    assert sys.gettrace() is before


def test_a_kernel_network_multiplies_within_eighty_calls(calls):
    found = calls.transform_calls()
    assert 5 < found.before_product <= 80, found.most_frequent()


def test_lenet_fits_within_three_hundred_calls_of_its_first_product(calls):
    found = calls.fit_calls()
    assert 5 < found.before_product <= 300, found.most_frequent()
