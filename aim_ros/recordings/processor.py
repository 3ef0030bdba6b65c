"""One recording in, one with masks, alerts and detections out."""

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rosbags.interfaces import Qos
import torch

from aim_ros.media.bag_files import files_of
from aim_ros.media.bag_writer import BagWriter
from aim_ros.media.bag_writer import qos
from aim_ros.media.frames import MediaError
from aim_ros.media.recording import Message
from aim_ros.media.recording import Recording
from aim_ros.perception.defaults import filter_of
from aim_ros.perception.defaults import profile_settings
from aim_ros.perception.memory import keep_freed_memory
from aim_ros.perception.pipeline import Perception
from aim_ros.perception.pipeline import Pipeline
from aim_ros.perception.profiles import load_profiles
from aim_ros.perception.profiles import ProfileFile
from aim_ros.perception.settings import Settings
from aim_ros.perception.settings import warn_of_overlooked
from aim_ros.recordings import result_messages
from aim_ros.recordings.bag_input import BagInput
from aim_ros.recordings.bag_input import Shot
from aim_ros.recordings.cameras import Camera
from aim_ros.recordings.cameras import find_cameras
from aim_ros.recordings.errors import RecordingError
from aim_ros.recordings.options import NODE
from aim_ros.recordings.options import Options
from aim_ros.recordings.problems import note
from aim_ros.recordings.summary import Summary
from aim_ros.recordings.summary import Tally
from aim_ros.recordings.video import OverlayVideos
from aim_ros.resources import package_version
from aim_ros.resources import share_directory
from aim_ros.segmentation.fingerprint import fingerprint
from aim_ros.segmentation.loading import load_labels
from aim_ros.segmentation.segmenter import Segmenter

OnFrame = Callable[[int, int], None]
"""What is called now and then with the frames that are done and those that there are about."""

ALERTS_QOS = qos(deadline_s=1, lease_s=2)
RESULTS_QOS = qos(depth=5)
LATCHED_QOS = qos(depth=1, latched=True)


def validate(options: Options) -> None:
    """
    Check what can be checked without loading the network.

    :raises ModelError: there is no such model.
    :raises ProfileError: a profile cannot be used with it.
    """
    labels, file = load_labels(options.model), _profile_file(options)
    for name in options.profiles:
        profile_settings(file, name, labels)


def _profile_file(options: Options) -> ProfileFile:
    return load_profiles(
        options.profiles_file or share_directory() / 'config' / 'profiles.yaml')


class Processor:
    """
    A network that is loaded once, for any number of recordings.

    :param options: how they are processed.
    :raises ModelError: the model cannot be used.
    :raises ProfileError: a profile cannot be.
    """

    def __init__(self, options: Options):
        keep_freed_memory()
        if options.threads:
            torch.set_num_threads(options.threads)
        self.options = options
        self.segmenter = Segmenter(
            options.model, device=options.device, engine=options.engine,
            input_size=options.input_size)
        file = _profile_file(options)
        self._filter = filter_of(file, options.model)
        self._profiles = {
            'emphasis_filter': None if self._filter is None else asdict(self._filter),
            'stated': {name: file.get(name).stated for name in options.profiles}}
        self.settings: dict[str, Settings] = {
            name: profile_settings(file, name, self.segmenter.labels)
            for name in options.profiles}
        warn_of_overlooked(next(iter(self.settings.values())), self.segmenter.labels)
        self.versions = (
            f'aim_ros {package_version()}; {options.model} '
            f'{(fingerprint(options.model) or "unknown")[:12]}; {self.segmenter.engine} '
            f'{self.segmenter.precision}')
        self.pipeline().warm_up()

    def pipeline(self) -> Pipeline:
        """Return a pipeline that has seen nothing yet."""
        return Pipeline(self.segmenter, self.options.seed, self._filter)

    def kept(self, bag: Path, folder: Path) -> Summary | None:
        """
        Return the summary of a result that is there, whole and made as it would be made now.

        :raises RecordingError: there is something else in its place.
        """
        if not folder.exists():
            return None
        summary = Summary.read(folder)
        if summary is None:
            raise RecordingError(f'{folder} is there and is no result of process_bag; choose '
                                 'another --out, or remove it')
        if summary.fingerprint != self.fingerprint(bag):
            raise RecordingError(f'{folder} was made of another recording, with other options or '
                                 'another version; choose another --out, or remove it')
        return summary

    def fingerprint(self, bag: Path) -> str:
        """Return what a result of a recording depends on, as a hash."""
        files = [bag] if bag.is_file() else sorted(files_of(bag))
        return self.options.fingerprint(self.versions, files, self._profiles)

    def process(self, bag: Path, out: Path, drive: str, on_frame: OnFrame = lambda *_: None
                ) -> Summary:
        """
        Process a recording, unless its result is there.

        :param bag: a rosbag2 folder, or one of its files.
        :param out: the folder of the results, in which this one is named after the drive.
        :raises MediaError: nothing of the recording can be read.
        :raises RecordingError: something else is in the result's place.
        """
        summary = self.kept(bag, out / drive)
        if summary is not None:
            return summary
        with ExitStack() as stack:
            recording = stack.enter_context(Recording(bag))
            cameras, notes = find_cameras(recording, self.options.cameras)
            settings, = self.settings.values()
            source = BagInput(
                recording, cameras, self.options, settings.owner.clear_after, notes)
            out.mkdir(parents=True, exist_ok=True)
            writer = stack.enter_context(BagWriter(out / drive, self.options.storage))
            result = _Result(self, writer, recording, cameras, drive)
            stack.callback(result.close)
            tally = self._run(source, result, on_frame)
            if not tally.frames:
                reason = next(iter(source.problems), 'there is none in the time asked for')
                raise MediaError(f'no frame of {bag} could be processed: {reason}')
            summary = Summary(drive, damaged=source.damaged, versions=self.versions,
                              fingerprint=self.fingerprint(bag))
            tally.fill(summary)
            summary.problems = dict(source.problems + result.problems)
            summary.warnings = source.warnings
            result.finish(summary, out)
        return summary

    def _run(self, source: BagInput, result: '_Result', on_frame: OnFrame) -> Tally:
        pipeline, tally, total = self.pipeline(), Tally(), len(source)
        settings, = self.settings.values()
        on_message = result.copy if self.options.keep_inputs else None
        for shot in source.shots(on_message):
            try:
                perception, = pipeline.process(
                    [shot.frame], settings, ground=ground_of(shot))
            # As in the node, an error costs one frame, and is owned up to.
            except Exception as error:
                note(source.problems, f'a frame was lost: {type(error).__name__}: {error}')
                continue
            result.add(perception, shot.recorded_ns)
            tally.add(perception)
            on_frame(tally.frames, max(total, tally.frames))
        return tally


