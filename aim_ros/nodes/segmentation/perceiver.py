"""The worker's part of the node: perceive what was received, and publish it."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import replace
import time

from rclpy.clock import Clock

from aim_ros.hazards.geometry import GroundCamera
from aim_ros.imaging.frame import Frame
from aim_ros.imaging.frame import FrameError
from aim_ros.nodes.logging import RateLimitedLogger
from aim_ros.nodes.messages import conversions
from aim_ros.nodes.segmentation.camera_channel import CameraChannel
from aim_ros.nodes.segmentation.camera_input import ImageMessage
from aim_ros.nodes.segmentation.preparation import Preparation
from aim_ros.nodes.segmentation.problems import describe
from aim_ros.perception.pipeline import Perception
from aim_ros.perception.pipeline import Pipeline
from aim_ros.perception.settings import Settings
from aim_ros.segmentation.lost_device import is_device_lost

CLOCK_ADVICE = ('Set the clocks of both machines by one, and with use_sim_time have /clock '
                'published')

SETUP_PERIOD = 3600.0
"""Seconds between two warnings of what is odd about the set-up, not about the stream."""


@dataclass(frozen=True)
class Received:
    """
    An image on its way from the executor to the worker.

    :param message: the image.
    :param received_ns: when it came, nanoseconds of a steady clock.
    :param frame: what became of the message, where the worker has had it before.
    """

    message: ImageMessage
    received_ns: int
    frame: Frame | None = None


class _OutdatedError(FrameError):
    """An image that was new enough when it came, and is not any more."""


class Perceiver:
    """
    Perceives the newest images of all cameras together, and publishes what it finds.

    A camera whose images need another size of the network's input waits in `preparation` until
    the network is ready for it. Each camera and each stage is apart: an error costs its camera
    that stage, is logged and kept in the camera's problems, and nothing else. What went out is not
    sent again. There is one for each activation; the channels publish for it until they are
    stopped.

    :param pipeline: what perceives.
    :param channels: the cameras by name.
    :param settings: returns the settings in force.
    :param clock: the node's, for the age of images.
    :param log: where problems go.
    :param put_back: takes a camera's image for the worker once more; it returns False where a
        newer one waits already.
    :param on_lost_device: called with the error after which no frame can be perceived any more.
    """

    def __init__(self, pipeline: Pipeline, channels: Mapping[str, CameraChannel],
                 settings: Callable[[], Settings], clock: Clock, log: RateLimitedLogger,
                 put_back: Callable[[str, Received], bool],
                 on_lost_device: Callable[[Exception], None]):
        self._pipeline = pipeline
        self._channels = dict(channels)
        self._settings = settings
        self._clock = clock
        self._log = log
        self._put_back = put_back
        self._on_lost_device = on_lost_device
        self._newest: dict[str, int] = {}
        segmenter = pipeline.segmenter
        self.preparation: Preparation[Received] = Preparation(
            segmenter.prepare, segmenter.is_ready, self._resume, self._fail_to_prepare)

    def perceive(self, batch: Mapping[str, Received]) -> None:
        """Perceive and publish one image of each camera under one snapshot of the settings."""
        settings = self._settings()
        taken_ns = time.monotonic_ns()
        frames = [frame for name, item in batch.items()
                  if (frame := self._take(self._channels[name], item, settings)) is not None]
        for group in self._pipeline.groups(frames):
            for perception in self._process(group, settings):
                self._publish(perception, batch[perception.frame.camera], taken_ns)

    @contextmanager
    def _boundary(self, channel: CameraChannel, what: str) -> Iterator[None]:
        """Keep an error to one camera and one stage."""
        try:
            yield
        except Exception as error:
            self._note(channel, what, error)

    def _note(self, channel: CameraChannel, what: str, error: Exception) -> None:
        channel.problems.note(f'{what}: {describe(error)}')
        self._report(channel, what, error)

    def _report(self, channel: CameraChannel, what: str, error: Exception) -> None:
        text = f'{what}: {describe(error)}'
        self._log.error(f'{channel.name} {what}', f'{channel.topic}: {text}')
        if is_device_lost(error):
            self._on_lost_device(error)

    def _take(self, channel: CameraChannel, item: Received, settings: Settings) -> Frame | None:
        """Return the frame of an image that is to be perceived now; None where none is."""
        if item.received_ns < self._newest.get(channel.name, item.received_ns):
            # It waited while a newer one, of another size, did not have to.
            channel.statistics.replace()
            return None
        with self._boundary(channel, 'a frame was lost'):
            try:
                self._check_age(item, settings.max_age)
                frame = self._frame(channel, item, settings)
            except _OutdatedError as error:
                channel.statistics.outdate()
                text = f'a frame was dropped: {error}'
                channel.problems.note(text)
                self._log.warning(f'{channel.name} outdated', f'{channel.topic}: {text}')
            except FrameError as error:
                channel.statistics.refuse()
                channel.problems.note(f'a frame was refused: {error}')
                self._log.warning(f'{channel.name} refused', f'{channel.topic}: {error}')
            else:
                return frame if self._goes_on(channel, frame, item) else None
        return None

    def _check_age(self, item: Received, limit: float) -> None:
        """
        Check that an image is neither too old nor ahead of its time.

        It is judged now, as /clock may be heard after an image that was sent after it. What it
        waited for in this node is not its driver's.

        :param limit: seconds; 0 is none.
        :raises _OutdatedError: it became too old here.
        :raises FrameError: it was too old when it came, or is ahead.
        """
        age = 1e-9 * (self._clock.now().nanoseconds
                      - conversions.stamp_to_ns(item.message.header.stamp))
        waited = 1e-9 * (time.monotonic_ns() - item.received_ns)
        if 0 < limit < -age:
            raise FrameError(
                f'its stamp is {-age:.1f} s ahead of the clock of this node, so that nobody can '
                f'tell how old the image is; alerts.max_age is {limit:g} s. {CLOCK_ADVICE}')
        if not 0 < limit < age:
            return
        # One that was put aside was new enough before, whatever the clock has done since.
        if item.frame is not None or age - waited <= limit:
            why = ('for its network to be compiled' if item.frame is not None else
                   'for others to be perceived')
            raise _OutdatedError(
                f'it waited here {why}, and is {age:.1f} s old by now; alerts.max_age is '
                f'{limit:g} s')
        raise FrameError(f'the image is {age:.1f} s old by its stamp; alerts.max_age is '
                         f'{limit:g} s')

    @staticmethod
    def _frame(channel: CameraChannel, item: Received, settings: Settings) -> Frame:
        """
        Return the frame of an image, which the worker may have had before.

        :raises FrameError: the image cannot be used.
        """
        if item.frame is not None:
            return item.frame
        frame = channel.input.frame(item.message, item.received_ns, settings.owner.clear_after)
        channel.statistics.take(frame.size)
        return frame

    def _goes_on(self, channel: CameraChannel, frame: Frame, item: Received) -> bool:
        """Return whether the network is ready for a frame; one that has to wait is put aside."""
        size = self._pipeline.segmenter.size_for(frame.size)
        if (failure := self.preparation.failure(size)):
            # Logged when it failed, not for each image that comes until the next try.
            channel.problems.note(f'a frame was lost: {failure}')
            return False
        if self.preparation.defer(channel.name, size, replace(item, frame=frame),
                                  channel.statistics.replace):
            return False
        self._newest[channel.name] = item.received_ns
        # An older one that waits would come too late.
        if self.preparation.drop(
                channel.name, lambda waiting: waiting.received_ns < item.received_ns):
            channel.statistics.replace()
        return True

    def _fail_to_prepare(self, camera: str, error: Exception, lost: bool) -> None:
        if lost:
            self._note(self._channels[camera], 'a frame was lost', error)
        else:
            self._report(self._channels[camera], 'the network was not compiled', error)

    def _resume(self, camera: str, item: Received) -> None:
        if not self._put_back(camera, item):
            self._channels[camera].statistics.replace()

    def _process(self, frames: list[Frame], settings: Settings) -> list[Perception]:
        """Return what could be perceived of the frames."""
        if not frames:
            return []
        ground = {frame.camera: self._ground(self._channels[frame.camera], frame.size, settings)
                  for frame in frames}
        wanted = frozenset(frame.camera for frame in frames
                           if self._wants_confidence(self._channels[frame.camera]))
        try:
            return self._pipeline.process(
                frames, settings, confidence=wanted, ground=ground, on_error=self._lose)
        except Exception as error:
            if len(frames) == 1:
                self._lose(frames[0], error)
                return []
        # Raised before the frames went apart, so none is tracked yet: one camera's image must not
        # blind the others.
        return [perception for frame in frames
                for perception in self._process([frame], settings)]

    def _wants_confidence(self, channel: CameraChannel) -> bool:
        with self._boundary(channel, 'the confidence was lost'):
            return channel.wants_confidence()
        return False

    def _lose(self, frame: Frame, error: Exception) -> None:
        self._note(self._channels[frame.camera], 'a frame was lost', error)

    def _ground(self, channel: CameraChannel, size: tuple[int, int], settings: Settings
                ) -> GroundCamera | None:
        """Return a camera's calibration, and say where it does less than was asked for."""
        with self._boundary(channel, 'the calibration was not used'):
            ground = channel.input.ground(size, settings.mounts[channel.name])
            if ground is not None:
                self._check_corridor(channel, ground, size, settings)
            return ground
        return None

    def _check_corridor(self, channel: CameraChannel, ground: GroundCamera, size: tuple[int, int],
                        settings: Settings) -> None:
        near, row = settings.alerts.near_m, settings.alerts.corridor.top_row
        begin = ground.distance(size[0])
        if begin > near:
            self._log.warning(
                f'{channel.name} near', f'{channel.topic}: alerts.near_m is {near:g} m, but by '
                f'the calibration the road is seen from {begin:.1f} m on, so that only what the '
                "image's lower edge cuts is near; check CameraInfo, height and pitch",
                SETUP_PERIOD)
        end = ground.distance(row * size[0])
        if end < near:
            self._log.warning(
                f'{channel.name} corridor', f'{channel.topic}: alerts.near_m is {near:g} m, '
                f'but the corridor ends {end:.1f} m ahead, and beyond it nothing is an ERROR; '
                'lower alerts.corridor.top_row', SETUP_PERIOD)

    def _publish(self, perception: Perception, item: Received, taken_ns: int) -> None:
        channel = self._channels[perception.frame.camera]
        started_ns = time.monotonic_ns()
        with self._boundary(channel, 'the alerts were lost'):
            if not self._publish_alerts(channel, perception, item, taken_ns):
                return
        with self._boundary(channel, 'the pictures were lost'):
            for name, publish in channel.others(perception, item.message.header):
                with self._boundary(channel, f'the {name} was lost'):
                    publish()
        channel.statistics.measure('publish', (time.monotonic_ns() - started_ns) * 1e-6)

    def _publish_alerts(self, channel: CameraChannel, perception: Perception, item: Received,
                        taken_ns: int) -> bool:
        """Publish the alerts; return False if the camera is not published for any more."""
        restarted = perception.report.restarted
        if restarted:
            self._log.warning(
                f'{channel.name} restarted',
                f'{channel.topic}: {restarted}; tracks and alerts start afresh')
        received_ns, now_ns = item.received_ns, time.monotonic_ns()
        latency_ms = {
            'capture_to_publish': (
                self._clock.now().nanoseconds - perception.frame.stamp_ns) * 1e-6,
            'wait': (taken_ns - received_ns) * 1e-6,
            **perception.latency_ms,
            'total': (now_ns - received_ns) * 1e-6,
        }

        def answered() -> None:
            channel.problems.resolve()
            channel.statistics.answer(latency_ms)

        published = channel.output.publish_alerts(
            self, perception, item.message.header, {
                'capture_to_publish_ms': latency_ms['capture_to_publish'],
                'receive_to_publish_ms': latency_ms['total'],
            }, answered)
        _, limited = channel.output.focus()
        if limited:
            self._log.warning(f'{channel.name} limited', f'{channel.topic}: {limited}')
        return published
