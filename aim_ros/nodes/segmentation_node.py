"""The segmentation node: camera topics in, masks and alerts out. Plumbing only."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
import threading
import time

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock
from rclpy.clock import ClockType
from rclpy.lifecycle import LifecycleNodeMixin
from rclpy.lifecycle import LifecycleState
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.node import Node
from rclpy.qos import QoSDurabilityPolicy
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from aim_ros.hazards.geometry import GroundCamera
from aim_ros.imaging.frame import Frame
from aim_ros.imaging.frame import FrameError
from aim_ros.nodes import conversions
from aim_ros.nodes.camera_channel import CameraChannel
from aim_ros.nodes.diagnostics import camera_status
from aim_ros.nodes.diagnostics import node_status
from aim_ros.nodes.logging import RateLimitedLogger
from aim_ros.nodes.mailbox import Mailbox
from aim_ros.nodes.parameters import NodeParameters
from aim_ros.nodes.worker import Worker
from aim_ros.perception.pipeline import Perception
from aim_ros.perception.pipeline import Pipeline
from aim_ros.perception.settings import Settings
from aim_ros.segmentation.segmenter import ModelError
from aim_ros.segmentation.segmenter import Segmenter

_WATCHDOG_PERIOD = 0.1
_SILENT_AFTER = 2.0
_WORKER_TIMEOUT = 2.5
_SETTLED = 10
"""Frames after which a camera's calibration should have come."""
_SETUP_PERIOD = 3600.0
"""Seconds between two warnings of what is odd about the set-up, not about the stream."""

_LARGE_IMAGES = (
    'large images get lost in the default transports of Fast DDS: start the camera driver with '
    'FASTRTPS_DEFAULT_PROFILES_FILE set to config/fastdds.xml of aim_ros (README, "Large images '
    'over DDS")')


@dataclass(frozen=True)
class _Mail:
    """An image on its way from the executor to the worker."""

    message: Image | CompressedImage
    received_ns: int


@dataclass(frozen=True, eq=False)
class Session:
    """What the worker works with between one activation and the next deactivation."""

    pipeline: Pipeline
    channels: dict[str, CameraChannel]


def describe(error: Exception) -> str:
    """Return what went wrong in one line of bounded length."""
    text = ' '.join(str(error).split())[:500]
    return text if isinstance(error, (ModelError, ValueError)) else (
        f'{type(error).__name__}: {text}')


