import os
import platform
import subprocess
import sys

import pytest

FREED = """
import resource, sys
import numpy as np
from aim_ros.perception.memory import keep_freed_memory
kept = keep_freed_memory() if sys.argv[1] == 'keep' else None
assert kept in (True, None), kept
for _ in range(2):
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        np.ones(50_000_000, np.uint8)
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults
print(faults)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='the C library is not glibc')
def test_what_is_freed_is_not_mapped_again():
    """The setting is for a whole process, so it is tried in others."""
    faults = {}
    for how in ('keep', 'default'):
        result = subprocess.run(
            [sys.executable, '-c', FREED, how], capture_output=True, text=True, check=True,
            env={**os.environ, 'PYTHONPATH': os.getcwd()})
        faults[how] = int(result.stdout)
    assert faults['keep'] < 100
    # Ten times 50 MB in pages of 4 KB, or in huge pages of 2 MB.
    assert faults['default'] >= 2 * faults['keep'] + 200
