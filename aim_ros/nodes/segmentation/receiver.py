"""The cameras of the node: they receive into a queue, from which a worker perceives."""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
import threading
import time
from types import MappingProxyType

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node

from aim_ros.nodes.logging import RateLimitedLogger
from aim_ros.nodes.segmentation import watchdog
from aim_ros.nodes.segmentation.camera_channel import CameraChannel
from aim_ros.nodes.segmentation.camera_input import ImageMessage
from aim_ros.nodes.segmentation.diagnostics import camera_status
from aim_ros.nodes.segmentation.frame_queue import FrameQueue
from aim_ros.nodes.segmentation.perceiver import Perceiver
from aim_ros.nodes.segmentation.perceiver import Received
from aim_ros.nodes.segmentation.preparation import Preparation
from aim_ros.nodes.segmentation.worker import Worker
from aim_ros.perception.pipeline import Pipeline
from aim_ros.perception.settings import Settings
from aim_ros.segmentation.labels import LabelSet

_WORKER_TIMEOUT = 2.5
"""Seconds that a frame under way is given to end, once planners know that none will come."""

_DELIVERY_TIMEOUT = 1.5
"""Seconds that planners are given to take the last STALE, on machines with other work."""


class Receiver:
    """
    Owns the channels from `create` to `destroy`, and the worker from `start` to `stop`.

    :param node: the node that owns the topics.
    :param settings: returns the settings in force.
    :param log: where problems go.
    :param on_error: called with what cannot be laid on one camera: the worker's errors, and those
        by which the device is lost.
    """

    def __init__(self, node: Node, settings: Callable[[], Settings], log: RateLimitedLogger,
                 on_error: Callable[[Exception], None]):
        self._node = node
        self._settings = settings
        self._log = log
        self._on_error = on_error
        self._group = MutuallyExclusiveCallbackGroup()
        # Those who watch look at the channels from other threads than a transition destroys them
        # in.
        self._lock = threading.Lock()
        self._channels: dict[str, CameraChannel] = {}
        self._worker: Worker[Received] | None = None
        self._preparation: Preparation[Received] | None = None
        # Of the last activation, where there is none now.
        self._last: tuple[Worker[Received], Preparation[Received]] | None = None

    @property
    def channels(self) -> Mapping[str, CameraChannel]:
        """The cameras by name."""
        return MappingProxyType(self._channels)

    @property
    def hangs(self) -> bool:
        """Whether the network is still busy with a frame of an activation that is over."""
        if self._last is not None and not any(part.alive for part in self._last):
            # They would keep the network, and its memory on the device, from being freed.
            self._last = None
        return self._last is not None

    def create(self, transports: Mapping[str, str], labels: LabelSet) -> None:
        """
        Make the channels: planners may match their publishers from now on.

        :param transports: of each camera, by its name.
        """
        channels: dict[str, CameraChannel] = {}
        try:
            for name, transport in transports.items():
                channels[name] = CameraChannel(self._node, name, transport, labels, self._group)
        finally:
            # Those of a failed configuration too: they are destroyed like others.
            with self._lock:
                self._channels = channels

    def destroy(self) -> None:
        """Destroy the channels; what fails with one is raised when all the others are, too."""
        with self._lock, ExitStack() as each:
            # A stack is undone from its end.
            for channel in reversed(self._channels.values()):
                each.callback(channel.destroy)
            self._channels = {}

    def start(self, pipeline: Pipeline) -> None:
        """
        Start the worker, and subscribe.

        :raises RuntimeError: the network is still busy with a frame of before.
        :raises ValueError: an override of QoS at start has no effect.
        """
        if self.hangs:
            raise RuntimeError(
                'the network is still busy with a frame, or a size, of before; try again')
        queue: FrameQueue[Received] = FrameQueue()
        perceiver = Perceiver(
            pipeline, self._channels, self._settings, self._node.get_clock(), self._log,
            queue.put_back, self._on_error)
        # Those who watch are to find all channels started, or none.
        with self._lock:
            self._preparation = perceiver.preparation
            self._worker = Worker(queue, perceiver.perceive, self._on_error)
            for channel in self._channels.values():
                channel.start(perceiver, self._settings(),
                              partial(self._receive, queue, channel))

    def stop(self, reason: str) -> None:
        """
        Stop the worker and leave a last STALE; nothing to do if it does not run.

        What fails with one camera is raised when all the others are stopped.

        :param reason: what that STALE says.
        """
        if self._worker is None:
            return
        worker, preparation = self._last = self._worker, self._preparation
        # First of all: a frame that takes long must not keep the last STALE from planners.
        worker.queue.close()
        preparation.close()
        with ExitStack() as after:
            after.callback(self._await_end, worker, preparation)
            after.callback(self._flush, list(self._channels.values()))
            with self._lock, ExitStack() as each:
                self._worker = self._preparation = None
                for channel in reversed(self._channels.values()):
                    each.callback(channel.stop, reason)

    def _await_end(self, worker: Worker[Received], preparation: Preparation[Received]) -> None:
        """Give what the network is busy with its time to end."""
        deadline = time.monotonic() + _WORKER_TIMEOUT
        worker.stop(_WORKER_TIMEOUT)
        ended = preparation.stop(max(deadline - time.monotonic(), 0.0))
        if ended and not worker.alive:
            self._last = None

    @staticmethod
    def _flush(channels: Sequence[CameraChannel]) -> None:
        """Let planners take the last STALE of all cameras."""
        deadline = time.monotonic() + _DELIVERY_TIMEOUT
        with ExitStack() as each:
            for channel in reversed(channels):
                each.callback(lambda channel=channel: channel.output.flush_alerts(
                    max(deadline - time.monotonic(), 0.0)))

    def _receive(self, queue: FrameQueue[Received], channel: CameraChannel,
                 message: ImageMessage, received_ns: int) -> None:
        """Leave an image, on the executor, for the worker."""
        if queue.put(channel.name, Received(message, received_ns)):
            channel.statistics.replace()

    def publish_stale(self) -> None:
        """Publish STALE for cameras that fell silent; for the watchdog's thread."""
        # Without the lock, under which others log: outputs that are closed publish nothing.
        if (channels := self._channels):
            watchdog.publish_stale(channels.values(), self._settings(), self._log)

    def warn_of_streams(self) -> None:
        """Warn people of what is odd about the streams."""
        with self._lock:
            if self._worker is not None:
                for channel in self._channels.values():
                    watchdog.warn_of_stream(channel, self._settings(), self._log)
                watchdog.warn_of_frames(self._channels.values(), self._log)

    def statuses(self, name: str) -> list[DiagnosticStatus]:
        """
        Return what /diagnostics say of each camera.

        :param name: the node's.
        """
        with self._lock:
            worker, preparation = self._worker, self._preparation
            if worker is None or preparation is None:
                return [camera_status(name, channel, False, self._settings())
                        for channel in self._channels.values()]
            return [camera_status(name, channel, True, self._settings(), worker.busy,
                                  preparation.awaited(channel.name))
                    for channel in self._channels.values()]
