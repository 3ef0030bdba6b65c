"""Alerts against road users as they are."""

from collections import Counter
from collections import defaultdict
from collections.abc import Sequence
import math

import numpy as np

from aim_ros.experiments.alerts_matching import compare
from aim_ros.experiments.alerts_matching import match
from aim_ros.experiments.alerts_matching import Matching
from aim_ros.experiments.alerts_matching import number_passages
from aim_ros.experiments.alerts_tally import Tally
from aim_ros.experiments.alerts_transitions import count_level_changes
from aim_ros.experiments.alerts_transitions import count_transitions
from aim_ros.experiments.alerts_transitions import due_transitions
from aim_ros.experiments.alerts_truth import contact_times
from aim_ros.experiments.alerts_truth import Truth
from aim_ros.hazards.alerts import AlertReport
from aim_ros.hazards.alerts import AlertSettings
from aim_ros.hazards.alerts import Level
from aim_ros.hazards.tracker import HOLD_S

_MIN_FRAMES = 3
"""Road users that have to be raised in fewer frames are not scored; an id that is matched with
one, or hides it, in fewer frames is not counted as its."""

_CONTACT_S, _CONTACT_ERROR = 5.0, 0.2


def score(reports: Sequence[AlertReport], seconds: np.ndarray, truth: Truth,
          settings: AlertSettings, size: tuple[int, int]) -> Tally:
    """
    Score the reports of a drive.

    :param reports: one for each matching.
    :param seconds: the time of each matching.
    :param settings: for the corridor, and for what is near.
    :param size: (height, width) of the images.
    """
    tally = Tally(seconds=float(seconds[-1] - seconds[0]))
    tally.transitions = count_transitions(reports)
    tally.due_transitions = due_transitions(truth, seconds, settings)
    tally.level_changes = count_level_changes(reports)
    matchings = [compare(index, reports[index], truth) for index in range(len(reports))
                 if truth.scored is None or index in truth.scored]
    tally.scored_seconds = tally.seconds * len(matchings) / len(reports)
    passages = number_passages(matchings, seconds, settings.clear_after)
    match(matchings, passages, tally)
    _score_users(matchings, seconds, passages, tally)
    _score_alerts(matchings, tally)
    _score_errors(matchings, reports, seconds, truth, settings, size, tally)
    _score_contact(matchings, contact_times(truth, seconds), tally)
    return tally


def _score_users(matchings: Sequence[Matching], seconds: np.ndarray,
                 passages: dict[tuple[int, int], int], tally: Tally) -> None:
    due, raised, ids = defaultdict(list), defaultdict(list), defaultdict(Counter)
    frames_of = Counter()
    for matching in matchings:
        for user in matching.required:
            due[user.track_id].append(seconds[matching.index])
            frames_of[passages[matching.index, user.track_id]] += 1
        for user, alert in matching.pairs:
            raised[user.track_id].append(seconds[matching.index])
            ids[passages[matching.index, user.track_id]][alert.track_id] += 1
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


def _score_alerts(matchings: Sequence[Matching], tally: Tally) -> None:
    shown, users, hidden = defaultdict(list), defaultdict(Counter), defaultdict(Counter)
    for matching in matchings:
        for alert, is_shown in zip(matching.reported, matching.shown, strict=True):
            tally.alert_frames += 1
            tally.empty_frames += not is_shown
            # What coasts is a guess, and says so: an alert counts for what it claims to see.
            if not alert.coasting:
                shown[alert.track_id].append(is_shown)
        for user, alert in matching.pairs:
            users[alert.track_id][user.track_id] += 1
            tally.matched_frames += 1
            tally.wrong_kind_frames += alert.kind != user.kind
            if not alert.coasting and math.isfinite(user.distance_m + alert.distance_m):
                tally.distance_errors.append(
                    abs(alert.distance_m - user.distance_m) / user.distance_m)
        for user, alert in matching.hidden:
            hidden[alert.track_id][user.track_id] += 1
        tally.required_frames += len(matching.required)
        tally.hidden_frames += len(matching.hidden)
    tally.alerts += len(shown)
    tally.false_alerts += sum(2 * sum(one) < len(one) for one in shown.values())
    tally.matched_alerts += len(users)
    tally.users_of_alerts += sum(
        max(len(_lasting(one) | _lasting(hidden[track_id])), 1)
        for track_id, one in users.items())


def _lasting(frames: Counter) -> set[int]:
    """Return the road users that have enough frames."""
    return {track_id for track_id, count in frames.items() if count >= _MIN_FRAMES}


def _score_errors(matchings: Sequence[Matching], reports: Sequence[AlertReport],
                  seconds: np.ndarray, truth: Truth, settings: AlertSettings,
                  size: tuple[int, int], tally: Tally) -> None:
    """Count ERROR against who is near and in the corridor, or was within the time it is held."""
    last = -math.inf
    for matching in matchings:
        now = seconds[matching.index]
        near = {user.track_id for user in truth.users.get(matching.index, ())
                if user.distance_m < settings.near_m
                and settings.corridor.contains_foot(user.box, size)}
        if near:
            last = now
        if reports[matching.index].level == Level.ERROR:
            tally.error_frames += 1
            tally.true_error_frames += bool(now - last <= HOLD_S + 1e-6)
        due = [user for user in matching.required if user.track_id in near]
        tally.must_error += len(due)
        tally.did_error += sum(user.track_id in near and alert.level == Level.ERROR
                               for user, alert in matching.pairs)


def _score_contact(matchings: Sequence[Matching], exact: dict[tuple[int, int], float], tally: Tally
                   ) -> None:
    for matching in matchings:
        for user, alert in matching.pairs:
            contact = exact.get((matching.index, user.track_id), math.inf)
            if contact >= _CONTACT_S or alert.coasting:
                continue
            tally.contact_due += 1
            if math.isfinite(alert.ttc_s):
                tally.contact_measured += 1
                tally.contact_right += abs(alert.ttc_s - contact) <= _CONTACT_ERROR * contact
