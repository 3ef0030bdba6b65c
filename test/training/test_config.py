import ast
from dataclasses import fields
from dataclasses import is_dataclass
import inspect
import os
from pathlib import Path

import odd_values
import pytest

from aim_ros.training import config

SETTINGS = [kind for _, kind in inspect.getmembers(config, is_dataclass)]
READ = {node.attr for path in Path(config.__file__).parent.glob('*.py')
        for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}


@pytest.mark.parametrize('kind', SETTINGS, ids=lambda kind: kind.__name__)
def test_every_setting_is_read_by_something(kind):
    assert not [setting.name for setting in fields(kind) if setting.name not in READ]


@pytest.mark.parametrize('where', ['{}', 'train: {}', 'data: {}', 'train: {{steps: {}}}',
                                   'augment: {{crop: {}}}', 'base: {}'])
@pytest.mark.parametrize('value', odd_values.YAML.values(), ids=odd_values.YAML)
def test_a_file_that_no_program_should_go_on_with_is_refused(tmp_path, value, where):
    path = tmp_path / 'settings.yaml'
    path.write_text(where.format(value))
    with pytest.raises(ValueError, match=str(path)) as caught:
        config.load(path)
    assert len(str(caught.value)) < 600


def test_a_file_that_is_no_text_or_no_file_is_refused(tmp_path):
    path = tmp_path / 'settings.yaml'
    path.write_bytes(b'\xff\xfe\xfd')
    with pytest.raises(ValueError, match=rf'^{path} is no YAML: .*utf-8'):
        config.load(path)
    os.mkfifo(tmp_path / 'pipe')
    with pytest.raises(OSError, match='it is a pipe, a device or a socket'):
        config.load(tmp_path / 'pipe')


@pytest.mark.parametrize('value', odd_values.YAML.values(), ids=odd_values.YAML)
def test_a_value_of_the_command_line_that_is_odd_is_refused(tmp_path, value):
    path = tmp_path / 'settings.yaml'
    path.write_text('data: {root: here, sources: []}')
    with pytest.raises(ValueError, match=r'train\.steps') as caught:
        config.load(path, [f'train.steps={value}'])
    assert len(str(caught.value)) < 600
    with pytest.raises(ValueError, match='and no table'):
        config.load(path, ['data.root.there=1'])


def test_files_that_are_each_others_base_are_refused(tmp_path):
    for name, base in (('a', 'b'), ('b', 'a'), ('c', 'c')):
        (tmp_path / f'{name}.yaml').write_text(f'base: {base}.yaml')
        if name != 'a':
            with pytest.raises(ValueError, match=f'{name}.yaml is its own base'):
                config.load(tmp_path / f'{name}.yaml')
