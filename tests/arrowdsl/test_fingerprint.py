"""A digest is equal for equal plans, and different for plans whose rows may differ."""

import importlib
import subprocess
import sys

import pyarrow as pa
import pytest

from arrowdsl.compute.expr import Call, Column, Literal
from arrowdsl.plan.fingerprint import digest
from arrowdsl.plan.nodes import Kernel, KernelFunction, Scan

SCAN = Scan("t")


def kernel(**options):
    return Kernel(
        SCAN, KernelFunction(**{"name": "k", "version": 1, "apply": pa.Table.from_batches, "needs": ("a",), **options})
    )


def equals(value):
    return SCAN.where(Call("=", (Column("a"), Literal(value))))


PLANS = [
    SCAN,
    Scan("u"),
    SCAN.select("a", "b"),
    SCAN.select("b", "a"),
    SCAN.select("ab"),
    SCAN.select(a=Column("b")),
    *(equals(value) for value in (1, 1.0, True, "1", None)),
    SCAN.order_by("a"),
    SCAN.order_by(("a", "descending")),
    kernel(),
    kernel(version=2),
    kernel(needs=("b",)),
    kernel(apply=digest),
    kernel(passes=frozenset({"a", "b"})),
]


def test_no_two_of_these_plans_have_one_digest():
    assert len({digest(plan) for plan in PLANS}) == len(PLANS)


@pytest.mark.parametrize("number", range(len(PLANS)))
def test_a_plan_made_again_has_its_digest(number):
    again = kernel(passes=frozenset({"b", "a"})) if number == len(PLANS) - 1 else PLANS[number]
    assert digest(again) == digest(PLANS[number])


def test_it_is_the_same_in_another_process():
    code = "from arrowdsl.plan.fingerprint import digest; from arrowdsl.plan.nodes import Scan;"
    code += "print(digest(Scan('t').select('a'), frozenset('abc'), {'k': 1}))"
    found = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout for _ in "12"
    }
    assert found == {digest(SCAN.select("a"), frozenset("abc"), {"k": 1}) + "\n"}


def test_a_kernel_counts_by_the_modules_that_its_own_uses(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    found = []
    for package, factor in (("first_kernels", 1), ("second_kernels", 1), ("third_kernels", 2)):
        folder = tmp_path / package
        folder.mkdir()
        (folder / "__init__.py").touch()
        (folder / "numeric.py").write_text(f"def scaled(table):\n    return {factor} * table\n")
        (folder / "steps.py").write_text("from .numeric import scaled\n\ndef apply(table):\n    return scaled(table)\n")
        found.append(digest(kernel(apply=importlib.import_module(f"{package}.steps").apply)))
    assert found[0] == found[1] != found[2]
