"""What happens at each crossing: the driver stops, somebody crosses, the light turns green.

One crossing every `PERIOD` seconds, all alike in time; `tau` is the time since the moment at which
the crossing pedestrian is in the middle of the driver's lane.
"""

PERIOD = 16.0

_BRAKE, _STOP, _START, _CRUISE = -3.6, -0.4, 2.6, 7.1
_AMBER, _RED, _READY, _GREEN = -5.2, -3.9, 1.9, 2.5


def block_length(speed: float) -> float:
    """Return the metres between crossings for a driver who goes at `speed` m/s between them."""
    return _travel(PERIOD / 2, speed) - _travel(-PERIOD / 2, speed)


def travelled(time: float, speed: float) -> float:
    """Return the driver's way in metres; 0 where he waits at the crossing of time 0."""
    block = (time + PERIOD / 2) // PERIOD
    return block * block_length(speed) + _travel(time - block * PERIOD, speed)


def signal_phase(tau: float) -> str:
    """Return what the traffic light shows: green, amber, red or red-amber."""
    if tau < _AMBER or tau >= _GREEN:
        return 'green'
    if tau < _RED:
        return 'amber'
    return 'red' if tau < _READY else 'red-amber'


def _travel(tau: float, speed: float) -> float:
    if tau < _BRAKE:
        return speed * (tau - (_BRAKE + _STOP) / 2)
    if tau < _STOP:
        return -speed * (_STOP - tau) ** 2 / (2 * (_STOP - _BRAKE))
    if tau < _START:
        return 0.0
    if tau < _CRUISE:
        return speed * (tau - _START) ** 2 / (2 * (_CRUISE - _START))
    return speed * (tau - (_START + _CRUISE) / 2)
