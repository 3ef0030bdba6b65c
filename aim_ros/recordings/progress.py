"""A progress bar with frames a second and the time that is left."""

from rich.console import Console
from rich.progress import BarColumn
from rich.progress import MofNCompleteColumn
from rich.progress import Progress
from rich.progress import ProgressColumn
from rich.progress import Task
from rich.progress import TextColumn
from rich.progress import TimeElapsedColumn
from rich.progress import TimeRemainingColumn
from rich.text import Text


class _Speed(ProgressColumn):
    """Frames a second, of late."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text('' if speed is None else f'{speed:.1f} frames/s')


def progress_bar() -> Progress:
    """Return a progress bar over frames, on stderr, to be used as a context manager."""
    return Progress(
        TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), _Speed(),
        TimeElapsedColumn(), TextColumn('left'), TimeRemainingColumn(),
        console=Console(stderr=True))
