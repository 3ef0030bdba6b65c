"""The two nodes that feed the page, where it is to play something by itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
import subprocess

from aim_ros.nodes.launching.processes import last_problem
from aim_ros.nodes.launching.processes import process


@dataclass(frozen=True)
class Played:
    """
    What is played.

    :param source: as `aim_ros.media.sources.open_source` takes it.
    :param logs: folder of the nodes' logs; made where it is missing.
    :param parameters: of the segmentation node, by their names, where they are not the defaults.
    """

    source: str
    logs: Path
    parameters: dict[str, str]

    def segmentation_arguments(self) -> list[str]:
        """Return the ROS arguments of the segmentation node."""
        given = {'qos_overrides./camera/image.subscription.reliability': 'reliable',
                 **self.parameters}
        return [part for name, value in given.items() for part in ('-p', f'{name}:={value}')]

    def replay_arguments(self) -> list[str]:
        """Return the ROS arguments of the replay, which plays in a loop."""
        given = {'source': self.source, 'loop': 'true', 'stamps': 'now', 'lockstep': 'true',
                 'match_timeout': '3600.0'}
        return [part for name, value in given.items() for part in ('-p', f'{name}:={value}')]

    def log(self, executable: str) -> Path:
        """Return the file that an executable's output goes to."""
        return self.logs / f'{executable}.log'


class Playing:
    """
    Two running nodes.

    :param played: what they play.
    :param children: their processes by the names of the executables.
    """

    def __init__(self, played: Played, children: dict[str, subprocess.Popen]):
        self._played = played
        self._children = children

    def problem(self) -> str:
        """Return why one of them has ended; empty while both run."""
        for name, child in self._children.items():
            if child.poll() is not None:
                log = self._played.log(name)
                return f'the {name} node has ended; see {log}: {last_problem(log)}'
        return ''


@contextmanager
def playing(played: Played) -> Iterator[Playing]:
    """Run the segmentation node and the replay for the time of the context."""
    played.logs.mkdir(parents=True, exist_ok=True)
    with (process('segmentation', [*played.segmentation_arguments()],
                  played.log('segmentation')) as node,
          process('replay', played.replay_arguments(), played.log('replay')) as replay):
        yield Playing(played, {'segmentation': node, 'replay': replay})
