"""What the documentation lists is what the code has: parameters, arguments, keys, profiles."""

import ast
import importlib
from pathlib import Path
import re
from types import SimpleNamespace

import pytest
import yaml

from aim_ros.hazards.alerts import Alert
from aim_ros.hazards.alerts import AlertReport
from aim_ros.hazards.alerts import Level
from aim_ros.modulation import Modulation
from aim_ros.perception.alert_report import frame_statuses
from aim_ros.segmentation.labels import CITYSCAPES

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / 'README.md', *sorted((ROOT / 'docs').glob('*.md'))]


def section(page: str, heading: str) -> str:
    """Return the text below a heading, up to the next of its kind."""
    text = (ROOT / page).read_text()
    _, found, rest = text.partition(f'\n{heading}\n')
    assert found, f'{page} has no "{heading}"'
    return re.split(rf'^{heading.split()[0]} ', rest, flags=re.MULTILINE)[0]


def tables(text: str) -> list[list[list[str]]]:
    """Return the cells of the tables of a text, without their headings."""
    found = re.findall(r'^\|.*\|\n\|[-:| ]+\|\n((?:\|.*\|\n?)+)', text, re.MULTILINE)
    return [[[cell.strip() for cell in line.strip('|').split('|')] for line in table.splitlines()]
            for table in found]


def names(cell: str) -> list[str]:
    """Return the names in backticks; one that begins with a dot has the start of the first."""
    found = re.findall('`([^`]+)`', cell)
    start = found[0].rpartition('.')[0]
    return [start + name if name.startswith('.') else name for name in found]


def defaults(cell: str) -> list:
    """Return the values of a cell, without units; none for one in words."""
    parts = re.split(r', (?![^\[]*\])', cell.replace('`', '')) if cell else []
    values = [part if part.startswith('[') else part.split()[0] for part in parts]
    return [yaml.safe_load(value) for value in values]


def test_a_table_is_read_as_it_is_written():
    assert names('`a.b.top`, `.low`') == ['a.b.top', 'a.b.low']
    assert defaults('`[a, b]`') == [['a', 'b']]
    assert defaults('1.65 m, 0 rad, false') == [1.65, 0, False]


@pytest.fixture
def rows():
    pytest.importorskip('rclpy', reason='rclpy is not installed')
    table = importlib.import_module('aim_ros.nodes.segmentation.table')
    settings = importlib.import_module('aim_ros.nodes.replay.settings').ReplaySettings
    rows_of = importlib.import_module('aim_ros.nodes.parameter_row').rows_of
    own = table.camera_rows('<camera>', table.Mount(), 'raw')
    return {'Of the node `segmentation`': {row.name: row for row in (*table.TABLE, *own)},
            'Of the node `replay`': {
                row.name: row for row in rows_of(settings, read_only=True)}}


@pytest.mark.parametrize('node', ['segmentation', 'replay'])
def test_the_parameters_are_those_of_the_node(rows, node):
    heading = f'Of the node `{node}`'
    declared, listed = rows[heading], []
    found = tables(section('docs/parameters.md', f'## {heading}'))
    # Of the segmentation node, the first changes while it runs.
    for number, table in enumerate(found):
        fixed = number == len(found) - 1
        for cells in table:
            wanted = names(cells[0])
            if wanted[0].endswith('.*'):
                group = wanted.pop(0)[:-1]
                wanted += [name for name in declared if name.startswith(group)]
            listed += wanted
            assert set(wanted) <= declared.keys()
            assert {declared[name].read_only for name in wanted} == {fixed}, wanted
            if cells[1] == 'those of all':
                continue
            values = defaults(cells[1])
            if len(values) == 1:
                values *= len(wanted)
            for name, value in zip(wanted if values else (), values, strict=True):
                default = declared[name].default
                value = tuple(value) if isinstance(value, list) else value
                assert default == (value or '' if isinstance(default, str) else value), name
    assert sorted(listed) == sorted(declared)


