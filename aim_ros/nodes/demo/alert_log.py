"""What the alerts of a drive say: a line for each road user, a record for each frame."""

from collections import Counter
from collections import defaultdict
from dataclasses import dataclass
from dataclasses import field
import math
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rich.console import Console

from aim_ros.nodes.messages.statuses import LEVELS
from aim_ros.nodes.messages.statuses import status_values


@dataclass
class _RoadUser:
    """One road user, from the frame in which it was raised."""

    profile: str
    first: int
    last: int
    values: dict[str, str]
    level: int = 0
    nearest_m: float = math.inf

    def add(self, frame: int, values: dict[str, str], level: int) -> None:
        """Take in a frame in which it is alerted."""
        self.last, self.values, self.level = frame, values, max(self.level, level)
        distance = float(values['distance_m'])
        if math.isfinite(distance):
            self.nearest_m = min(self.nearest_m, distance)

    def line(self) -> str:
        """Return all of it in one line."""
        values, style = self.values, 'bold red' if LEVELS[self.level] == 'ERROR' else 'yellow'
        nearest = f'nearest {self.nearest_m:5.1f} m' if math.isfinite(self.nearest_m) else ''
        mark = '  seen by modulation alone' if values['emphasised'] == 'true' else ''
        return (f'[{style}]{LEVELS[self.level]:5s}[/] {values["kind"]:12s} '
                f'#{values["track_id"]:10s} frames {self.first:4d} to {self.last:4d}  '
                f'{self.profile:10s} {nearest}{mark}')


@dataclass
class AlertLog:
    """
    Takes in the alerts of each frame, prints a line for each road user that goes, and sums up.

    :param console: where alerts are printed.
    """

    console: Console
    frames: int = 0
    _raised_by_profile: dict[str, Counter] = field(default_factory=lambda: defaultdict(Counter))
    _levels_by_profile: dict[str, Counter] = field(default_factory=lambda: defaultdict(Counter))
    _present: dict[str, _RoadUser] = field(default_factory=dict)

    def add(self, stamp_ns: int, alerts: DiagnosticArray) -> dict[str, Any]:
        """
        Take in a frame's alerts and print who is gone.

        :param stamp_ns: header stamp of the frame in nanoseconds.
        :return: the frame's record, a line of ``alerts.jsonl``.
        """
        summary = status_values(alerts.status[0])
        tracks = {}
        for status in alerts.status[1:]:
            values = status_values(status)
            tracks[values['track_id']] = {**values, 'message': status.message,
                                          'level': LEVELS[status.level[0]]}
        profile = summary['profile']
        raised = [track for key, track in tracks.items() if key not in self._present]
        cleared = [key for key in self._present if key not in tracks]
        for key in cleared:
            self._print(key)
        for key, track in tracks.items():
            user = self._present.setdefault(
                key, _RoadUser(profile, self.frames, self.frames, track))
            user.add(self.frames, track, LEVELS.index(track['level']))
        self._raised_by_profile[profile].update(track['kind'] for track in raised)
        self._levels_by_profile[profile][summary['level']] += 1
        record = {
            'frame': self.frames, 'stamp_ns': stamp_ns, **summary,
            'raised': [track['track_id'] for track in raised],
            'cleared': cleared,
            'tracks': list(tracks.values()),
        }
        self.frames += 1
        return record

    def end(self) -> None:
        """Print who is still there."""
        for key in list(self._present):
            self._print(key)

    def _print(self, key: str) -> None:
        self.console.print(self._present.pop(key).line())

    def by_profile(self) -> dict[str, Any]:
        """Return, for each profile, its frames by level and the alerts raised by kind."""
        return {profile: {'frames': levels.total(), 'frames_by_level': dict(levels),
                          'raised': dict(self._raised_by_profile[profile])}
                for profile, levels in self._levels_by_profile.items()}
