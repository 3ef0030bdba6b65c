"""
Where the executables start: the signals first, then what takes seconds to import.

``python -m aim_ros.nodes segmentation|replay`` runs them without an installation.
"""

from collections.abc import MutableMapping
import os
import sys

from aim_ros.nodes.process import ignore_signals
from aim_ros.nodes.process import stop_on_signals

_SPIN_COUNT = '1000'
"""
How often libgomp's threads look for work before they sleep.

By default for milliseconds, in which they hold the cores that the rest of the vehicle, and the
thread that they wait for, could use: beside one busy process most frames are lost
(``benchmarks/contention.py``).
"""


def segmentation(args: list[str] | None = None) -> int:
    """Run the segmentation node until a signal ends it; return the exit code."""
    stop = stop_on_signals()
    yield_while_waiting(os.environ)
    from aim_ros.nodes.segmentation.node import run_segmentation
    try:
        return run_segmentation(args, stop)
    finally:
        ignore_signals()


def replay(args: list[str] | None = None) -> int:
    """Run the replay node until its source or a signal ends it; return the exit code."""
    stop = stop_on_signals()
    from aim_ros.nodes.replay.node import run_replay
    try:
        return run_replay(args, stop)
    finally:
        ignore_signals()


def yield_while_waiting(environment: MutableMapping[str, str]) -> None:
    """
    Keep OpenMP's threads from spinning long, unless the user decided; before torch is loaded.

    :param environment: of the process, which libgomp reads when it is loaded.
    """
    if not {'OMP_WAIT_POLICY', 'GOMP_SPINCOUNT'} & environment.keys():
        environment['GOMP_SPINCOUNT'] = _SPIN_COUNT


EXECUTABLES = {'segmentation': segmentation, 'replay': replay}

if __name__ == '__main__':
    if len(sys.argv) < 2 or sys.argv[1] not in EXECUTABLES:
        sys.exit(f'usage: python -m aim_ros.nodes {"|".join(EXECUTABLES)} [--ros-args ...]')
    name = sys.argv.pop(1)
    sys.exit(EXECUTABLES[name]())
