"""
Alerts against road users as they are.

Matching, identities and fragmentation are motmetrics' (Bernardin and Stiefelhagen, "Evaluating
multiple object tracking performance: the CLEAR MOT metrics", 2008; Ristani et al., IDF1, 2016).
"""

from collections import Counter
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import fields
import itertools
import math

import motmetrics
import numpy as np

from aim_ros.experiments.alerts_transitions import count_level_changes
from aim_ros.experiments.alerts_transitions import count_transitions
from aim_ros.experiments.alerts_transitions import due_transitions
from aim_ros.experiments.alerts_truth import contact_times
from aim_ros.experiments.alerts_truth import RoadUser
from aim_ros.experiments.alerts_truth import Truth
from aim_ros.hazards.alerts import Alert
from aim_ros.hazards.alerts import AlertReport
from aim_ros.hazards.alerts import AlertSettings
from aim_ros.hazards.alerts import Level
from aim_ros.hazards.boxes import as_array
from aim_ros.hazards.boxes import pairwise_iou
from aim_ros.hazards.boxes import pairwise_shared
from aim_ros.hazards.tracker import HOLD_S

MIN_IOU = 0.3
_MIN_FRAMES = 3
"""Road users that have to be raised in fewer frames are not scored; an id that is matched with one
in fewer frames is not counted as its."""

_COVERS = 0.3
"""An alert shows something if it shares this part of the smaller box with a road user."""

_CONTACT_S, _CONTACT_ERROR = 5.0, 0.2


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


@dataclass
class _Frame:
    """One scored frame: who had to be raised, who was reported, and who was whom."""

    index: int
    required: list[RoadUser]
    reported: list[Alert]
    shown: list[bool]
    pairs: list[tuple[RoadUser, Alert]] = field(default_factory=list)


def score(reports: Sequence[AlertReport], seconds: np.ndarray, truth: Truth,
          settings: AlertSettings, size: tuple[int, int]) -> Tally:
    """
    Score the reports of a drive.

    :param reports: one for each frame.
    :param seconds: the time of each frame.
    :param settings: for the corridor, and for what is near.
    :param size: (height, width) of the images.
    """
    tally = Tally(seconds=float(seconds[-1] - seconds[0]))
    tally.transitions = count_transitions(reports)
    tally.due_transitions = due_transitions(truth, seconds, settings)
    tally.level_changes = count_level_changes(reports)
    frames = [_frame(index, reports[index], truth) for index in range(len(reports))
              if truth.scored is None or index in truth.scored]
    tally.scored_seconds = tally.seconds * len(frames) / len(reports)
    passages = _passages(frames, seconds, settings.clear_after)
    _match(frames, passages, tally)
    _score_users(frames, seconds, passages, tally)
    _score_alerts(frames, tally)
    _score_errors(frames, reports, seconds, truth, settings, size, tally)
    _score_contact(frames, contact_times(truth, seconds), tally)
    return tally


def _frame(index: int, report: AlertReport, truth: Truth) -> _Frame:
    """Leave out the alerts of those that need not be raised."""
    users = list(truth.users.get(index, ()))
    required = [user for user in users if user.required]
    others = [user.box for user in users if not user.required]
    boxes = [alert.box for alert in report.alerts]
    iou = pairwise_iou(boxes, [user.box for user in required])
    other_iou = pairwise_iou(boxes, others)
    reported, shown = [], []
    for number, alert in enumerate(report.alerts):
        best = iou[number].max(initial=0)
        unjudged = alert.kind in truth.unlabelled or truth.is_ignored(index, alert.box)
        if best < MIN_IOU and (other_iou[number].max(initial=0) >= MIN_IOU or unjudged):
            continue
        reported.append(alert)
        shown.append(_shows(alert, users))
    return _Frame(index, required, reported, shown)


def _shows(alert: Alert, users: Sequence[RoadUser]) -> bool:
    """Whether an alert shows any road user, or a part of one, or several together."""
    boxes, own = as_array([user.box for user in users]), as_array([alert.box])
    if not len(boxes):
        return False
    shared = pairwise_shared(own, boxes)[0]
    return bool((shared >= _COVERS * np.minimum(own[0, 2:].prod(), boxes[:, 2:].prod(1))).any())


def _passages(frames: Sequence[_Frame], seconds: np.ndarray, clear_after: float
              ) -> dict[tuple[int, int], int]:
    """
    Number the passages of road users: what is out of sight for long may come back as another.

    :return: by (frame, road user); a new number after more than `clear_after` in which it was
        hidden, out of the picture or too small, so that its alert was rightly cleared.
    """
    last: dict[int, tuple[int, float, int]] = {}
    passages, numbers = {}, itertools.count()
    for place, frame in enumerate(frames):
        now = float(seconds[frame.index])
        for user in frame.required:
            before, then, number = last.get(user.track_id, (-2, -math.inf, -1))
            # Frames without labels say nothing of it.
            if place > before + 1 and now - then > clear_after + 1e-6:
                number = next(numbers)
            last[user.track_id] = place, now, number
            passages[frame.index, user.track_id] = number
    return passages


