"""The tuner's part in ROS: all that is known of a segmentation node and its cameras."""

from collections.abc import Callable
from collections.abc import Mapping
import time
from types import MappingProxyType

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock
from rclpy.clock import ClockType
from rclpy.node import Node

from aim_ros.nodes.messages.statuses import status_values
from aim_ros.nodes.tuner.camera_stream import CameraStream
from aim_ros.nodes.tuner.playback_client import PlaybackClient
from aim_ros.nodes.tuner.remote_parameters import RemoteParameters
from aim_ros.nodes.tuner.service_calls import ANSWER_TIMEOUT

_PERIOD = 0.2

_LEAST_SILENCE = 3.0
"""Seconds: the node publishes its diagnostics once in each, whatever its state."""


class TunerNode(Node):
    """
    Follows a segmentation node; to be spun by an executor while a page reads what it knows.

    :param target: full name of the segmentation node.
    :param replay: full name of the replay that feeds it, which need not be there.
    :param answer_timeout: seconds without an answer after which they are said not to answer.
    :param clock: monotonic seconds.
    :param options: of rclpy's `Node`.
    """

    def __init__(self, target: str, replay: str, answer_timeout: float = ANSWER_TIMEOUT,
                 clock: Callable[[], float] = time.monotonic, **options):
        super().__init__('tuner', **options)
        self.target = target
        self.parameters = RemoteParameters(self, target, answer_timeout)
        self.playback = PlaybackClient(self, replay, answer_timeout)
        self._clock = clock
        self._longest_silence = max(answer_timeout, _LEAST_SILENCE)
        self._heard: float | None = None
        self._status: Mapping[str, str] = MappingProxyType({})
        self._topics: dict[str, str] = {}
        self._streams: Mapping[str, CameraStream] = MappingProxyType({})
        self.create_subscription(DiagnosticArray, '/diagnostics', self._receive_diagnostics, 10)
        # With use_sim_time and no /clock, a timer on the node's clock would never fire.
        self.create_timer(_PERIOD, self._tend, clock=Clock(clock_type=ClockType.STEADY_TIME))

    @property
    def status(self) -> Mapping[str, str]:
        """What the node says of itself on /diagnostics; its line for people is ``message``."""
        return self._status

    @property
    def silence(self) -> float:
        """
        For how many seconds the node has not been heard; 0 if not for long, or never before.

        One that was killed stays in the graph until the middleware's lease of it ends.
        """
        silence = 0.0 if self._heard is None else self._clock() - self._heard
        return silence if silence > self._longest_silence else 0.0

    @property
    def streams(self) -> Mapping[str, CameraStream]:
        """What is seen of each camera, by its name."""
        return self._streams

    def end(self) -> None:
        """Destroy everything; to be called when no executor spins the node any more."""
        for stream in self._streams.values():
            stream.end()
        self.destroy_node()

    def _receive_diagnostics(self, message: DiagnosticArray) -> None:
        name = self.target.lstrip('/')
        for status in message.status:
            node, colon, part = status.name.rpartition(': ')
            if node != name or not colon:
                continue
            values = status_values(status)
            if 'topic' in values:
                self._topics[part] = values['topic']
            elif part == 'node':
                self._heard = self._clock()
                if values.get('lifecycle_state') != self._status.get('lifecycle_state'):
                    # Its files may be others now, and name other profiles and classes.
                    self.parameters.forget()
                self._status = MappingProxyType({**values, 'message': status.message})

    def _tend(self) -> None:
        self._follow_cameras()
        for camera, stream in self._streams.items():
            stream.tend(self._topics.get(camera, ''))

    def _follow_cameras(self) -> None:
        """Have a stream for each camera of the node, which may be started again with others."""
        cameras = self.parameters.values.get('cameras', ())
        if tuple(self._streams) == cameras:
            return
        before = self._streams
        self._streams = MappingProxyType({
            camera: before.get(camera) or CameraStream(self, self.target, camera)
            for camera in cameras})
        for camera in before.keys() - self._streams.keys():
            before[camera].end()
