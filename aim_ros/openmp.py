"""How the threads of OpenMP, which torch computes with, wait for work."""

from collections.abc import MutableMapping

VARIABLES = ('OMP_WAIT_POLICY', 'GOMP_SPINCOUNT')
"""Those of the environment by which a user says how the threads wait."""

_SPIN_COUNT = '1000'
"""
How often libgomp's threads look for work before they sleep.

By default for milliseconds, in which they hold the cores that the rest of the vehicle, and the
thread that they wait for, could use: beside one busy process most frames are lost
(``benchmarks/contention.py``).
"""


def yield_while_waiting(environment: MutableMapping[str, str]) -> None:
    """
    Keep OpenMP's threads from spinning long, unless the user decided.

    To be called by whatever starts a process that computes, before torch is imported.

    :param environment: of the process, which libgomp reads when it is loaded.
    """
    if not environment.keys() & set(VARIABLES):
        environment['GOMP_SPINCOUNT'] = _SPIN_COUNT
