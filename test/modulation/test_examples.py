import doctest
import importlib

import pytest


@pytest.mark.parametrize('name', [
    'control', 'focus_theory', 'gating', 'integration', 'noise', 'theory'])
def test_docstring_examples_run(name):
    module = importlib.import_module(f'aim_ros.modulation.{name}')
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
