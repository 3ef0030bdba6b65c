"""The replay node: a recording, or the rendered street, as the topics of a camera."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
import threading
import time

from rclpy.duration import Duration
from rclpy.exceptions import InvalidTopicNameException
from rclpy.node import Node
from rclpy.qos_overriding_options import QoSOverridingOptions
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from aim_ros.imaging.frame import Frame
from aim_ros.media.frames import MediaError
from aim_ros.media.frames import parse_options
from aim_ros.media.sources import open_source
from aim_ros.nodes.logging import as_text
from aim_ros.nodes.logging import RateLimitedLogger
from aim_ros.nodes.messages.conversions import camera_info_message
from aim_ros.nodes.messages.conversions import image_message
from aim_ros.nodes.messages.conversions import ns_to_stamp
from aim_ros.nodes.messages.conversions import stamp_to_ns
from aim_ros.nodes.replay.awaited import AwaitedNodes
from aim_ros.nodes.replay.pace import Pace
from aim_ros.nodes.replay.playback import Playback
from aim_ros.nodes.replay.settings import declare_settings

_DEPTH = 10
_LATE = 0.25  # seconds behind the pace before a warning
_LONG_WAIT = 5.0  # seconds before the next frame, of which a line is logged
_DELIVERY_TIMEOUT = Duration(seconds=2)
_MATCH_DELAY = 0.1


class ReplayError(Exception):
    """The replay cannot begin or go on; its text is one sentence for the user."""


@dataclass
class Tally:
    """
    What was played.

    :param frames: how many.
    :param lost: frames that the source announced and did not give.
    :param masks: that came in lockstep.
    :param timeouts: masks that did not.
    """

    frames: int = 0
    lost: int = 0
    masks: int = 0
    timeouts: int = 0


class ReplayNode(Node):
    """
    Publishes the frames of a source as ``<camera>/image`` and ``<camera>/camera_info``.

    To be spun by an executor while another thread is in `play`.

    :raises MediaError: the source cannot be opened.
    :raises ValueError: a parameter is wrong.
    """

    def __init__(self, **options):
        super().__init__('replay', **options)
        self.settings = settings = declare_settings(self)
        self._log = RateLimitedLogger(self.get_logger())
        self._source = open_source(settings.source, **parse_options(settings.options))
        if settings.start >= len(self._source):
            raise ValueError(f'start must be below {len(self._source)}, the number of frames of '
                             f'{self._source.name}; got {settings.start}')
        self._mask_came = threading.Condition()
        self._masks: set[int] = set()  # stamps, since the last frame went out
        # Reliable, so that reliable and best-effort subscriptions both match.
        overridable = QoSOverridingOptions.with_default_policies()
        self._loss = ''
        mask_topic = settings.mask_topic or f'/segmentation/{settings.camera}/mask'
        try:
            self._mask_subscription = self.create_subscription(
                Image, mask_topic, self._receive_mask, _DEPTH) if settings.lockstep else None
            self._images = self.create_publisher(
                Image, f'{settings.camera}/image', _DEPTH, qos_overriding_options=overridable)
            self._infos = self.create_publisher(
                CameraInfo, f'{settings.camera}/camera_info', _DEPTH)
            self._clock_publisher = (
                self.create_publisher(Clock, '/clock', _DEPTH) if settings.clock else None)
            self._awaited = AwaitedNodes(
                self, self._images, self._mask_subscription, mask_topic, settings.subscribers)
            self._playback = Playback(self)
        except InvalidTopicNameException as error:
            raise ValueError('camera and mask_topic must make names of topics: '
                             f'{" ".join(str(error).split())}') from error

    def play(self, stop: threading.Event) -> Tally:
        """
        Play to the end, or until `stop` is set; return what was played.

        :raises MediaError: the source cannot be read any more.
        :raises ReplayError: the nodes that it is to wait for were not there in time, or have
            ended; or the source gave no frame.
        """
        settings = self.settings
        tally = Tally()
        if settings.lockstep or settings.wait:
            self._await_match(stop)
        begin = time.monotonic()
        pace = Pace(settings.rate, settings.every)
        for frame in self._frames(stop, pace, tally):
            self._await_due(frame, pace, stop)
            if stop.is_set():
                break
            stamp_ns = self._publish(frame)
            tally.frames += 1
            if settings.lockstep:
                if self._await_mask(stamp_ns, stop):
                    tally.masks += 1
                elif not stop.is_set():
                    tally.timeouts += 1
                    self._warn_of_missing_mask(frame, tally.timeouts)
            if self._playback.hold(stop, partial(self._repeat, frame)):
                pace.shift(time.monotonic())
        if not stop.is_set():
            for publisher in (self._images, self._infos, self._clock_publisher):
                if publisher is not None:
                    publisher.wait_for_all_acked(_DELIVERY_TIMEOUT)
        self._summarize(tally, time.monotonic() - begin)
        return tally

    def _frames(self, stop: threading.Event, pace: Pace, tally: Tally) -> Iterator[Frame]:
        """Yield the frames to play; what the source does not give is counted and logged."""
        settings = self.settings
        announced = len(range(settings.start, len(self._source), settings.every))
        while not stop.is_set():
            given = 0
            for frame in self._source.frames(settings.start, settings.every, self._note_loss):
                given += 1
                yield frame
            tally.lost += max(announced - given, 0)
            if given == 0:
                raise ReplayError(
                    f'{self._source.name} gave none of the {announced} frames that it announced'
                    + (f'; the last one: {self._loss}' if self._loss else ''))
            if not settings.loop:
                return
            pace.begin_again()

    def _note_loss(self, error: MediaError) -> None:
        self._loss = as_text(str(error))
        self._log.warning('loss', f'{error}; playing on without it')

    def _await_due(self, frame: Frame, pace: Pace, stop: threading.Event) -> None:
        """Wait until a frame is due, or until `stop` is set."""
        settings = self.settings
        now = time.monotonic()
        due = pace.due(frame.stamp_ns, now, frame.recorded_ns)
        where = as_text(f'frame {frame.index} of {self._source.name}')
        if pace.doubt:
            self._log.warning('stamps', f'{where}: {pace.doubt}')
        if settings.lockstep:
            pace.shift(now)
        elif now - due > _LATE:
            self._log.warning('pace', (
                f'{where} is {now - due:.1f} s late: it cannot be played at rate '
                f'{settings.rate:g}; lower rate or raise every'))
        if due - now > _LONG_WAIT:
            self.get_logger().info(
                f'{where} is due in {due - now:.0f} s, since the recording pauses before it')
        while not stop.wait(min(max(due - time.monotonic(), 0), 1.0)):
            self._check_awaited()
            if time.monotonic() >= due:
                return

    def _summarize(self, tally: Tally, seconds: float) -> None:
        text = as_text(
            f'played {tally.frames} frames of {self._source.name} in {seconds:.1f} s')
        if self.settings.lockstep:
            text += f'; {tally.masks} masks, {tally.timeouts} timeouts'
        if tally.lost:
            self.get_logger().warning(
                f'{text}; {tally.lost} more were announced and could not be read'
                + (f', the last one: {self._loss}' if self._loss else ''))
        else:
            self.get_logger().info(text)

    def _publish(self, frame: Frame) -> int:
        """Publish a frame and all that belongs to it; return its stamp in ns."""
        original = self.settings.stamps == 'original'
        stamp_ns = frame.stamp_ns if original else time.time_ns()
        header = Header(stamp=ns_to_stamp(stamp_ns), frame_id=frame.frame_id)
        with self._mask_came:
            self._masks.clear()
        if self._clock_publisher is not None:
            self._clock_publisher.publish(Clock(clock=header.stamp))
        if frame.camera_model is not None:
            self._infos.publish(camera_info_message(frame.camera_model, header))
        self._images.publish(image_message(frame.image, frame.encoding, header))
        return stamp_ns

    def _repeat(self, frame: Frame) -> None:
        """Publish the frame of a paused replay again, as a camera that sees nothing move does."""
        self._check_awaited()
        # With its own stamp it would be no news to anybody.
        if self.settings.stamps == 'now':
            self._publish(frame)

    def _receive_mask(self, mask: Image) -> None:
        with self._mask_came:
            self._masks.add(stamp_to_ns(mask.header.stamp))
            self._mask_came.notify_all()

    def _await_mask(self, stamp_ns: int, stop: threading.Event) -> bool:
        deadline = time.monotonic() + self.settings.lockstep_timeout
        while not stop.is_set():
            with self._mask_came:
                if stamp_ns in self._masks:
                    return True
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                # In short waits, as nobody notifies this condition of `stop`.
                self._mask_came.wait(min(left, 0.1))
            self._check_awaited()
        return False

    def _await_match(self, stop: threading.Event) -> None:
        """Wait for who subscribes to the images, in lockstep also for who publishes the masks."""
        deadline = time.monotonic() + self.settings.match_timeout
        logged = False
        while not stop.wait(0.02):
            reason = self._awaited.missing()
            if not reason:
                # Both are matched on this side; the other learns of the mask's subscription in
                # a message of its own, and would not send a mask before.
                stop.wait(_MATCH_DELAY)
                self._awaited.remember()
                return
            if time.monotonic() > deadline:
                raise ReplayError(
                    f'the replay cannot begin: for {self.settings.match_timeout:g} s {reason}; '
                    'start the segmentation node, or set camera and mask_topic to its topics')
            self._check_awaited()
            if not logged:
                self.get_logger().info(f'the replay waits: {reason}')
                logged = True

    def _check_awaited(self) -> None:
        """Raise ReplayError if there is nobody left to play for."""
        if not (self.settings.lockstep or self.settings.wait):
            return
        gone = self._awaited.gone()
        if gone:
            raise ReplayError(f'the replay ends: {gone}, which it plays for, has ended')

    def _warn_of_missing_mask(self, frame: Frame, count: int) -> None:
        self._log.warning('mask', (
            f'no mask with the stamp of frame {frame.index} on '
            f'{self._mask_subscription.topic_name} within '
            f'{self.settings.lockstep_timeout:g} s ({count} so far): is the segmentation node '
            'active, and does it keep the header stamp? Playing on.'))