class _Result:
    """The messages of one result, on their way into it."""

    def __init__(self, processor: Processor, writer: BagWriter, recording: Recording,
                 cameras: list[Camera], drive: str):
        self.problems: Counter[str] = Counter()
        self._writer = writer
        self._options, self._versions = processor.options, processor.versions
        self._labels = processor.segmenter.labels
        self._table = None
        if self._options.table:
            from aim_ros.recordings import tables
            self._table = tables.Partition(drive, *self._options.profiles, self._versions)
        self._uncopied: set[str] = set()
        self._own = {f'/{NODE}/label_info'}
        self._replaced: set[str] = set()
        self._described = False
        self._videos = OverlayVideos(
            writer.partial, self._labels, _rates(recording, cameras, processor.options.every),
        ) if processor.options.overlay else None
        for camera in cameras:
            for topic, message_type, profile in _topics(camera):
                self._own.add(topic)
                writer.announce(topic, message_type, profile)

    def add(self, perception: Perception, time_ns: int) -> None:
        """Take in what was perceived in a frame that was recorded at a time."""
        labels, camera = self._labels, perception.frame.camera
        if not self._described:
            self._write('label_info', time_ns, result_messages.label_info_message(labels),
                        LATCHED_QOS)
            self._described = True
        self._write(f'{camera}/alerts', time_ns,
                    result_messages.alerts_message(perception, labels, NODE))
        self._write(f'{camera}/detections', time_ns,
                    result_messages.detections_message(perception))
        self._write(f'{camera}/mask', time_ns, result_messages.mask_message(perception, labels))
        if self._table is not None:
            self._table.add(perception)
        if self._videos is not None and not self._videos.add(perception):
            note(self.problems, f'the video of {camera} lacks the images of another size than '
                 'its first')

    def copy(self, message: Message) -> None:
        """Take over a message of the recording, but for those of results of before."""
        topic = message.connection.topic
        if topic in self._own:
            # Of a node that ran meanwhile, or of another profile: nobody could tell them apart.
            self._replaced.add(topic)
            return
        if topic in self._uncopied:
            return
        try:
            self._writer.copy(message.connection, message.recorded_ns, message.data)
        except MediaError as error:
            self._uncopied.add(topic)
            note(self.problems, str(error))

    def finish(self, summary: Summary, out: Path) -> None:
        """Write what stands beside the messages, before the result gets its name."""
        self.close()
        profile, = self._options.profiles
        if self._table is not None:
            self._table.write(out)
        if self._replaced:
            summary.warnings.append(
                f'what was recorded on {", ".join(sorted(self._replaced))} is not copied: the '
                'result has its own there')
        self._writer.note('aim_ros', f'{self._versions}; profile {profile}')
        summary.write(self._writer.partial)

    def close(self) -> None:
        """Finish the videos."""
        videos, self._videos = self._videos, None
        if videos is not None:
            videos.close()

    def _write(self, topic: str, time_ns: int, message: Any, profile: Qos = RESULTS_QOS) -> None:
        self._writer.write(f'/{NODE}/{topic}', time_ns, message, profile)


def _topics(camera: Camera) -> list[tuple[str, str, Qos]]:
    """Return the topics of a camera's results, their types, and what their publisher offers."""
    from aim_ros.media.bag_types import DETECTIONS
    from aim_ros.media.bag_types import DIAGNOSTICS
    from aim_ros.media.bag_types import IMAGE
    start = f'/{NODE}/{camera.name}'
    return [(f'{start}/alerts', DIAGNOSTICS, ALERTS_QOS),
            (f'{start}/detections', DETECTIONS, RESULTS_QOS),
            (f'{start}/mask', IMAGE, RESULTS_QOS)]


def ground_of(shot: Shot) -> dict:
    """Return the calibration of a shot's camera as `Pipeline` takes it."""
    return {} if shot.ground is None else {shot.frame.camera: shot.ground}


def _rates(recording: Recording, cameras: list[Camera], every: int) -> dict[str, float]:
    """Return how many frames a second each camera has."""
    duration = recording.duration_ns / 1e9
    counts = recording.topics
    return {camera.name: (counts[camera.topic] - 1) / duration / every
            for camera in cameras if duration > 0 and counts[camera.topic] > 1}
