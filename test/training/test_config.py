import ast
from dataclasses import fields
from dataclasses import is_dataclass
import inspect
from pathlib import Path

import pytest

from aim_ros.training import config

SETTINGS = [kind for _, kind in inspect.getmembers(config, is_dataclass)]
READ = {node.attr for path in Path(config.__file__).parent.glob('*.py')
        for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}


@pytest.mark.parametrize('kind', SETTINGS, ids=lambda kind: kind.__name__)
def test_every_setting_is_read_by_something(kind):
    assert not [setting.name for setting in fields(kind) if setting.name not in READ]
