"""``ros2 run aim_ros export``, and ``python -m aim_ros.deployment`` without an installation."""

from collections.abc import Sequence
import os
import sys

from aim_ros.interruption import interruptible
from aim_ros.openmp import yield_while_waiting


def main(args: Sequence[str] | None = None) -> int:
    """Write a network as ONNX; return the exit code."""
    yield_while_waiting(os.environ)

    def work() -> int:
        # Imports torch.
        from aim_ros.deployment import export
        return export.main(args)

    return interruptible('export', work)


if __name__ == '__main__':
    sys.exit(main())
