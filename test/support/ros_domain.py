"""A ROS domain that no other tests on this machine are in."""

import fcntl
from pathlib import Path
import random
import tempfile
import time

# Above 101, Linux hands out the ports of Fast DDS to others.
DOMAINS = range(1, 101)
_DEADLINE = 600.0

_claims = []  # open files, locked until this process and those that inherit them have ended


def claims() -> list[int]:
    """
    Return the files by which domains are claimed, for processes in the domain to inherit.

    One that outlives a test which was killed would else be in the domain of the next one.
    """
    return [file.fileno() for file in _claims]


def claim_domain() -> int:
    """
    Return a ROS domain that is this process's alone among those that ask here, until it ends.

    A random one would meet another one's now and then: the tests would see each other's cameras.
    """
    order = random.SystemRandom().sample(DOMAINS, len(DOMAINS))
    deadline = time.monotonic() + _DEADLINE
    while time.monotonic() < deadline:
        for domain in order:
            path = Path(tempfile.gettempdir(), f'aim_ros_test_domain_{domain}.lock')
            file = path.open('a')
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
            else:
                _claims.append(file)
                return domain
        time.sleep(1.0)
    raise TimeoutError(f'all ROS domains are in use by tests for {_DEADLINE:g} s')
