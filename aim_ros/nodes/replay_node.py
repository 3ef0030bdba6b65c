"""The replay node: a recording, or the rendered street, as the topics of a camera."""

from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import Field
from dataclasses import field
from dataclasses import fields
import math
import threading
import time
from typing import Any

from rcl_interfaces.msg import FloatingPointRange
from rcl_interfaces.msg import IntegerRange
from rcl_interfaces.msg import ParameterDescriptor
import rclpy
from rclpy.duration import Duration
from rclpy.exceptions import InvalidTopicNameException
from rclpy.executors import SingleThreadedExecutor
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
from aim_ros.nodes.conversions import camera_info_message
from aim_ros.nodes.conversions import image_message
from aim_ros.nodes.conversions import ns_to_stamp
from aim_ros.nodes.conversions import stamp_to_ns
from aim_ros.nodes.logging import RateLimitedLogger
from aim_ros.nodes.process import join_ros
from aim_ros.nodes.process import run_until_stopped

_DEPTH = 10
_LATE = 0.25  # seconds behind the pace before a warning
_DELIVERY_TIMEOUT = Duration(seconds=2)
_END_TIMEOUT = 5.0
_SETTLING = 0.1
_KINDS = {bool: 'true or false', int: 'an integer', float: 'a number', str: 'a string'}


class ReplayError(Exception):
    """The replay cannot begin; its text is one sentence for the user."""


def _parameter(default, description: str, low=None, high=None, choices=()) -> Any:
    """Make a field of `ReplaySettings`: a ROS parameter, its range inclusive."""
    limits = {'description': description, 'low': low, 'high': high, 'choices': choices}
    return field(default=default, metadata=limits)


@dataclass(frozen=True)
class ReplaySettings:
    """The node's parameters, all of them fixed at start."""

    source: str = _parameter(
        'street', 'What to play: street (rendered), or the path of a KITTI raw drive, a rosbag2 '
        'folder or a folder of images.')
    options: str = _parameter(
        '', 'How to read the source, as name=value,...: seed, frames, size, rate (street); rate '
        '(images); topic (rosbag2); camera (KITTI).')
    camera: str = _parameter(
        'camera', 'Name of the camera: its topics are <camera>/image and <camera>/camera_info.')
    rate: float = _parameter(
        1.0, 'Speed as a multiple of the original one; 0 plays as fast as it can.', 0.0, 1000.0)
    loop: bool = _parameter(False, 'Whether to begin again at the end.')
    start: int = _parameter(0, 'The first frame to play, counted from 0.', 0, 2**31 - 1)
    every: int = _parameter(1, 'Play every n-th frame only.', 1, 2**31 - 1)
    stamps: str = _parameter(
        'original', "What the headers say: the source's own time, or the time of playing.",
        choices=('original', 'now'))
    clock: bool = _parameter(
        False, 'Whether to publish the stamp of each frame on /clock before it; only with stamps '
        'original.')
    lockstep: bool = _parameter(
        False, 'Whether to wait for the mask of each frame before the next, so that none is lost.')
    wait: bool = _parameter(
        False, 'Whether to wait for a subscriber before the first frame; lockstep always does.')
    subscribers: int = _parameter(
        1, 'How many subscribers of the images the replay waits for, where it waits.', 1, 1000)
    mask_topic: str = _parameter(
        '', 'Where lockstep expects the masks; empty for /segmentation/<camera>/mask.')
    lockstep_timeout: float = _parameter(
        10.0, 'Seconds that lockstep waits for a mask before it goes on.', 0.01, 3600.0)
    match_timeout: float = _parameter(
        120.0, 'Seconds to wait for the other node before the first frame.', 0.01,
        3600.0)


