"""The parameters of another node: what they are, what they may be, and setting them."""

from collections import deque
from collections.abc import Callable
from collections.abc import Mapping
from concurrent.futures import Future as Answer
from functools import partial
import threading
import time
from types import MappingProxyType
from typing import Any

from rcl_interfaces.msg import ParameterDescriptor
from rcl_interfaces.msg import ParameterEvent
from rcl_interfaces.msg import ParameterType
from rcl_interfaces.srv import DescribeParameters
from rcl_interfaces.srv import GetParameters
from rcl_interfaces.srv import ListParameters
from rcl_interfaces.srv import SetParameters
from rclpy.clock import Clock
from rclpy.clock import ClockType
from rclpy.node import Node
from rclpy.parameter_client import AsyncParameterClient
from rclpy.qos import qos_profile_parameter_events
from rclpy.task import Future

from aim_ros.nodes.tuner.control import Control
from aim_ros.nodes.tuner.control import control_of
from aim_ros.nodes.tuner.control import plain
from aim_ros.nodes.tuner.service_calls import ANSWER_TIMEOUT
from aim_ros.nodes.tuner.service_calls import NoAnswerError
from aim_ros.nodes.tuner.service_calls import ServiceCall
from aim_ros.nodes.tuner.service_calls import ServiceCalls

_PERIOD = 0.5
_ASK_AGAIN = 3.0  # seconds; a server that has not discovered its client yet drops its answer
_MOST_QUESTIONS = 20
"""Questions that wait for an answer: a minute's, for a machine that is busy with other work."""

_OF_RCLPY = ('qos_overrides.', 'use_sim_time', 'start_type_description_service')


class RemoteParameters:
    """
    Follows the parameters of a node that may come, go and be started again.

    What it shows are immutable snapshots; every method may be called from any thread.

    :param node: the node that asks, spun by an executor.
    :param target: full name of the node that is asked.
    :param answer_timeout: seconds without an answer after which a change is given up.
    """

    def __init__(self, node: Node, target: str, answer_timeout: float = ANSWER_TIMEOUT):
        self._target = target
        self._client = AsyncParameterClient(node, target)
        self._changes = ServiceCalls(node, target, answer_timeout)
        self._lock = threading.RLock()
        self._controls: Mapping[str, Control] = MappingProxyType({})
        self._values: Mapping[str, Any] = MappingProxyType({})
        self._events: dict[str, Any] = {}  # changes since everything was forgotten
        self._forgotten = 0  # how often: what was asked for before says what was
        self._asked = -_ASK_AGAIN
        self._questions: deque[Future] = deque()
        self._known = False
        node.create_subscription(
            ParameterEvent, '/parameter_events', self._receive_event, qos_profile_parameter_events)
        # With use_sim_time and no /clock, a timer on the node's clock would never fire.
        node.create_timer(_PERIOD, self._tend, clock=Clock(clock_type=ClockType.STEADY_TIME))

    @property
    def known(self) -> bool:
        """Whether the node is there and has said what its parameters are."""
        return self._known

    @property
    def present(self) -> bool:
        """Whether the node's services are there, as far as the middleware knows."""
        return self._client.services_are_ready()

    @property
    def controls(self) -> Mapping[str, Control]:
        """What each parameter may be, by its name; replaced whole when the node comes anew."""
        return self._controls

    @property
    def values(self) -> Mapping[str, Any]:
        """The value of each parameter by its name, lists as tuples; replaced by each change."""
        return self._values

    def set(self, name: str, value: Any) -> 'Answer[str]':
        """
        Ask the node for another value.

        :return: resolves to the node's reason when it refuses, and to nothing once it has made the
            change; raises NoAnswerError where it does not answer.
        """
        answer: Answer[str] = Answer()
        control = self._controls.get(name)
        if control is None:
            answer.set_result(f'{self._target} has not said yet that it has a parameter {name!r}')
            return answer
        # A viewer who goes stops waiting for the answer, which comes all the same.
        answer.set_running_or_notify_cancel()
        parameter = control.parameter(value)
        wanted = plain(parameter.get_parameter_value())

        def answered(response: SetParameters.Response | None) -> None:
            answer.set_result('' if response is None else _refusal(response))

        self._changes.add(ServiceCall(
            send=lambda: self._client.set_parameters([parameter]),
            answered=answered,
            unanswered=lambda sentence: answer.set_exception(NoAnswerError(sentence)),
            is_done=lambda: self._values.get(name) == wanted))
        return answer

    def forget(self) -> None:
        """Ask for everything again, as the node may say other things now."""
        with self._lock:
            self._known, self._asked = False, -_ASK_AGAIN
            self._forgotten += 1
            self._events = {}
            self._cancel_questions(0)

    def _ask(self, question: Future, receive: Callable[[Any], None]) -> None:
        """Have an answer received, unless the question is cancelled before it comes."""
        def answered(question: Future) -> None:
            if not question.cancelled():
                receive(question.result())

        with self._lock:
            self._questions = deque(one for one in self._questions if not one.done())
            self._questions.append(question)
            self._cancel_questions(_MOST_QUESTIONS)
        question.add_done_callback(answered)

    def _cancel_questions(self, left: int) -> None:
        """Cancel the oldest questions but some: else, rclpy keeps them as long as the client."""
        while len(self._questions) > left:
            self._questions.popleft().cancel()

    def _tend(self) -> None:
        """Ask for what is not known, and again where no answer came."""
        with self._lock:
            now = time.monotonic()
            if not self.present:
                self.forget()
            elif not self._known and now - self._asked > _ASK_AGAIN:
                self._asked = now
                self._ask(self._client.list_parameters(),
                          partial(self._receive_names, self._forgotten))

    def _receive_names(self, forgotten: int, response: ListParameters.Response) -> None:
        names = [name for name in response.result.names if not name.startswith(_OF_RCLPY)]
        self._ask(self._client.describe_parameters(names),
                  partial(self._receive_descriptions, forgotten, names))

    def _receive_descriptions(self, forgotten: int, names: list[str],
                              response: DescribeParameters.Response) -> None:
        self._ask(self._client.get_parameters(names),
                  partial(self._receive_values, forgotten, response.descriptors))

    def _receive_values(self, forgotten: int, descriptors: list[ParameterDescriptor],
                        response: GetParameters.Response) -> None:
        values = response.values
        with self._lock:
            # Asked for before the last change of the node, or a parameter went meanwhile: they are
            # asked for again.
            if forgotten != self._forgotten or len(values) != len(descriptors):
                return
            self._controls = MappingProxyType({
                descriptor.name: control_of(descriptor, value)
                for descriptor, value in zip(descriptors, values, strict=True)})
            found = {descriptor.name: plain(value)
                     for descriptor, value in zip(descriptors, values, strict=True)}
            self._values = MappingProxyType({**found, **self._events})
            self._known = True
            self._cancel_questions(0)

    def _receive_event(self, event: ParameterEvent) -> None:
        if event.node != self._target:
            return
        # A list is declared before it has a value: that news may come after the value itself.
        changed = {parameter.name: plain(parameter.value)
                   for parameter in (*event.new_parameters, *event.changed_parameters)
                   if not parameter.name.startswith(_OF_RCLPY)
                   and parameter.value.type != ParameterType.PARAMETER_NOT_SET}
        with self._lock:
            self._events.update(changed)
            self._values = MappingProxyType({**self._values, **changed})


def _refusal(response: SetParameters.Response) -> str:
    """Return why the node refuses; nothing where it does not."""
    result, = response.results
    if result.successful:
        return ''
    return result.reason or 'the node refuses, and does not say why'
