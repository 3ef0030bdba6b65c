"""Where profiles differ: the same road user under each, and the moments worth a look."""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
import itertools

import cv2
import numpy as np

from aim_ros.hazards.alerts import Alert
from aim_ros.hazards.alerts import Level
from aim_ros.hazards.boxes import Box
from aim_ros.hazards.boxes import pairwise_iou
from aim_ros.hazards.emphasis import FIRST_ID
from aim_ros.perception.overlay import OverlayAnnotator
from aim_ros.perception.overlay import write
from aim_ros.perception.pipeline import Perception

_SAME_IOU = 0.3
_REMEMBERED_NS = 1_000_000_000
_GAP_NS = 500_000_000
"""A difference that is gone for longer is over."""

_KEPT = 40
"""Moments of a recording whose pictures are kept."""

_WIDTH = 960

Perceptions = Mapping[str, Perception]
"""What was perceived in one frame, by profile."""


class Identities:
    """
    Tells which road users of several profiles are the same one; for one camera.

    What the unmodulated decision shows has the same id under every profile. What modulation alone
    shows has one of each profile's own, and is the same where it is in the same place.
    """

    def __init__(self):
        self._numbers: dict[tuple[str, int], int] = {}
        self._seen: dict[int, tuple[int, Box]] = {}
        self._alerted: dict[tuple[str, int], int] = {}
        self._neutral: set[int] = set()
        self._fresh = itertools.count(1)

    def of(self, profile: str, alert: Alert, now_ns: int) -> int:
        """
        Return a road user's number, the same under every profile.

        :param now_ns: time of the frame; alerts of one frame and profile come by their ids.
        """
        neutral = alert.track_id < FIRST_ID
        key = '' if neutral else profile, alert.track_id
        if key not in self._numbers:
            number = self._near(profile, alert.box, now_ns, neutral)
            self._numbers[key] = next(self._fresh) if number is None else number
        number = self._numbers[key]
        if neutral:
            self._neutral.add(number)
        self._seen[number] = now_ns, alert.box
        self._alerted[profile, number] = now_ns
        return number

    def _near(self, profile: str, box: Box, now_ns: int, neutral: bool) -> int | None:
        """Return who was in the same place of late, and was alerted under no other id."""
        known = {number: other for number, (then, other) in self._seen.items()
                 if 0 <= now_ns - then <= _REMEMBERED_NS
                 and self._alerted.get((profile, number)) != now_ns
                 and not (neutral and number in self._neutral)}
        if not known:
            return None
        overlaps = pairwise_iou([box], list(known.values()))[0]
        best = int(overlaps.argmax())
        return list(known)[best] if overlaps[best] >= _SAME_IOU else None


@dataclass
class Moment:
    """
    A time for which profiles differ.

    :param drive: the recording.
    :param camera: the camera.
    :param start_ns: stamp of its first frame; `end_ns` of its last.
    :param score: how much it matters: the largest difference between levels, then how many road
        users have different levels.
    :param levels: the level under each profile where it matters most; `stamp_ns` says when.
    :param picture: that frame under each profile, a JPEG.
    """

    drive: str
    camera: str
    start_ns: int
    end_ns: int
    score: tuple[int, int] = (0, 0)
    stamp_ns: int = 0
    levels: dict[str, str] = field(default_factory=dict)
    picture: bytes = field(default=b'', repr=False)


class Moments:
    """Finds the moments of one camera of a recording in which profiles differ."""

    def __init__(self, drive: str, camera: str, annotator: OverlayAnnotator):
        self._drive, self._camera, self._annotator = drive, camera, annotator
        self.found: list[Moment] = []

    def add(self, perceptions: Perceptions, levels: Mapping[str, Mapping[int, Level]]) -> None:
        """
        Take in a frame.

        :param levels: the level of each road user's alert, under each profile.
        """
        score = _score(levels)
        if score == (0, 0):
            return
        now_ns = next(iter(perceptions.values())).frame.time_ns
        last = self.found[-1] if self.found else None
        if last is None or not 0 <= now_ns - last.end_ns <= _GAP_NS:
            last = Moment(self._drive, self._camera, now_ns, now_ns)
            self.found.append(last)
        last.end_ns = now_ns
        if score > last.score:
            last.score, last.stamp_ns = score, now_ns
            last.levels = {profile: perception.report.level.name
                           for profile, perception in perceptions.items()}
            last.picture = self._picture(perceptions)
            self._forget()

    def _forget(self) -> None:
        """Keep the pictures of the moments that matter most."""
        pictured = [moment for moment in self.found if moment.picture]
        for moment in sorted(pictured, key=importance)[_KEPT:]:
            moment.picture = b''

    def _picture(self, perceptions: Perceptions) -> bytes:
        rows = []
        for profile, perception in perceptions.items():
            picture = self._annotator.annotate(
                perception.frame.rgb(), perception.mask, perception.report.alerts)
            height, width = picture.shape[:2]
            if width > _WIDTH:
                picture = cv2.resize(picture, (_WIDTH, round(height * _WIDTH / width)),
                                     interpolation=cv2.INTER_AREA)
            write(picture, f'{profile}: {perception.report.level.name}', (6, 16))
            rows.append(picture)
        _, data = cv2.imencode('.jpg', np.vstack(rows)[:, :, ::-1])
        return data.tobytes()


def importance(moment: Moment) -> tuple:
    """Return a key by which the moments that matter most come first."""
    score, length = moment.score, moment.end_ns - moment.start_ns
    return -score[0], -score[1], -length, moment.drive, moment.start_ns


def _score(levels_by_profile: Mapping[str, Mapping[int, Level]]) -> tuple[int, int]:
    """Return the largest difference between levels, and how many road users differ."""
    differences = []
    for number in set().union(*levels_by_profile.values()):
        levels = [found.get(number, Level.OK) for found in levels_by_profile.values()]
        differences.append(int(max(levels)) - int(min(levels)))
    return max(differences, default=0), sum(difference > 0 for difference in differences)
