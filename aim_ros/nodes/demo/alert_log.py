"""What the alerts of a drive say, frame by frame: printed, recorded and counted."""

from collections import Counter
from collections import defaultdict
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rich.console import Console

LEVELS = ('OK', 'WARN', 'ERROR', 'STALE')
"""Names of the levels of ``DiagnosticStatus``, by their number."""


@dataclass
class AlertLog:
    """
    Takes in the alerts of each frame, prints those that are raised or cleared, and sums up.

    :param console: where alerts are printed.
    """

    console: Console
    frames: int = 0
    _raised_by_profile: dict[str, Counter] = field(default_factory=lambda: defaultdict(Counter))
    _levels_by_profile: dict[str, Counter] = field(default_factory=lambda: defaultdict(Counter))
    _present: dict[str, dict[str, str]] = field(default_factory=dict)

    def add(self, stamp_ns: int, alerts: DiagnosticArray) -> dict[str, Any]:
        """
        Take in a frame's alerts and print what has changed.

        :param stamp_ns: header stamp of the frame in nanoseconds.
        :return: the frame's record, a line of ``alerts.jsonl``.
        """
        summary = {v.key: v.value for v in alerts.status[0].values}
        tracks = {}
        for status in alerts.status[1:]:
            values = {v.key: v.value for v in status.values}
            tracks[values['track_id']] = {**values, 'message': status.message,
                                          'level': LEVELS[status.level[0]]}
        profile = summary['profile']
        raised = [track for key, track in tracks.items() if key not in self._present]
        cleared = [track for key, track in self._present.items() if key not in tracks]
        self._print(profile, raised, cleared)
        self._raised_by_profile[profile].update(track['class'] for track in raised)
        self._levels_by_profile[profile][summary['level']] += 1
        self._present = tracks
        record = {
            'frame': self.frames, 'stamp_ns': stamp_ns, **summary,
            'raised': [track['track_id'] for track in raised],
            'cleared': [track['track_id'] for track in cleared],
            'tracks': list(tracks.values()),
        }
        self.frames += 1
        return record

    def _print(self, profile: str, raised: list[dict], cleared: list[dict]) -> None:
        where = f'frame {self.frames:4d}  {profile:10s}'
        for track in raised:
            style = 'bold red' if track['level'] == 'ERROR' else 'yellow'
            self.console.print(
                f'[{style}]raised [/] {where} #{track["track_id"]} {track["message"]}')
        for track in cleared:
            self.console.print(
                f'[green]cleared[/] {where} #{track["track_id"]} {track["class"]}')

    def by_profile(self) -> dict[str, Any]:
        """Return, for each profile, its frames by level and the alerts raised by class."""
        return {profile: {'frames': levels.total(), 'frames_by_level': dict(levels),
                          'raised': dict(self._raised_by_profile[profile])}
                for profile, levels in self._levels_by_profile.items()}
