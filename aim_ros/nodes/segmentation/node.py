"""The segmentation node: camera topics in, masks and alerts out. Transitions and wiring only."""

from collections.abc import Callable
from collections.abc import Mapping
import threading
import time

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import ParameterDescriptor
from rcl_interfaces.msg import SetParametersResult
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock
from rclpy.clock import ClockType
from rclpy.lifecycle import LifecycleNodeMixin
from rclpy.lifecycle import LifecycleState
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSDurabilityPolicy
from rclpy.qos import QoSProfile
from std_msgs.msg import Header

from aim_ros.deployment import gate
from aim_ros.nodes.logging import forward_python_logs
from aim_ros.nodes.logging import RateLimitedLogger
from aim_ros.nodes.messages import conversions
from aim_ros.nodes.parameter_table import ReadOnlyParameterError
from aim_ros.nodes.rclpy_private import lifecycle_state
from aim_ros.nodes.rclpy_private import refuse_illegal_transitions
from aim_ros.nodes.rclpy_private import release_state_machine
from aim_ros.nodes.segmentation import watchdog
from aim_ros.nodes.segmentation.bond import Bond
from aim_ros.nodes.segmentation.camera_channel import CameraChannel
from aim_ros.nodes.segmentation.diagnostics import node_status
from aim_ros.nodes.segmentation.network import load
from aim_ros.nodes.segmentation.parameters import NodeParameters
from aim_ros.nodes.segmentation.problems import describe
from aim_ros.nodes.segmentation.problems import Problems
from aim_ros.nodes.segmentation.receiver import Receiver
from aim_ros.perception.pipeline import Pipeline
from aim_ros.segmentation.lost_device import is_device_lost

_WATCH_PERIOD = 0.2


