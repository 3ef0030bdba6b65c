"""Every executable explains itself, and leaves no argument unnoticed."""

import ast
import os
from pathlib import Path
import subprocess
import sys

from deadline import DEADLINE
import pytest

from aim_ros.nodes.command_line import NodeParser
from aim_ros.nodes.command_line import split_ros_arguments

ROOT = Path(__file__).resolve().parents[2]


def entry_points() -> dict[str, str]:
    """Return the executables of setup.py, each with its function."""
    for node in ast.walk(ast.parse((ROOT / 'setup.py').read_text())):
        if isinstance(node, ast.keyword) and node.arg == 'entry_points':
            scripts = ast.literal_eval(node.value)['console_scripts']
            return dict(map(str.strip, script.split('=')) for script in scripts)
    raise LookupError('setup.py has no entry points')


EXECUTABLES = entry_points()
NODES = ('segmentation', 'replay', 'alert_listener', 'demo', 'tuner')
WRONG = dict.fromkeys(EXECUTABLES, 2) | {
    # Here 2 is that a part was done.
    'process_bag': 1, 'kitti_to_bag': 1}


def run(name: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    module, function = EXECUTABLES[name].split(':')
    return subprocess.run(
        [sys.executable, '-c', f'import sys; sys.argv[0] = {name!r}; '
         f'from {module} import {function}; sys.exit({function}())', *arguments],
        cwd=folder, capture_output=True, text=True, timeout=DEADLINE, check=False,
        env={**os.environ, 'PYTHONPATH': str(ROOT)})


@pytest.mark.parametrize('name', EXECUTABLES)
def test_help_has_an_example(name, tmp_path):
    ended = run(name, tmp_path, '--help')
    assert ended.returncode == 0, ended.stderr
    assert 'example' in ended.stdout
    assert name in ended.stdout.partition('example')[2]
    assert 'Traceback' not in ended.stderr


@pytest.mark.parametrize('name', EXECUTABLES)
def test_an_unknown_argument_is_named_in_a_sentence(name, tmp_path):
    required = {'process_bag': ['drive', '--out', 'there'], 'kitti_to_bag': ['drive', 'there'],
                'experiments': ['segmentation', '--data', 'there'],
                'train': ['evaluate', 'folder']}
    ended = run(name, tmp_path, *required.get(name, []), '--no-such-option')
    assert ended.returncode == WRONG[name], ended.stderr
    assert '--no-such-option' in ended.stderr
    assert 'Traceback' not in ended.stderr


@pytest.mark.parametrize('name', NODES)
def test_ros_arguments_are_passed_on(name, tmp_path):
    # What rclpy says of a rule that is none, and nobody else.
    ended = run(name, tmp_path, '--ros-args', '-r', 'neither:=a:=rule')
    assert ended.returncode == 1, ended.stderr
    assert 'neither:=a:=rule' in ended.stdout + ended.stderr
    assert 'Traceback' not in ended.stderr


@pytest.mark.parametrize('name', NODES)
def test_a_parameter_without_ros_args_is_answered_with_where_it_belongs(name, tmp_path):
    ended = run(name, tmp_path, 'driver_profile:=city')
    assert ended.returncode == 2
    assert ended.stderr == (
        f'{name}: unrecognized arguments: driver_profile:=city; parameters and remappings follow '
        f'--ros-args, as in --ros-args -p driver_profile:=city; see {name} --help\n')


@pytest.mark.parametrize(('line', 'own', 'ros'), [
    ('', '', ''),
    ('-a b', '-a b', ''),
    ('-a --ros-args -p b:=c', '-a', '--ros-args -p b:=c'),
    ('--ros-args -p b:=c -- -a', '-a', '--ros-args -p b:=c --'),
    ('--ros-args -p b:=c -- -a --ros-args -r d:=e', '-a',
     '--ros-args -p b:=c -- --ros-args -r d:=e'),
    ('-a -- b', '-a -- b', ''),
])
def test_arguments_of_ros_are_parted_from_the_others(line, own, ros):
    assert split_ros_arguments(line.split()) == (own.split(), ros.split())


def test_options_may_stand_on_either_side():
    parser = NodeParser('it', 'Does it.', 'ros2 run it')
    parser.add_argument('--number', type=int)
    given, ros = parser.parse(['--ros-args', '-r', 'a:=b', '--', '--number', '7'])
    assert given.number == 7
    assert ros == ['--ros-args', '-r', 'a:=b', '--']
