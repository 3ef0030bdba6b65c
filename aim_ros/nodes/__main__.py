"""
Where the executables start: the signals first, then what takes seconds to import.

``python -m aim_ros.nodes segmentation|replay`` runs them without an installation.
"""

import os
import sys

from aim_ros.nodes.command_line import NodeParser
from aim_ros.nodes.process import ignore_signals
from aim_ros.nodes.process import stop_on_signals
from aim_ros.openmp import yield_while_waiting


def segmentation(args: list[str] | None = None) -> int:
    """Run the segmentation node until a signal ends it; return the exit code."""
    parser = NodeParser(
        'segmentation', 'Perceive the images of cameras: masks and safety alerts, under a driver '
        'profile.\nTopics: README; parameters: docs/parameters.md, or ros2 param describe.',
        'ros2 run aim_ros segmentation --ros-args -p driver_profile:=city '
        '-r camera/image:=/front/image_raw',
        'ros2 run aim_ros segmentation --ros-args --params-file config/perception.yaml')
    parser.add_argument('--exit-on-failure', action='store_true', help=(
        'end with code 1 where the node cannot start by itself, instead of waiting until that is '
        'mended'))
    given, ros = parser.parse(args)
    stop = stop_on_signals()
    yield_while_waiting(os.environ)
    with stop.at_once():
        from aim_ros.nodes.segmentation.run import run_segmentation
    try:
        return run_segmentation(ros, stop, given.exit_on_failure)
    finally:
        ignore_signals()


def replay(args: list[str] | None = None) -> int:
    """Run the replay node until its source or a signal ends it; return the exit code."""
    _, ros = NodeParser(
        'replay', 'Play a drive, a recording or a folder of images as a camera.\nParameters: '
        'docs/parameters.md, or ros2 param describe.',
        'ros2 run aim_ros replay --ros-args -p source:=street -p loop:=true',
        'ros2 run aim_ros replay --ros-args -p source:=/data/drive_0005 -p rate:=0.5',
    ).parse(args)
    stop = stop_on_signals()
    with stop.at_once():
        from aim_ros.nodes.replay.run import run_replay
    try:
        return run_replay(ros, stop)
    finally:
        ignore_signals()


EXECUTABLES = {'segmentation': segmentation, 'replay': replay}

if __name__ == '__main__':
    if len(sys.argv) < 2 or sys.argv[1] not in EXECUTABLES:
        sys.exit(f'usage: python -m aim_ros.nodes {"|".join(EXECUTABLES)} [--ros-args ...]')
    name = sys.argv.pop(1)
    sys.exit(EXECUTABLES[name]())
