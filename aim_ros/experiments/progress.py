"""A progress bar with the time that is left."""

from rich.console import Console
from rich.progress import BarColumn
from rich.progress import MofNCompleteColumn
from rich.progress import Progress
from rich.progress import ProgressColumn
from rich.progress import TextColumn
from rich.progress import TimeElapsedColumn
from rich.progress import TimeRemainingColumn


def progress_bar(*more: ProgressColumn) -> Progress:
    """
    Return a progress bar on stderr, to be used as a context manager.

    :param more: columns behind the count.
    """
    return Progress(
        TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), *more,
        TimeElapsedColumn(), TextColumn('left'), TimeRemainingColumn(),
        console=Console(stderr=True))
