"""A progress bar with frames a second and the time that is left."""

from rich.progress import Progress
from rich.progress import ProgressColumn
from rich.progress import Task
from rich.text import Text

from aim_ros.experiments.progress import progress_bar


class _Speed(ProgressColumn):
    """Frames a second, of late."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text('' if speed is None else f'{speed:.1f} frames/s')


def frames_bar() -> Progress:
    """Return a progress bar over frames, on stderr, to be used as a context manager."""
    return progress_bar(_Speed())