def test_the_keys_of_the_alerts_are_those_that_go_out():
    alert = Alert(track_id=1, kind='pedestrian', level=Level.WARN, box=(1, 2, 3, 4), class_id=11,
                  area=9, confidence=1.0)
    perception = SimpleNamespace(
        report=AlertReport((alert,)), modulation=Modulation(),
        settings=SimpleNamespace(profile='neutral', revision=1), changed_share=0.0, ground=None,
        frame=SimpleNamespace(camera='camera', size=(96, 160)))
    # The node adds what it has measured.
    summary, road_user = frame_statuses(
        perception, CITYSCAPES, 'segmentation',
        {'capture_to_publish_ms': 0.0, 'receive_to_publish_ms': 0.0})
    keys = section('docs/alerts.md', '## Keys')
    assert sorted(re.findall('`([a-z_]+)`', keys.partition('Each road user')[0])) == sorted(
        summary.values)
    (table,) = tables(keys)
    assert sorted(name for cells in table for name in names(cells[0])) == sorted(road_user.values)


def declared_arguments() -> set[str]:
    """Return the launch arguments, read from their source: `launch` may be missing."""
    tree = ast.parse((ROOT / 'aim_ros/nodes/launching/arguments.py').read_text())
    calls = [call.args[0] for call in ast.walk(tree)
             if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
             and call.func.id in ('_argument', '_node_argument')]
    own = {name.value for name in calls if isinstance(name, ast.Constant)}
    # The replay's have a prefix in one of the two files.
    shared = {name.values[-1].value for name in calls if isinstance(name, ast.JoinedStr)}
    return own | {prefix + name for name in shared for prefix in ('', 'replay_')}


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_every_launch_argument_that_is_shown_exists(page):
    shown = set(re.findall('([a-z_]+):=', page.read_text()))
    assert shown - set(re.findall('-p ([a-z_]+):=', page.read_text())) <= declared_arguments()


def executables() -> set[str]:
    return set(re.findall(r"'(\w+) = aim_ros\.", (ROOT / 'setup.py').read_text()))


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_every_executable_and_file_that_a_command_names_exists(page):
    text = page.read_text()
    assert set(re.findall(r'ros2 run aim_ros (\w+)', text)) <= executables()
    for name in re.findall(r'ros2 launch aim_ros (\S+)', text):
        assert (ROOT / 'launch' / name.strip('`')).is_file()
    for module in re.findall(r'python -m (benchmarks\.\w+)', text):
        assert (ROOT / (module.replace('.', '/') + '.py')).is_file()
    for name in re.findall(r'pip install -r (?:src/aim_ros/)?(requirements[\w-]*\.txt)', text):
        assert (ROOT / name).is_file()
    for name, anchor in re.findall(r'\]\(([\w/.-]+\.md)(?:#([\w-]+))?\)', text):
        target = (page.parent / name)
        assert target.is_file()
        headings = re.findall('^#+ (.*)', target.read_text(), re.MULTILINE)
        anchors = [re.sub(r'[^\w -]', '', title.lower()).replace(' ', '-') for title in headings]
        assert not anchor or anchor in anchors


@pytest.mark.parametrize('page', ['README.md', 'docs/profiles.md'])
def test_the_driver_profiles_are_those_that_ship(page):
    shipped = yaml.safe_load((ROOT / 'config/profiles.yaml').read_text())['profiles']
    table = next(table for table in tables((ROOT / page).read_text())
                 if table[0][0] == '`neutral`')
    found = {}
    for name, more, less, _ in table:
        roles = ({role.replace('-', '_') for role in cell.split(', ') if cell}
                 for cell in (more, less))
        found[name.strip('`')] = tuple(roles)
    wanted = {}
    for name, profile in shipped.items():
        focus = profile.get('focus', {})
        wanted[name] = (set(focus.get('classes', ())), set(focus.get('suppress_classes', ())))
    assert found == wanted
