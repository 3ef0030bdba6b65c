"""All that belongs to one camera: input, output, statistics and problems."""

from collections.abc import Callable
from collections.abc import Iterator

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from std_msgs.msg import Header

from aim_ros.nodes.qos.overriding import refuse_other_overrides
from aim_ros.nodes.segmentation.camera_input import CameraInput
from aim_ros.nodes.segmentation.camera_input import ImageMessage
from aim_ros.nodes.segmentation.camera_output import CameraOutput
from aim_ros.nodes.segmentation.cloud_labeller import CloudLabeller
from aim_ros.nodes.segmentation.problems import Problems
from aim_ros.nodes.segmentation.stream_statistics import StreamStatistics
from aim_ros.perception.pipeline import Perception
from aim_ros.perception.settings import Settings
from aim_ros.segmentation.labels import LabelSet


class CameraChannel:
    """
    One camera of the node, as it is known to the parts that receive, perceive and watch.

    :param node: the node that owns the topics.
    :param name: the camera's name.
    :param transport: ``'raw'`` or ``'compressed'``.
    :param labels: the model's classes.
    :param group: callback group in which messages are received.
    """

    def __init__(self, node: Node, name: str, transport: str, labels: LabelSet,
                 group: CallbackGroup):
        self.name = name
        self.statistics = StreamStatistics()
        self.problems = Problems()
        self.input = CameraInput(node, name, transport, group, self.statistics)
        self.output = CameraOutput(node, name, labels)
        self.clouds = CloudLabeller(node, name, labels, group, self.output.points)
        self._node = node

    @property
    def topic(self) -> str:
        """The resolved name of the topic that images arrive on."""
        return self.input.topic

    def wants_confidence(self) -> bool:
        """Whether anybody listens to what is made of the confidence."""
        return self.output.wants_confidence() or self.clouds.is_wanted()

    def others(self, perception: Perception, header: Header
               ) -> Iterator[tuple[str, Callable[[], None]]]:
        """
        Yield what goes out for a frame besides the alerts, by name: a function that publishes it.

        :param header: the image's.
        """
        yield from self.output.others(perception, header)
        yield from self.clouds.others(
            perception, lambda: self.input.camera(perception.frame.size))

    def start(self, session: object, settings: Settings,
              on_image: Callable[[ImageMessage, int], None]) -> None:
        """
        Subscribe, and let what is perceived be published.

        :param session: what publishing is to name until `stop`.
        :param settings: those in force.
        :param on_image: takes each image, and when it was received.
        :raises ValueError: an override of QoS at start has no effect.
        """
        self.statistics.restart()
        self.problems.forget()
        self.output.open(session, settings)
        self.input.subscribe(on_image)
        refuse_other_overrides(self._node, (*self.input.topics, *self.output.topics()))

    def stop(self, reason: str) -> None:
        """Leave a last STALE with a reason, and unsubscribe, whatever becomes of that STALE."""
        try:
            self.output.close(reason, self.input.frame_id)
        finally:
            self.input.unsubscribe()
            self.clouds.unsubscribe()

    def destroy(self) -> None:
        """Stop, and destroy the publishers."""
        try:
            self.stop('the node is not configured')
        finally:
            self.output.destroy()
