"""How fast aim_ros is, beside the plain recipe: ``python -m benchmarks.decode`` and so on."""

import os

from aim_ros.openmp import yield_while_waiting

# As the node does it; each benchmark imports torch at once.
yield_while_waiting(os.environ)