def declare_settings(node: Node) -> ReplaySettings:
    """Declare the parameters on `node`; raise ValueError with a sentence if one is wrong."""
    values = {}
    for spec in fields(ReplaySettings):
        # The range is set once the value is judged: rclpy would refuse it in its own words.
        given = node.declare_parameter(
            spec.name, spec.default, ParameterDescriptor(dynamic_typing=True)).value
        values[spec.name] = _judged(spec, given)
        node.set_descriptor(spec.name, _descriptor(spec))
    settings = ReplaySettings(**values)
    if settings.clock and settings.stamps != 'original':
        raise ValueError("clock needs the source's own time: set stamps to original, or clock to "
                         'false')
    return settings


def _descriptor(spec: Field) -> ParameterDescriptor:
    low, high = spec.metadata['low'], spec.metadata['high']
    descriptor = ParameterDescriptor(
        description=spec.metadata['description'], read_only=True, dynamic_typing=True)
    if spec.metadata['choices']:
        descriptor.additional_constraints = 'one of: ' + ', '.join(spec.metadata['choices'])
    if spec.type is int and low is not None:
        descriptor.integer_range = [IntegerRange(from_value=low, to_value=high)]
    if spec.type is float:
        descriptor.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]
    return descriptor


def _judged(spec: Field, value: Any) -> Any:
    """Return a parameter's value, or raise ValueError that says what would be right."""
    low, high, choices = (spec.metadata[name] for name in ('low', 'high', 'choices'))
    if spec.type is float and type(value) is int:
        value = float(value)
    if type(value) is not spec.type:
        given = 'nothing' if value is None else repr(value)
        raise ValueError(f'{spec.name} must be {_KINDS[spec.type]}, got {given}')
    if choices and value not in choices:
        raise ValueError(f'{spec.name} must be one of {", ".join(choices)}, got {value!r}')
    if low is not None and not (math.isfinite(value) and low <= value <= high):
        raise ValueError(f'{spec.name} must be in {low:g}..{high:g}, got {value:g}')
    return value


class Pace:
    """Says when each frame is due on a steady clock, at `rate` times the speed of its stamps."""

    def __init__(self, rate: float):
        self._rate = rate
        self._due: float | None = None
        self._stamp_ns = 0
        self._step = 0.1  # what a source of one frame waits before it begins again

    def due(self, stamp_ns: int, now: float) -> float:
        """
        Return when the next frame is due, in seconds like `now`; the first is due at once.

        Each is reckoned from the one before and not from `now`, so delays do not add up. Where
        the stamps go back, as at the start of a loop, the last step is repeated.
        """
        if self._due is None or self._rate == 0:
            self._due = now
        else:
            step = (stamp_ns - self._stamp_ns) / 1e9
            self._step = step if step >= 0 else self._step
            self._due += self._step / self._rate
        self._stamp_ns = stamp_ns
        return self._due

    def shift(self, now: float) -> None:
        """Reckon from `now` if the last frame was due before."""
        self._due = max(self._due, now)


@dataclass
class Tally:
    """What was played."""

    frames: int = 0
    masks: int = 0
    timeouts: int = 0