class SegmentationNode(LifecycleNodeMixin, Node):
    """
    Runs SegFormer on camera topics under a driver profile that may change at any time.

    The executor receives images and answers services; one worker thread perceives and publishes,
    and another publishes STALE when a camera falls silent. Topics: README; docs/parameters.md.

    :param ends_on_failure: whether the process ends after an autostart that failed.
    """

    def __init__(self, *, ends_on_failure: bool = False, **options):
        Node.__init__(self, 'segmentation', **options)
        # rclpy's LifecycleNode is these two bases, but cannot give transitions a group of their
        # own, by which parameters are answered while a model loads.
        transitions = MutuallyExclusiveCallbackGroup()
        LifecycleNodeMixin.__init__(
            self, enable_communication_interface=True, callback_group=transitions)
        refuse_illegal_transitions(self)
        self._transition = threading.RLock()
        self._log = RateLimitedLogger(self.get_logger())
        forward_python_logs(self.get_logger())
        self._params = NodeParameters(self)
        self._bond = Bond(self)
        self._problem = self._advice = self._lost_device = ''
        self._losses = Problems()
        self._autostarting, self._ends_on_failure = False, ends_on_failure
        self._pipeline: Pipeline | None = None
        self._disagreement: str | None = None
        self._label_info = None
        self._receiver = Receiver(self, lambda: self._params.settings, self._log, self._lose)
        self._watchdog = watchdog.Watchdog(self._receiver.publish_stale, self._fail_to_watch)

        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        # With use_sim_time and no /clock, a timer on the node's clock would never fire.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        watching = MutuallyExclusiveCallbackGroup()
        self.create_timer(1.0, self._publish_diagnostics, watching, steady)
        self.create_timer(
            _WATCH_PERIOD, self._receiver.warn_of_streams, watching, steady)
        self.autostart_failed = False
        if self._params['autostart']:
            self._autostart_timer = self.create_timer(0.0, self._autostart, transitions, steady)

    @property
    def parameters(self) -> NodeParameters:
        """The parameters, and the settings that they amount to."""
        return self._params

    @property
    def channels(self) -> Mapping[str, CameraChannel]:
        """The cameras by name, from configuration to clean-up."""
        return self._receiver.channels

    @property
    def hangs(self) -> bool:
        """Whether a frame of an activation that is over is still being perceived."""
        return self._receiver.hangs

    @property
    def problem(self) -> str:
        """Which transition failed last, and why; empty if the last one did not."""
        return self._problem

    @property
    def lost_device(self) -> str:
        """By which error the device was lost, so that this process has to end; empty if not."""
        return self._lost_device

    def set_parameters_atomically(self, parameter_list: list[Parameter]) -> SetParametersResult:
        """Set parameters as one change; one that there is not is refused by its name."""
        unknown = [given.name for given in parameter_list if not self.has_parameter(given.name)]
        if unknown:
            # rclpy would name an empty list instead.
            return SetParametersResult(
                successful=False, reason='; '.join(map(self._params.unknown, unknown)))
        return super().set_parameters_atomically(parameter_list)

    def describe_parameter(self, name: str) -> ParameterDescriptor:
        """Return the descriptor of a parameter, of the type of its value."""
        descriptor = super().describe_parameter(name)
        if descriptor.dynamic_typing:
            # rclpy keeps there the type of the last request, also of one that was refused.
            descriptor.type = self.get_parameter(name).type_.value
        return descriptor

    # Lifecycle. rclpy swallows what a transition raises, so each says why it failed.

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load and warm up the model, and make the publishers."""
        return self._change('configure', self._configure, undo=self._clean_up)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start the worker and subscribe to the cameras."""
        return self._change('activate', self._activate, undo=self._stop_working)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop the worker, leave a last STALE, and unsubscribe."""
        return self._change('deactivate', self._stop_working)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Drop the model and the publishers."""
        return self._change('cleanup', self._clean_up)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop whatever is under way."""
        return self._change('shutdown', self._stop_and_clean_up)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Go back to unconfigured, from where the node can be tried again."""
        return self._change('error processing', self._stop_and_clean_up)

    def _change(self, transition: str, work: Callable[[], None],
                undo: Callable[[], None] | None = None) -> TransitionCallbackReturn:
        """Do the work of a transition, and undo it where it fails; what cannot be is an error."""
        try:
            with self._transition:
                work()
        except Exception as error:
            self._fail(transition, error)
            if undo is None:
                return TransitionCallbackReturn.ERROR
            undo()
            return TransitionCallbackReturn.FAILURE
        return TransitionCallbackReturn.SUCCESS

    def end(self) -> bool:
        """
        Shut down for good; to be called when no executor spins the node any more.

        Waits for a transition that is under way. Planners get a last STALE before the publishers
        go.

        :return: whether nothing runs any more; False while a frame hangs in the network.
        """
        with self._transition:
            try:
                self._stop_and_clean_up()
            # The process ends: who waits for that is not to find half of the node.
            except Exception as error:
                self._fail('end', error)
            self._watchdog.stop()
            self.destroy_node()
            release_state_machine(self)
            return not self.hangs

    def _autostart(self) -> None:
        self._autostart_timer.cancel()
        if lifecycle_state(self) != 'unconfigured':
            # Somebody who manages the node was faster.
            return
        self._autostarting = True
        succeeded = all(transition() == TransitionCallbackReturn.SUCCESS for transition in (
            self.trigger_configure, self.trigger_activate))
        self._autostarting = False  # before it is said: whoever reads it may try again at once
        if not succeeded:
            self.autostart_failed = True
            self.get_logger().fatal(f'autostart failed: {self._problem}. {self._advice}')

    def _fail(self, transition: str, error: Exception) -> None:
        self._problem = f'{transition}: {describe(error)}'
        self._advice = (
            'Start the node again with a value that is right'
            if isinstance(error, ReadOnlyParameterError) else
            'The node ends: mend that, and start it again' if self._ends_on_failure else
            f'When that is mended: ros2 lifecycle set {self.get_fully_qualified_name()} '
            f'{transition}')
        # An autostart says it once, at FATAL.
        if not self._autostarting:
            self.get_logger().error(self._problem)
        self._give_up_if_lost(error)

    def _configure(self) -> None:
        parameters = self._params
        settings = parameters.validate()
        started = time.monotonic()
        self._pipeline, agreement = load(parameters)
        segmenter = self._pipeline.segmenter
        self._receiver.create(
            {camera: parameters[f'{camera}.image_transport'] for camera in parameters['cameras']},
            segmenter.labels)
        if conversions.HAVE_VISION_MSGS:
            latched = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
            self._label_info = self.create_publisher(
                conversions.LabelInfo, '~/label_info', latched)
            self._label_info.publish(conversions.label_info_message(
                segmenter.labels, Header(stamp=self.get_clock().now().to_msg())))
        self.get_logger().info(
            f'loaded {parameters["model"]} in {time.monotonic() - started:.1f} s: '
            f'{len(segmenter.labels)} classes, inputs {segmenter.size_text}, on '
            f'{segmenter.engine} ({segmenter.engine.target}) in {segmenter.precision}; driver '
            f'profile {settings.profile}')
        self._disagreement = gate.warning(agreement, segmenter, settings.alerts.class_ids)
        if self._disagreement:
            self.get_logger().warning(self._disagreement)
        self._problem = ''

    def _clean_up(self) -> None:
        self._receiver.destroy()
        if self._label_info is not None:
            self.destroy_publisher(self._label_info)
        self._label_info = self._pipeline = None

    def _activate(self) -> None:
        self._receiver.start(self._pipeline)
        self._bond.form()
        self._problem = ''
        self._losses.forget()
        self.get_logger().info('active: ' + ', '.join(
            channel.topic for channel in self.channels.values()))

    def _stop_working(self) -> None:
        """Stop perceiving and leave a last STALE; nothing to do if the node is not active."""
        try:
            self._bond.end()
        finally:
            # Whatever becomes of the bond, planners get their STALE.
            self._receiver.stop(
                f'the device is lost: {self._lost_device}' if self._lost_device else
                'the node is not active')

    def _stop_and_clean_up(self) -> None:
        try:
            self._stop_working()
        finally:
            self._clean_up()

    # At work

    def _give_up_if_lost(self, error: Exception) -> None:
        """Have the process end where the device answers nothing more in it."""
        if not self._lost_device and is_device_lost(error):
            self._lost_device = describe(error)
            self.get_logger().fatal(
                f'the device is lost: {self._lost_device}. Nothing in this process can use it any '
                'more: the node ends, to be started again (respawn:=true of the launch file does)')

    def _lose(self, error: Exception) -> None:
        """Own up to what was lost and cannot be laid on one camera."""
        text = f'frames were lost: {describe(error)}'
        self._losses.note(text)
        # Which frame it was, and so which one would answer it, is not known.
        self._losses.resolve()
        self._log.error('frames', text)
        self._give_up_if_lost(error)

    def _fail_to_watch(self, error: Exception) -> None:
        self._log.error('watchdog', f'the watchdog failed: {describe(error)}')

    def _publish_diagnostics(self) -> None:
        """Publish the node's health, in every lifecycle state."""
        name = self.get_fully_qualified_name().lstrip('/')
        pipeline = self._pipeline
        values: dict[str, object] = {'model': self._params['model']}
        settings = None
        if pipeline is not None:
            settings = self._params.settings
            segmenter = pipeline.segmenter
            values.update({
                'device': str(segmenter.device),
                'engine': f'{segmenter.engine} ({segmenter.engine.target})',
                'precision': segmenter.precision,
                'input_size': segmenter.size_text,
                'agreement': self._disagreement or 'as the reference for the alerted classes',
            })
        statuses = [
            node_status(name, lifecycle_state(self), self._problem, self._losses.last(),
                        list(self.channels.values()), settings, values),
            *self._receiver.statuses(name)]
        message = DiagnosticArray(status=statuses)
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)
