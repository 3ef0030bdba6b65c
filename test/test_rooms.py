"""Imports run downward only, between the rooms of the package and between the files of a room."""

import ast
from graphlib import CycleError
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / 'aim_ros'

# From the lowest on; rooms of one floor do not import each other.
FLOORS = (
    {'interruption', 'openmp', 'outputs', 'plain_data', 'resources'},
    {'modulation', 'imaging'},
    {'segmentation', 'decoding'},
    {'hazards', 'street'},
    {'perception', 'media'},
    {'experiments', 'deployment'},
    {'recordings'},
    {'nodes', 'training'},
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}

ROS = ('rclpy', 'launch', 'ament_index_python', 'cv_bridge', '_msgs', '_srvs', 'rcl_interfaces',
       'builtin_interfaces')
INDEX = ('aim_ros.resources', 'ament_index_python')
"""Where installed packages lie is looked up in files, and without ROS not at all."""


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix('').parts
    return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


SOURCES = {module_name(path): path for path in sorted(PACKAGE.rglob('*.py'))}


def imports(path: Path):
    """Yield the full name of everything that a file imports, also within functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'{path}: relative import'
            yield from (f'{node.module}.{name.name}' for name in node.names)


def module_of(name: str) -> str | None:
    """Return the module of this package that an imported name is, or stands in."""
    while name.startswith('aim_ros'):
        if name in SOURCES:
            return name
        name = name.rpartition('.')[0]
    return None


def room_of(module: str) -> str:
    return module.split('.')[1]


MODULES = [name for name in SOURCES if name != 'aim_ros']


@pytest.mark.parametrize('module', MODULES)
def test_a_file_imports_from_its_own_room_and_from_lower_floors_only(module):
    room = room_of(module)
    for name in imports(SOURCES[module]):
        target = module_of(name)
        if target in (None, 'aim_ros') or room_of(target) == room:
            continue
        assert FLOOR[room_of(target)] < FLOOR[room], f'{module} imports {name}'


@pytest.mark.parametrize('module', [m for m in MODULES if room_of(m) != 'nodes'])
def test_only_the_nodes_know_ros(module):
    for name in imports(SOURCES[module]):
        top = name.partition('.')[0]
        if (module, top) == INDEX:
            continue
        assert not any(top == ros or top.endswith(ros) for ros in ROS), f'{module} imports {name}'


def test_no_files_import_each_other_in_a_circle():
    graph = {}
    for module, path in SOURCES.items():
        targets = {module_of(name) for name in imports(path)}
        graph[module] = {target for target in targets if target not in (None, module)}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail('imports in a circle: ' + ' <- '.join(error.args[1]))


def test_every_room_has_a_floor():
    assert {room_of(module) for module in MODULES} == set(FLOOR)
