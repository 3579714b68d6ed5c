import doctest
import importlib
import pkgutil
from importlib.util import find_spec
from pathlib import Path

import pytest

import arrowdsl
import flight_client
import flight_server

MODULES = [
    module.name
    for package in (arrowdsl, flight_client, flight_server)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if ">>>" in Path(find_spec(module.name).origin).read_text(encoding="utf-8")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_are_true(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0
