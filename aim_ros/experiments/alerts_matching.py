"""
Which alert of a frame is which road user's.

Matching, identities and fragmentation are motmetrics' (Bernardin and Stiefelhagen, "Evaluating
multiple object tracking performance: the CLEAR MOT metrics", 2008; Ristani et al., IDF1, 2016).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
import itertools
import math

import motmetrics
import numpy as np

from aim_ros.experiments.alerts_tally import Tally
from aim_ros.experiments.alerts_truth import RoadUser
from aim_ros.experiments.alerts_truth import Truth
from aim_ros.hazards.alerts import Alert
from aim_ros.hazards.alerts import AlertReport
from aim_ros.hazards.boxes import areas
from aim_ros.hazards.boxes import as_array
from aim_ros.hazards.boxes import pairwise_iou
from aim_ros.hazards.boxes import pairwise_shared

MIN_IOU = 0.3
_COVERS = 0.3
"""An alert shows something if it shares this part of the smaller box with a road user."""

HIDES = 0.5
"""An alert hides a road user that has none if this share of its box lies in the alert's."""


@dataclass
class Matching:
    """
    Who had to be raised in one scored frame, who was reported, and who was whom.

    :param index: of the frame.
    :param required: the road users that have to be raised.
    :param reported: the alerts, without those of road users that need not be raised.
    :param shown: for each of these whether it shows any road user.
    :param pairs: those that are each other's.
    :param hidden: the road users that have no alert, each with the one that hides it.
    """

    index: int
    required: list[RoadUser]
    reported: list[Alert]
    shown: list[bool]
    pairs: list[tuple[RoadUser, Alert]] = field(default_factory=list)
    hidden: list[tuple[RoadUser, Alert]] = field(default_factory=list)


def compare(index: int, report: AlertReport, truth: Truth) -> Matching:
    """
    Hold the alerts of a frame against its road users.

    :param index: of the frame.
    """
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
    return Matching(index, required, reported, shown)


def _shows(alert: Alert, users: Sequence[RoadUser]) -> bool:
    """Whether an alert shows any road user, or a part of one, or several together."""
    boxes, own = as_array([user.box for user in users]), as_array([alert.box])
    if not len(boxes):
        return False
    shared = pairwise_shared(own, boxes)[0]
    return bool((shared >= _COVERS * np.minimum(own[0, 2:].prod(), boxes[:, 2:].prod(1))).any())


def number_passages(matchings: Sequence[Matching], seconds: np.ndarray, clear_after: float
              ) -> dict[tuple[int, int], int]:
    """
    Number the passages of road users: what is out of sight for long may come back as another.

    :return: by (frame, road user); a new number after more than `clear_after` in which it was
        hidden, out of the picture or too small, so that its alert was rightly cleared.
    """
    last: dict[int, tuple[int, float, int]] = {}
    passages, numbers = {}, itertools.count()
    for place, matching in enumerate(matchings):
        now = float(seconds[matching.index])
        for user in matching.required:
            before, then, number = last.get(user.track_id, (-2, -math.inf, -1))
            # Frames without labels say nothing of it.
            if place > before + 1 and now - then > clear_after + 1e-6:
                number = next(numbers)
            last[user.track_id] = place, now, number
            passages[matching.index, user.track_id] = number
    return passages


def match(matchings: Sequence[Matching], passages: dict[tuple[int, int], int], tally: Tally
          ) -> None:
    """
    Find the pairs of each frame and who is hidden, and count identities and fragmentations.

    :param passages: of `number_passages`: each is what motmetrics takes for an object.
    """
    accumulator = motmetrics.MOTAccumulator()
    for matching in matchings:
        users = {passages[matching.index, user.track_id]: user for user in matching.required}
        alerts = {alert.track_id: alert for alert in matching.reported}
        distances = 1 - pairwise_iou([user.box for user in users.values()],
                                     [alert.box for alert in alerts.values()])
        distances[distances > 1 - MIN_IOU] = np.nan
        accumulator.update(list(users), list(alerts), distances, frameid=matching.index)
        events = accumulator.mot_events.loc[matching.index] if users or alerts else None
        if events is not None:
            matched = events[events.Type.isin(('MATCH', 'SWITCH'))]
            matching.pairs = [(users[o], alerts[h]) for o, h in zip(
                matched.OId, matched.HId, strict=True)]
            matching.hidden = _find_hidden(matching)
    required = sum(len(matching.required) for matching in matchings)
    reported = sum(len(matching.reported) for matching in matchings)
    if not required or not reported:
        tally.id_truth, tally.id_reported = float(required), float(reported)
        return
    found = motmetrics.metrics.create().compute(
        accumulator, metrics=['idtp', 'num_fragmentations', 'num_objects', 'num_predictions'],
        return_dataframe=False)
    tally.id_true, tally.id_truth = float(found['idtp']), float(found['num_objects'])
    tally.id_reported, tally.fragmentations = (
        float(found['num_predictions']), int(found['num_fragmentations']))


def _find_hidden(matching: Matching) -> list[tuple[RoadUser, Alert]]:
    """
    Return the road users without an alert that lie in another one's, with that alert.

    Pairs are one to one: of two people whom one alert shows, they know the one alone.
    """
    raised = {user.track_id for user, _ in matching.pairs}
    missed = [user for user in matching.required if user.track_id not in raised]
    if not missed or not matching.pairs:
        return []
    own = as_array([user.box for user in missed])
    shares = pairwise_shared(own, as_array([alert.box for _, alert in matching.pairs]))
    shares /= areas(own)[:, None]
    return [(user, matching.pairs[row.argmax()][1])
            for user, row in zip(missed, shares, strict=True) if row.max() >= HIDES]
