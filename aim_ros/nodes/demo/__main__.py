"""``python -m aim_ros.nodes.demo``: the demo without an installation."""

import sys

from aim_ros.nodes.demo.cli import main

if __name__ == '__main__':
    sys.exit(main())
