"""Pausing what is seen: the drive where a replay plays it, else the picture alone."""

from rclpy.client import Client
from rclpy.node import Node
from std_msgs.msg import Bool
from std_srvs.srv import SetBool
from std_srvs.srv import Trigger

from aim_ros.nodes.replay.playback import LATCHED
from aim_ros.nodes.tuner.service_calls import ANSWER_TIMEOUT
from aim_ros.nodes.tuner.service_calls import ServiceCall
from aim_ros.nodes.tuner.service_calls import ServiceCalls


class PlaybackClient:
    """
    Pauses a replay by its services, and follows whether it is paused, by whomever.

    :param node: the node that calls, spun by an executor.
    :param replay: full name of the replay.
    :param answer_timeout: seconds without an answer after which a call is given up.
    """

    def __init__(self, node: Node, replay: str, answer_timeout: float = ANSWER_TIMEOUT):
        self.paused = False
        self.problem = ''
        self._calls = ServiceCalls(node, replay, answer_timeout)
        self._pause = node.create_client(SetBool, f'{replay}/pause')
        self._step = node.create_client(Trigger, f'{replay}/step')
        node.create_subscription(Bool, f'{replay}/paused', self._receive_state, LATCHED)

    @property
    def present(self) -> bool:
        """Whether there is a replay to be paused."""
        return self._pause.service_is_ready() and self._step.service_is_ready()

    def pause(self, paused: bool) -> None:
        """Pause the replay, or let it go on; `problem` says why where it does not."""
        self._call(self._pause, SetBool.Request(data=paused))

    def step(self) -> None:
        """Let a paused replay play one frame; `problem` says why where it does not."""
        # Asked twice, it would play two.
        self._call(self._step, Trigger.Request(), tries=1)

    def _receive_state(self, state: Bool) -> None:
        # A replay that was started again says so too, and has no part in what was wrong before.
        self.paused, self.problem = state.data, ''

    def _call(self, client: Client, request: SetBool.Request | Trigger.Request, tries: int = 2
              ) -> None:
        def answered(response: SetBool.Response | Trigger.Response) -> None:
            self.problem = '' if response.success else response.message

        def unanswered(sentence: str) -> None:
            self.problem = f'{sentence}: press again, or start it again'

        self._calls.add(ServiceCall(
            lambda: client.call_async(request), answered, unanswered, tries=tries))
