"""Pauses in tests, by which those are found whose verdict hangs on how fast they are."""

import os
import threading

PAUSE = float(os.environ.get('AIM_ROS_TEST_PAUSE', '0'))
"""Seconds; `tools/run_tests.py --pause` sets them."""


def pause() -> None:
    """Wait as long as a test may be kept from its core; by default not at all."""
    if PAUSE:
        threading.Event().wait(PAUSE)
