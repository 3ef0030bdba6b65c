"""What is reported of a processed recording."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
import json
from pathlib import Path

from rich.table import Table

from aim_ros.hazards.alerts import Level
from aim_ros.perception.pipeline import Perception
from aim_ros.plain_data import parse_json

FILE = 'process_bag.json'
"""Beside the messages of a result: what it was made of and under, and its summary."""

_MAX_STEP_S = 1.0
"""Frames that are further apart are no more one after the other."""


@dataclass
class Summary:
    """
    What was found in one recording.

    :param drive: its name.
    :param frames: how many were processed.
    :param road_users: how many were raised, by kind and worst level, as in ``pedestrian ERROR``.
    :param error_s: seconds of stamps with an ERROR, of all cameras.
    :param problems: what was left out, and how often.
    :param warnings: what was processed and looks odd, as images that show nothing.
    :param damaged: whether a part of the recording could not be read.
    :param fingerprint: of all that the result depends on.
    :param versions: what it was made with.
    """

    drive: str
    frames: int = 0
    road_users: dict[str, int] = field(default_factory=dict)
    error_s: float = 0.0
    problems: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    damaged: bool = False
    fingerprint: str = ''
    versions: str = ''

    @property
    def whole(self) -> bool:
        """Whether nothing of the recording was left out."""
        return not self.problems and not self.damaged

    def write(self, folder: Path) -> None:
        """Write it into the folder of the result."""
        (folder / FILE).write_text(json.dumps(asdict(self), indent=2, sort_keys=True) + '\n')

    @classmethod
    def read(cls, folder: Path) -> 'Summary | None':
        """Return the summary of a result, None if there is none."""
        try:
            return cls(**parse_json((folder / FILE).read_text()))
        except (OSError, ValueError, TypeError):
            return None


class Tally:
    """Counts what a recording's frames show."""

    def __init__(self):
        self.frames = 0
        self._worst: dict[tuple[str, int], tuple[str, Level]] = {}
        self._last: dict[str, tuple[int, Level]] = {}
        self._error_ns = 0

    def add(self, perception: Perception) -> None:
        """Take in a frame."""
        self.frames += 1
        camera, now_ns = perception.frame.camera, perception.frame.time_ns
        for alert in perception.report.alerts:
            key = camera, alert.track_id
            worst = max(alert.level, self._worst.get(key, ('', Level.OK))[1])
            self._worst[key] = alert.kind, worst
        before = self._last.get(camera)
        if before is not None and before[1] == Level.ERROR:
            step = now_ns - before[0]
            self._error_ns += step if 0 <= step <= _MAX_STEP_S * 1e9 else 0
        self._last[camera] = now_ns, perception.report.level

    def fill(self, summary: Summary) -> None:
        """Write what was counted into a summary."""
        summary.frames, summary.error_s = self.frames, self._error_ns / 1e9
        counts = Counter(f'{kind} {level.name}' for kind, level in self._worst.values())
        summary.road_users = dict(sorted(counts.items()))


def summary_table(summaries: Sequence[Summary], failed: dict[str, str]) -> Table:
    """
    Return the table at the end.

    :param failed: recordings of which nothing was done, and why.
    """
    table = Table(title='recordings')
    table.add_column('recording')
    for column in ('frames', 'minutes with ERROR'):
        table.add_column(column, justify='right')
    table.add_column('road users by kind and level')
    table.add_column('left out, or odd')
    for summary in summaries:
        users = ', '.join(f'{count} {name}' for name, count in summary.road_users.items())
        table.add_row(
            summary.drive, f'{summary.frames:,}', f'{summary.error_s / 60:.2f}', users or 'none',
            '\n'.join((*(_line(problem, count) for problem, count in summary.problems.items()),
                       *summary.warnings)))
    for drive, reason in failed.items():
        table.add_row(drive, '0', '-', 'not processed', reason)
    return table


def _line(problem: str, count: int) -> str:
    return problem if count == 1 else f'{problem} ({count} times)'
