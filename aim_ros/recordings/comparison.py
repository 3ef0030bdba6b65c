"""What another profile would have changed: the network once a frame, decoded under each."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aim_ros.hazards.alerts import Level
from aim_ros.media.frames import MediaError
from aim_ros.media.recording import Recording
from aim_ros.perception.overlay import OverlayAnnotator
from aim_ros.perception.pipeline import Perception
from aim_ros.recordings import tables
from aim_ros.recordings.bag_input import BagInput
from aim_ros.recordings.cameras import find_cameras
from aim_ros.recordings.compared import Compared
from aim_ros.recordings.compared import SCHEMA
from aim_ros.recordings.compared import TABLE
from aim_ros.recordings.moments import Identities
from aim_ros.recordings.moments import Moments
from aim_ros.recordings.one_process import one_by_one
from aim_ros.recordings.options import Options
from aim_ros.recordings.page import write_page
from aim_ros.recordings.problems import note
from aim_ros.recordings.processor import ground_of
from aim_ros.recordings.processor import OnFrame
from aim_ros.recordings.processor import Processor
from aim_ros.recordings.summary import Summary
from aim_ros.recordings.summary import Tally


def compare(bags: dict[str, Path], out: Path, options: Options, command: str
            ) -> tuple[list[Summary], dict[str, str]]:
    """
    Compare profiles on recordings: write one table and one page.

    :param bags: the recordings by name.
    :param out: the folder that table and page go to.
    :param command: as it was typed.
    :return: the summaries, under the first profile; and by the names of those that failed, why.
    """
    processor = Processor(options)
    compared = Compared()
    summaries, failed = one_by_one(
        bags, lambda drive, bag, on_frame: _compare(processor, bag, drive, compared, on_frame))
    if summaries:
        out.mkdir(parents=True, exist_ok=True)
        tables.write(compared.rows, out / TABLE, SCHEMA)
        print(write_page(compared, processor, bags, out, command))
    return summaries, failed


def _compare(processor: Processor, bag: Path, drive: str, compared: Compared,
             on_frame: OnFrame) -> Summary:
    """Compare profiles on one recording."""
    pipelines = {name: processor.pipeline() for name in processor.settings}
    with _opened(processor, bag) as source:
        found = _Found(processor, drive)
        total = len(source)
        for shot in source.shots():
            try:
                logits = next(iter(pipelines.values())).forward([shot.frame])
                perceptions = {
                    name: pipeline.decode(
                        logits, processor.settings[name], ground=ground_of(shot))[0]
                    for name, pipeline in pipelines.items()}
            # As in the node, an error costs one frame, and is owned up to.
            except Exception as error:
                note(source.problems, f'a frame was lost: {type(error).__name__}: {error}')
                continue
            found.add(perceptions)
            on_frame(found.frames, max(total, found.frames))
        if not found.frames:
            reason = next(iter(source.problems), 'there is none in the time asked for')
            raise MediaError(f'no frame of {bag} could be processed: {reason}')
        found.fill(compared)
        summary = Summary(drive, damaged=source.damaged, versions=processor.versions,
                          problems=dict(source.problems), warnings=source.warnings)
        next(iter(found.tallies.values())).fill(summary)
    return summary


@contextmanager
def _opened(processor: Processor, bag: Path) -> Iterator[BagInput]:
    with Recording(bag) as recording:
        cameras, notes = find_cameras(recording, processor.options.cameras)
        clear_after = next(iter(processor.settings.values())).owner.clear_after
        yield BagInput(recording, cameras, processor.options, clear_after, notes)


class _Found:
    """What one recording shows, under each profile."""

    def __init__(self, processor: Processor, drive: str):
        self.frames = 0
        self.tallies = {name: Tally() for name in processor.settings}
        self._drive, self._versions = drive, processor.versions
        self._rows: list[dict[str, Any]] = []
        self._annotator = OverlayAnnotator(processor.segmenter.labels)
        self._identities: dict[str, Identities] = {}
        self._moments: dict[str, Moments] = {}

    def add(self, perceptions: dict[str, Perception]) -> None:
        """Take in a frame."""
        self.frames += 1
        camera = next(iter(perceptions.values())).frame.camera
        if camera not in self._moments:
            self._identities[camera] = Identities()
            self._moments[camera] = Moments(self._drive, camera, self._annotator)
        levels = {}
        for profile, perception in perceptions.items():
            self.tallies[profile].add(perception)
            levels[profile] = self._add_rows(profile, perception)
        self._moments[camera].add(perceptions, levels)

    def _add_rows(self, profile: str, perception: Perception) -> dict[int, Level]:
        """Add a profile's rows, and return the level of each road user's alert."""
        identities = self._identities[perception.frame.camera]
        alerts = perception.report.alerts
        numbers = [identities.of(profile, alert, perception.frame.time_ns) for alert in alerts]
        rows = tables.rows_of(perception, self._drive, self._versions)
        if numbers:
            rows = [{**row, 'same_road_user': number}
                    for row, number in zip(rows, numbers, strict=True)]
        # A profile may go by another name's values, and stands here under the name asked for.
        self._rows += [{**row, 'profile': profile} for row in rows]
        return {number: alert.level for number, alert in zip(numbers, alerts, strict=True)}

    def fill(self, compared: Compared) -> None:
        """Add it to what was found in all recordings."""
        compared.rows += self._rows
        compared.tallies |= {(self._drive, profile): tally
                             for profile, tally in self.tallies.items()}
        for moments in self._moments.values():
            compared.moments += moments.found
