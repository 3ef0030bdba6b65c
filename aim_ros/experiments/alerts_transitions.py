"""How often alerts come, go and change, and how often road users do."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from aim_ros.experiments.alerts_truth import Truth
from aim_ros.hazards.alerts import AlertReport
from aim_ros.hazards.alerts import AlertSettings
from aim_ros.hazards.alerts import Level

_TINY = 1e-6
"""Seconds by which sums of seconds may be wrong."""


def count_transitions(reports: Sequence[AlertReport]) -> int:
    """Return how many alerts were raised and cleared."""
    return sum(len(one.raised) + len(one.cleared) for one in reports)


def due_transitions(truth: Truth, seconds: np.ndarray, settings: AlertSettings) -> int:
    """
    Return how many raises and clears road users make themselves, who come and go.

    Each that could be raised counts, tall or small, whole or half hidden: once for each time that
    it is in the picture for `raise_after`, and once more if it is gone for `clear_after`. So many
    transitions has a drive of which every road user is followed without a fault.

    :param seconds: the time of each frame.
    :param settings: for what is too small, and for how long is long enough.
    """
    labelled = [index for index in range(len(seconds))
                if truth.scored is None or index in truth.scored]
    frames: dict[int, list[int]] = defaultdict(list)
    for place, index in enumerate(labelled):
        for user in truth.users.get(index, ()):
            if user.box[2] * user.box[3] >= settings.min_area:
                frames[user.track_id].append(place)
    times = seconds[labelled]
    due = 0
    for places in map(np.array, frames.values()):
        gone = np.diff(times[places]) > settings.clear_after + _TINY
        # Frames without labels say nothing of it.
        gone &= np.diff(places) > 1
        for stay in np.split(places, np.flatnonzero(gone) + 1):
            if times[stay[-1]] - times[stay[0]] >= settings.raise_after - _TINY:
                due += 1 + bool(seconds[-1] - times[stay[-1]] > settings.clear_after + _TINY)
    return due


def count_level_changes(reports: Sequence[AlertReport]) -> int:
    """Return how often an alert that goes on changed its level."""
    levels: dict[int, Level] = {}
    changes = 0
    for report in reports:
        now = {alert.track_id: alert.level for alert in report.alerts}
        changes += sum(levels[one] != now[one] for one in now.keys() & levels.keys())
        levels = now
    return changes
