"""``python -m aim_ros.nodes segmentation|replay``: the executables without an installation."""

import sys

from aim_ros.nodes import entry_points

EXECUTABLES = {'segmentation': entry_points.segmentation, 'replay': entry_points.replay}

if __name__ == '__main__':
    if len(sys.argv) < 2 or sys.argv[1] not in EXECUTABLES:
        sys.exit(f'usage: python -m aim_ros.nodes {"|".join(EXECUTABLES)} [--ros-args ...]')
    name = sys.argv.pop(1)
    sys.exit(EXECUTABLES[name]())
