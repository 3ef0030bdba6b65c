"""``python -m aim_ros.training``."""

import sys

from aim_ros.training.cli import main

if __name__ == '__main__':
    sys.exit(main())
