"""Processes recordings one after the other, in this process."""

from collections.abc import Callable
from pathlib import Path

from aim_ros.imaging.frame import FrameError
from aim_ros.media.frames import MediaError
from aim_ros.recordings.errors import of_file
from aim_ros.recordings.errors import RecordingError
from aim_ros.recordings.options import Options
from aim_ros.recordings.processor import OnFrame
from aim_ros.recordings.processor import Processor
from aim_ros.recordings.progress import frames_bar
from aim_ros.recordings.summary import Summary

FAILURES = (FrameError, MediaError, RecordingError, OSError)
"""What ends one recording and leaves the others."""


def reason(error: Exception) -> str:
    """Return why a recording failed, in a sentence."""
    if isinstance(error, OSError) and error.strerror:
        return of_file(error)
    return str(error)


def process_here(bags: dict[str, Path], out: Path, options: Options
                 ) -> tuple[list[Summary], dict[str, str]]:
    """
    Process recordings.

    :param bags: the recordings by name.
    :param out: the folder of the results.
    :return: the summaries, and by the names of those that failed, why.
    :raises ModelError: the model cannot be used.
    :raises ProfileError: the profile cannot be.
    """
    processor = Processor(options)
    return one_by_one(
        bags, lambda drive, bag, on_frame: processor.process(bag, out, drive, on_frame))


def one_by_one(bags: dict[str, Path], work: Callable[[str, Path, OnFrame], Summary]
               ) -> tuple[list[Summary], dict[str, str]]:
    """
    Do something with each recording, with a progress bar.

    :param bags: the recordings by name.
    :param work: takes a recording's name and path, and what to call after each frame. What it
        raises of `FAILURES` ends this recording alone.
    :return: the summaries, and by the names of those that failed, why.
    """
    summaries, failed = [], {}
    with frames_bar() as progress:
        for drive, bag in bags.items():
            bar = progress.add_task(drive, total=None)

            def show(done: int, total: int, bar=bar) -> None:
                progress.update(bar, completed=done, total=total)

            try:
                summary = work(drive, bag, show)
            except FAILURES as error:
                failed[drive] = reason(error)
                progress.update(bar, total=0, completed=0)
            else:
                summaries.append(summary)
                progress.update(bar, total=summary.frames, completed=summary.frames)
    return summaries, failed
