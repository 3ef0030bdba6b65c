"""``python -m aim_ros.experiments``: the commands without an installation."""

import sys

from aim_ros.experiments.cli import main

if __name__ == '__main__':
    sys.exit(main())