class ReplayNode(Node):
    """
    Publishes the frames of a source as ``<camera>/image`` and ``<camera>/camera_info``.

    To be spun by an executor while another thread is in `play`.

    :raises MediaError: the source can not be opened.
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
        except InvalidTopicNameException as error:
            raise ValueError('camera and mask_topic must make names of topics: '
                             f'{" ".join(str(error).split())}') from error

    def play(self, stop: threading.Event) -> Tally:
        """
        Play to the end, or until `stop` is set; return what was played.

        :raises MediaError: a frame can not be read.
        :raises ReplayError: the other node that it is to wait for was not there in time.
        """
        settings = self.settings
        tally = Tally()
        if settings.lockstep or settings.wait:
            self._await_match(stop)
        begin = time.monotonic()
        pace = Pace(settings.rate)
        for frame in self._frames(stop):
            now = time.monotonic()
            due = pace.due(frame.stamp_ns, now)
            if settings.lockstep:
                pace.shift(now)
            elif now - due > _LATE:
                self._log.warning('pace', (
                    f'frame {frame.index} of {self._source.name} is {now - due:.1f} s late: it '
                    f'can not be played at rate {settings.rate:g}; lower rate or raise every'))
            if stop.wait(max(due - now, 0)):
                break
            stamp_ns = self._publish(frame)
            tally.frames += 1
            if settings.lockstep and not stop.is_set():
                if self._await_mask(stamp_ns, stop):
                    tally.masks += 1
                elif not stop.is_set():
                    tally.timeouts += 1
                    self._warn_of_missing_mask(frame, tally.timeouts)
        if not stop.is_set():
            self._images.wait_for_all_acked(_DELIVERY_TIMEOUT)
        seconds = time.monotonic() - begin
        answers = f'; {tally.masks} masks, {tally.timeouts} timeouts' if settings.lockstep else ''
        self.get_logger().info(
            f'played {tally.frames} frames of {self._source.name} in {seconds:.1f} s{answers}')
        return tally

    def _frames(self, stop: threading.Event) -> Iterator[Frame]:
        while not stop.is_set():
            yield from self._source.frames(self.settings.start, self.settings.every)
            if not self.settings.loop:
                return

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

    def _receive_mask(self, mask: Image) -> None:
        with self._mask_came:
            self._masks.add(stamp_to_ns(mask.header.stamp))
            self._mask_came.notify_all()

    def _await_mask(self, stamp_ns: int, stop: threading.Event) -> bool:
        deadline = time.monotonic() + self.settings.lockstep_timeout
        with self._mask_came:
            while stamp_ns not in self._masks:
                left = deadline - time.monotonic()
                if left <= 0 or stop.is_set():
                    return False
                # In short waits, as nobody tells this condition of `stop`.
                self._mask_came.wait(min(left, 0.1))
        return True

    def _await_match(self, stop: threading.Event) -> None:
        """Wait for who subscribes to the images, in lockstep also for who publishes the masks."""
        deadline = time.monotonic() + self.settings.match_timeout
        told = False
        while not stop.wait(0.02):
            missing = []
            count, wanted = self._images.get_subscription_count(), self.settings.subscribers
            if count == 0:
                missing.append(f'nobody subscribes to {self._images.topic_name}')
            elif count < wanted:
                missing.append(f'{count} of {wanted} subscribe to {self._images.topic_name}')
            masks = self._mask_subscription
            if masks is not None and masks.get_publisher_count() == 0:
                missing.append(f'nobody publishes {masks.topic_name}')
            if not missing:
                # Both are matched on this side; the other learns of the mask's subscription in
                # a message of its own, and would not send a mask before.
                stop.wait(_SETTLING)
                return
            reason = ' and '.join(missing)
            if time.monotonic() > deadline:
                raise ReplayError(
                    f'the replay can not begin: for {self.settings.match_timeout:g} s {reason}; '
                    'start the segmentation node, or set camera and mask_topic to its topics')
            if not told:
                self.get_logger().info(f'the replay waits: {reason}')
                told = True

    def _warn_of_missing_mask(self, frame: Frame, count: int) -> None:
        self._log.warning('mask', (
            f'no mask with the stamp of frame {frame.index} on '
            f'{self._mask_subscription.topic_name} within '
            f'{self.settings.lockstep_timeout:g} s ({count} so far): is the segmentation node '
            'active, and does it keep the header stamp? Playing on.'))


def run_replay(args: list[str] | None, stop: threading.Event) -> int:
    """
    Play until the source ends or `stop` is set; return the exit code.

    :param args: command line with ROS arguments; None takes the process's.
    """
    def work() -> int:
        if not join_ros('replay', args):
            return 1
        try:
            _play(stop)
        except (MediaError, ReplayError, ValueError) as error:
            rclpy.logging.get_logger('replay').fatal(str(error))
            return 1
        finally:
            rclpy.shutdown()
        return 0

    return run_until_stopped(work, stop)


def _play(stop: threading.Event) -> None:
    node = ReplayNode()
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    spinner = threading.Thread(target=executor.spin, name='executor', daemon=True)
    spinner.start()
    try:
        node.play(stop)
    finally:
        executor.shutdown()
        spinner.join(_END_TIMEOUT)
        node.destroy_node()