class SegmentationNode(LifecycleNodeMixin, Node):
    """
    Runs SegFormer on camera topics under a driver profile that may change at any time.

    The executor receives images and answers services; one worker thread perceives and publishes.
    The README lists topics and parameters.
    """

    def __init__(self, **options):
        Node.__init__(self, 'segmentation', **options)
        # rclpy's LifecycleNode is these two bases, but can not give transitions a group of their
        # own, by which parameters are answered while a model loads.
        transitions = MutuallyExclusiveCallbackGroup()
        LifecycleNodeMixin.__init__(
            self, enable_communication_interface=True, callback_group=transitions)
        self._transition = threading.RLock()
        self._log = RateLimitedLogger(self.get_logger())
        self._images = MutuallyExclusiveCallbackGroup()
        self._params = NodeParameters(self)
        self._problem = ''
        self._pipeline: Pipeline | None = None
        self._channels: dict[str, CameraChannel] = {}
        # The watchdog and /diagnostics look at the channels from other threads than a transition
        # destroys them in.
        self._channels_lock = threading.Lock()
        self._label_info = None
        self._worker: Worker[_Mail] | None = None
        self._hung: Worker[_Mail] | None = None

        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        # With use_sim_time and no /clock, a timer on the node's clock would never fire.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        watching = MutuallyExclusiveCallbackGroup()
        self.create_timer(1.0, self._publish_diagnostics, watching, steady)
        self.create_timer(_WATCHDOG_PERIOD, self._watch, watching, steady)
        self.autostart_failed = False
        if self._params['autostart']:
            self._autostart_timer = self.create_timer(0.0, self._autostart, transitions, steady)

    # Lifecycle. rclpy swallows what a transition raises, so each says why and returns FAILURE.

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load and warm up the model, and make the publishers."""
        try:
            with self._transition:
                self._configure()
        except Exception as error:
            self._clean_up()
            return self._fail('configure', error)
        self._problem = ''
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start the worker and subscribe to the cameras."""
        try:
            with self._transition:
                self._activate()
        except Exception as error:
            self._stop_working()
            return self._fail('activate', error)
        return TransitionCallbackReturn.SUCCESS

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop the worker, tell planners, and unsubscribe."""
        self._stop_working()
        return TransitionCallbackReturn.SUCCESS

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Drop the model and the publishers."""
        self._clean_up()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop whatever is under way."""
        self._stop_working()
        self._clean_up()
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Go back to unconfigured, from where the node can be tried again."""
        self._stop_working()
        self._clean_up()
        return TransitionCallbackReturn.SUCCESS

    def end(self) -> bool:
        """
        Shut down for good; to be called when no executor spins the node any more.

        Waits for a transition that is under way. Planners get a last STALE before the publishers
        go.

        :return: whether nothing runs any more; False while a frame hangs in the network.
        """
        with self._transition:
            self._stop_working()
            self._clean_up()
            self.destroy_node()
            return self._hung is None or not self._hung.alive

    def _autostart(self) -> None:
        self._autostart_timer.cancel()
        for transition in (self.trigger_configure, self.trigger_activate):
            if transition() != TransitionCallbackReturn.SUCCESS:
                self.autostart_failed = True
                verb = self._problem.partition(':')[0]
                self.get_logger().fatal(
                    f'autostart failed: {self._problem}. When that is mended: '
                    f'ros2 lifecycle set {self.get_fully_qualified_name()} {verb}')
                return

    def _fail(self, transition: str, error: Exception) -> TransitionCallbackReturn:
        self._problem = f'{transition}: {describe(error)}'
        self.get_logger().error(self._problem)
        return TransitionCallbackReturn.FAILURE

    def _configure(self) -> None:
        parameters = self._params
        settings = parameters.validate()
        started = time.monotonic()
        size = parameters['input_size']
        if len(size) not in (0, 2):
            raise ValueError(
                f'input_size must be empty or [height, width], got {list(size)}')
        # OpenMP keeps a team for every thread that ever ran torch, and where their members
        # outnumber the cores, each waits for work asleep. So the worker's must be the only one.
        with ThreadPoolExecutor(1) as loader:
            self._pipeline = loader.submit(self._load, size).result()
        segmenter = self._pipeline.segmenter
        channels = {
            name: CameraChannel(
                self, name, parameters['image_transport'], segmenter.labels, self._images)
            for name in parameters['cameras']}
        with self._channels_lock:
            self._channels = channels
        if conversions.HAVE_VISION_MSGS:
            latched = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
            self._label_info = self.create_publisher(
                conversions.LabelInfo, '~/label_info', latched)
            self._label_info.publish(conversions.label_info_message(
                segmenter.labels, Header(stamp=self.get_clock().now().to_msg())))
        height, width = segmenter.input_size
        self.get_logger().info(
            f'loaded {parameters["model"]} in {time.monotonic() - started:.1f} s: '
            f'{len(segmenter.labels)} classes at {width}x{height} on {segmenter.device} in '
            f'{segmenter.precision}; driver profile {settings.profile}')

    def _load(self, size: Sequence[int]) -> Pipeline:
        parameters = self._params
        segmenter = Segmenter(
            parameters['model'], device=parameters['device'], precision=parameters['precision'],
            input_size=size or None)
        pipeline = Pipeline(segmenter, parameters['seed'])
        pipeline.warm_up(len(parameters['cameras']))
        return pipeline

    def _clean_up(self) -> None:
        with self._channels_lock:
            for channel in self._channels.values():
                channel.destroy()
            self._channels = {}
        if self._label_info is not None:
            self.destroy_publisher(self._label_info)
        self._label_info = self._pipeline = None

    def _activate(self) -> None:
        if self._hung is not None and self._hung.alive:
            raise RuntimeError('a frame of before is still being perceived; try again')
        session = Session(self._pipeline, dict(self._channels))
        settings = self._params.settings
        # The watchdog is to find all channels subscribed, or none.
        with self._channels_lock:
            self._worker = Worker(partial(self._perceive, session), self._lose)
            self._hung = None
            for channel in self._channels.values():
                channel.subscribe(session, partial(self._receive, self._worker.mailbox), settings)
        self._problem = ''
        self.get_logger().info('active: ' + ', '.join(
            channel.topic for channel in self._channels.values()))

    def _stop_working(self) -> None:
        """Stop the worker and leave a last STALE; nothing to do if it does not run."""
        worker = self._worker
        if worker is None:
            return
        # A worker that hangs must not keep the last STALE from planners.
        self._hung = None if worker.stop(_WORKER_TIMEOUT) else worker
        with self._channels_lock:
            self._worker = None
            for channel in self._channels.values():
                channel.unsubscribe('the node is not active')
        for channel in self._channels.values():
            channel.flush_alerts(timeout=0.5)

    # From image to alerts

    def _receive(self, mailbox: Mailbox[_Mail], channel: CameraChannel,
                 message: Image | CompressedImage) -> None:
        """Take in an image on the executor: note it, and leave it for the worker."""
        channel.health.receive(conversions.stamp_to_ns(message.header.stamp))
        if mailbox.put(channel.name, _Mail(message, time.monotonic_ns())):
            channel.health.replace()

    def _perceive(self, session: Session, mail: dict[str, _Mail]) -> None:
        """Perceive and publish one batch under one snapshot of the settings, in the worker."""
        settings = self._params.settings
        taken_ns = time.monotonic_ns()
        frames = []
        for name, letter in mail.items():
            channel = session.channels[name]
            try:
                self._check_age(letter.message)
                frames.append(channel.frame(letter.message, letter.received_ns))
            except FrameError as error:
                channel.health.refuse()
                channel.problem = f'a frame was refused: {error}'
                self._log.warning(f'{name} refused', f'{channel.topic}: {error}')
        self._perceive_frames(session, frames, settings, mail, taken_ns)
        self._problem = ''

    def _check_age(self, message: Image | CompressedImage) -> None:
        limit = self._params['alerts.max_age']
        age = 1e-9 * self._age_ns(conversions.stamp_to_ns(message.header.stamp))
        if 0 < limit < age:
            raise FrameError(f'the image is {age:.1f} s old by its stamp; alerts.max_age is '
                             f'{limit:g} s')

    def _age_ns(self, stamp_ns: int) -> int:
        return self.get_clock().now().nanoseconds - stamp_ns

    def _perceive_frames(self, session: Session, frames: list[Frame], settings: Settings,
                         mail: dict[str, _Mail], taken_ns: int) -> None:
        try:
            self._perceive_batch(session, frames, settings, mail, taken_ns)
        except Exception as error:
            if len(frames) == 1:
                channel = session.channels[frames[0].camera]
                channel.problem = f'a frame was lost: {describe(error)}'
                self._log.error(
                    f'{channel.name} frame', f'{channel.topic}: {channel.problem}')
                return
            # One camera's image must not blind the others.
            for frame in frames:
                self._perceive_frames(session, [frame], settings, mail, taken_ns)

    def _perceive_batch(self, session: Session, frames: list[Frame], settings: Settings,
                        mail: dict[str, _Mail], taken_ns: int) -> None:
        if not frames:
            return
        ground = {frame.camera: self._ground(session.channels[frame.camera], frame.size, settings)
                  for frame in frames}
        wanted = frozenset(frame.camera for frame in frames
                           if session.channels[frame.camera].wants_confidence())
        for perception in session.pipeline.process(
                frames, settings, confidence=wanted, ground=ground):
            self._publish(session, perception, mail[perception.frame.camera], taken_ns)

    def _ground(self, channel: CameraChannel, size: tuple[int, int], settings: Settings
                ) -> GroundCamera | None:
        """Return a camera's calibration, and say where it does less than was asked for."""
        ground = channel.ground(
            size, self._params[f'{channel.name}.height'], self._params[f'{channel.name}.pitch'])
        if ground is not None:
            near, row = settings.alerts.near_m, settings.alerts.corridor.top_row
            end = ground.distance(row * size[0])
            if end < near:
                self._log.warning(
                    f'{channel.name} corridor', f'{channel.topic}: alerts.near_m is {near:g} m, '
                    f'but the corridor ends {end:.1f} m ahead, and beyond it nothing is an ERROR; '
                    'lower alerts.corridor.top_row', _SETUP_PERIOD)
        return ground

    def _lose(self, error: Exception) -> None:
        """Own up to frames that were lost before they could be told apart."""
        self._problem = f'a frame was lost: {describe(error)}'
        self._log.error('frame', self._problem)

    def _publish(self, session: Session, perception: Perception, letter: _Mail, taken_ns: int
                 ) -> None:
        channel = session.channels[perception.frame.camera]
        report = perception.report
        if report.restarted:
            self._log.warning(
                f'{channel.name} restarted',
                f'{channel.topic}: {report.restarted}; tracks and alerts start afresh')
        header = letter.message.header
        started_ns = time.monotonic_ns()
        age_ns = self._age_ns(perception.frame.stamp_ns)
        latency_ms = {
            'capture_to_publish': age_ns * 1e-6,
            'wait': (taken_ns - letter.received_ns) * 1e-6,
            **perception.latency_ms,
            'total': (started_ns - letter.received_ns) * 1e-6,
        }
        channel.publish(session, perception, header, {
            'capture_to_publish_ms': latency_ms['capture_to_publish'],
            'receive_to_publish_ms': latency_ms['total'],
        }, latency_ms)
        _, limited = channel.focus()
        if limited:
            self._log.warning(f'{channel.name} limited', f'{channel.topic}: {limited}')
        channel.health.measure('publish', (time.monotonic_ns() - started_ns) * 1e-6)

    # Watching

    def _watch(self) -> None:
        """Tell planners of cameras that fell silent, and people of what is odd about streams."""
        with self._channels_lock:
            if self._worker is not None:
                for channel in self._channels.values():
                    self._watch_camera(channel)

    def _watch_camera(self, channel: CameraChannel) -> None:
        name, topic, health = channel.name, channel.topic, channel.health
        if channel.publish_if_stale(self._params['alerts.stale_after']):
            self._log.warning(
                f'{name} stale', f'{topic}: no frame was answered for {health.staleness():.1f} s; '
                'the alert level is STALE')
        publishers = channel.publisher_count()
        if publishers and health.silence() > _SILENT_AFTER:
            self._log.warning(
                f'{name} silent', f'{topic}: nothing arrived for {health.silence():.0f} s, though '
                f'{publishers} publishers are matched; {_LARGE_IMAGES}')
        missing = health.missing_share()
        if missing and health.silence() < _SILENT_AFTER:
            self._log.warning(
                f'{name} gaps', f'{topic}: the stamps show that {missing:.0%} of the frames do '
                f'not arrive; {_LARGE_IMAGES}')
        if health.stamps_frozen():
            self._log.warning(
                f'{name} frozen', f'{topic}: the header stamps stand still, so pixel sampling '
                'draws the same noise for every frame, and tracks go by the time of receipt; make '
                'the camera driver stamp its images')
        if health.count('answered') >= _SETTLED and channel.calibration != 'used':
            there = 'no CameraInfo' if channel.calibration == 'none' else (
                'a CameraInfo that can not be used')
            self._log.warning(
                f'{name} uncalibrated', f'{topic}: there is {there}, so alerts have no distance, '
                'and near goes by alerts.near_row, not alerts.near_m', _SETUP_PERIOD)

    def _publish_diagnostics(self) -> None:
        """Publish the node's health, in every lifecycle state."""
        name = self.get_fully_qualified_name().lstrip('/')
        pipeline = self._pipeline
        state = self._state_machine.current_state[1]
        values: dict[str, object] = {'model': self._params['model']}
        settings = None
        if pipeline is not None:
            settings = self._params.settings
            segmenter = pipeline.segmenter
            values.update({
                'device': str(segmenter.device),
                'precision': segmenter.precision,
                'input_size': f'{segmenter.input_size[1]}x{segmenter.input_size[0]}',
            })
        with self._channels_lock:
            problem = self._problem or next(
                (f'{channel.topic}: {channel.problem}' for channel in self._channels.values()
                 if channel.problem), '')
            statuses = [node_status(name, state, problem, settings, values)]
            statuses += [camera_status(name, channel, self._worker is not None)
                         for channel in self._channels.values()]
        message = DiagnosticArray(status=statuses)
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)
