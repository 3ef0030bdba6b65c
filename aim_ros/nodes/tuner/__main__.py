"""``python -m aim_ros.nodes.tuner``: the tuner without an installation."""

import sys

from aim_ros.nodes.tuner.cli import main

if __name__ == '__main__':
    sys.exit(main())
