"""What is counted of alerts against road users, and the figures that it makes."""

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import fields
import math

import numpy as np


@dataclass
class Tally:
    """What was counted in one or more drives; they add up."""

    seconds: float = 0.0
    scored_seconds: float = 0.0
    road_users: int = 0
    recalled: int = 0
    passages: int = 0
    ids: int = 0
    matched_alerts: int = 0
    users_of_alerts: int = 0
    required_frames: int = 0
    hidden_frames: int = 0
    false_alerts: int = 0
    alerts: int = 0
    transitions: int = 0
    due_transitions: int = 0
    level_changes: int = 0
    alert_frames: int = 0
    empty_frames: int = 0
    matched_frames: int = 0
    wrong_kind_frames: int = 0
    error_frames: int = 0
    true_error_frames: int = 0
    must_error: int = 0
    did_error: int = 0
    fragmentations: int = 0
    id_true: float = 0.0
    id_truth: float = 0.0
    id_reported: float = 0.0
    contact_due: int = 0
    contact_measured: int = 0
    contact_right: int = 0
    times_to_raise: list[float] = field(default_factory=list)
    distance_errors: list[float] = field(default_factory=list)

    def __add__(self, other: 'Tally') -> 'Tally':
        return Tally(**{one.name: getattr(self, one.name) + getattr(other, one.name)
                        for one in fields(self)})

    def row(self) -> dict[str, float]:
        """Return the figures for people; NaN where there is nothing to divide by."""
        return {
            'road users': self.road_users,
            'recall': _ratio(self.recalled, self.road_users),
            'time to raise p50 (s)': _percentile(self.times_to_raise, 50),
            'time to raise p90 (s)': _percentile(self.times_to_raise, 90),
            'ids a road user': _ratio(self.ids, self.passages),
            'road users an id': _ratio(self.users_of_alerts, self.matched_alerts),
            "hidden by another's alert": _ratio(self.hidden_frames, self.required_frames),
            'false alerts a minute': _ratio(60 * self.false_alerts, self.scored_seconds),
            'frames that show nothing': _ratio(self.empty_frames, self.alert_frames),
            'transitions a second': _ratio(self.transitions, self.seconds),
            'of them due': _ratio(self.due_transitions, self.seconds),
            'level changes a second': _ratio(self.level_changes, self.seconds),
            'wrong kinds': _ratio(self.wrong_kind_frames, self.matched_frames),
            'distance error p50': _percentile(self.distance_errors, 50),
            'ERROR precision': _ratio(self.true_error_frames, self.error_frames),
            'ERROR recall': _ratio(self.did_error, self.must_error),
            'IDF1': _ratio(2 * self.id_true, self.id_truth + self.id_reported),
            'fragmentations a road user': _ratio(self.fragmentations, self.road_users),
            'ttc within 20 %': _ratio(self.contact_right, self.contact_measured),
            'ttc measured': _ratio(self.contact_measured, self.contact_due),
        }


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def _percentile(values: Sequence[float], percent: float) -> float:
    # 'lower', since a road user that is never raised takes infinitely long.
    return float(np.percentile(values, percent, method='lower')) if values else math.nan