def _match(frames: Sequence[_Frame], passages: dict[tuple[int, int], int], tally: Tally) -> None:
    accumulator = motmetrics.MOTAccumulator()
    for frame in frames:
        users = {passages[frame.index, user.track_id]: user for user in frame.required}
        alerts = {alert.track_id: alert for alert in frame.reported}
        distances = 1 - pairwise_iou([user.box for user in users.values()],
                                     [alert.box for alert in alerts.values()])
        distances[distances > 1 - MIN_IOU] = np.nan
        accumulator.update(list(users), list(alerts), distances, frameid=frame.index)
        events = accumulator.mot_events.loc[frame.index] if users or alerts else None
        if events is not None:
            matched = events[events.Type.isin(('MATCH', 'SWITCH'))]
            frame.pairs = [(users[o], alerts[h]) for o, h in zip(
                matched.OId, matched.HId, strict=True)]
    if not any(frame.required for frame in frames) or not any(frame.reported for frame in frames):
        tally.id_truth += sum(len(frame.required) for frame in frames)
        tally.id_reported += sum(len(frame.reported) for frame in frames)
        return
    found = motmetrics.metrics.create().compute(
        accumulator, metrics=['idtp', 'num_fragmentations', 'num_objects', 'num_predictions'],
        return_dataframe=False)
    tally.id_true, tally.id_truth = float(found['idtp']), float(found['num_objects'])
    tally.id_reported, tally.fragmentations = (
        float(found['num_predictions']), int(found['num_fragmentations']))


def _score_users(frames: Sequence[_Frame], seconds: np.ndarray,
                 passages: dict[tuple[int, int], int], tally: Tally) -> None:
    due, raised, ids = defaultdict(list), defaultdict(list), defaultdict(Counter)
    frames_of = Counter()
    for frame in frames:
        for user in frame.required:
            due[user.track_id].append(seconds[frame.index])
            frames_of[passages[frame.index, user.track_id]] += 1
        for user, alert in frame.pairs:
            raised[user.track_id].append(seconds[frame.index])
            ids[passages[frame.index, user.track_id]][alert.track_id] += 1
    for track_id, times in due.items():
        if len(times) < _MIN_FRAMES:
            continue
        tally.road_users += 1
        tally.recalled += len(raised[track_id]) >= len(times) / 2
        tally.times_to_raise.append(
            raised[track_id][0] - times[0] if raised[track_id] else math.inf)
    for passage, counts in ids.items():
        if frames_of[passage] < _MIN_FRAMES:
            continue
        tally.passages += 1
        # While two pass each other, either may be matched with the other's alert for a moment.
        tally.ids += max(sum(count >= _MIN_FRAMES for count in counts.values()), 1)


def _score_alerts(frames: Sequence[_Frame], tally: Tally) -> None:
    shown, users = defaultdict(list), defaultdict(Counter)
    for frame in frames:
        for alert, is_shown in zip(frame.reported, frame.shown, strict=True):
            tally.alert_frames += 1
            tally.empty_frames += not is_shown
            # What coasts is a guess, and says so: an alert counts for what it claims to see.
            if not alert.coasting:
                shown[alert.track_id].append(is_shown)
        for user, alert in frame.pairs:
            users[alert.track_id][user.track_id] += 1
            tally.matched_frames += 1
            tally.wrong_kind_frames += alert.kind != user.kind
            if not alert.coasting and math.isfinite(user.distance_m + alert.distance_m):
                tally.distance_errors.append(
                    abs(alert.distance_m - user.distance_m) / user.distance_m)
    tally.alerts += len(shown)
    tally.false_alerts += sum(2 * sum(one) < len(one) for one in shown.values())
    tally.matched_alerts += len(users)
    tally.users_of_alerts += sum(
        max(sum(count >= _MIN_FRAMES for count in one.values()), 1) for one in users.values())


def _score_errors(frames: Sequence[_Frame], reports: Sequence[AlertReport], seconds: np.ndarray,
                  truth: Truth, settings: AlertSettings, size: tuple[int, int], tally: Tally
                  ) -> None:
    """Count ERROR against who is near and in the corridor, or was within the time it is held."""
    last = -math.inf
    for frame in frames:
        now = seconds[frame.index]
        near = {user.track_id for user in truth.users.get(frame.index, ())
                if user.distance_m < settings.near_m
                and settings.corridor.contains_foot(user.box, size)}
        if near:
            last = now
        if reports[frame.index].level == Level.ERROR:
            tally.error_frames += 1
            tally.true_error_frames += bool(now - last <= HOLD_S + 1e-6)
        due = [user for user in frame.required if user.track_id in near]
        tally.must_error += len(due)
        tally.did_error += sum(user.track_id in near and alert.level == Level.ERROR
                               for user, alert in frame.pairs)


def _score_contact(frames: Sequence[_Frame], exact: dict[tuple[int, int], float], tally: Tally
                   ) -> None:
    for frame in frames:
        for user, alert in frame.pairs:
            contact = exact.get((frame.index, user.track_id), math.inf)
            if contact >= _CONTACT_S or alert.coasting:
                continue
            tally.contact_due += 1
            if math.isfinite(alert.ttc_s):
                tally.contact_measured += 1
                tally.contact_right += abs(alert.ttc_s - contact) <= _CONTACT_ERROR * contact
