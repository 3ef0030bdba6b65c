"""Pausing what is seen: the drive where a replay plays it, else the picture alone."""

from collections.abc import Callable

from rclpy.client import Client
from rclpy.node import Node
from rclpy.task import Future
from std_srvs.srv import SetBool
from std_srvs.srv import Trigger


class PlaybackClient:
    """
    Pauses a replay by its services.

    :param node: the node that calls, spun by an executor.
    :param replay: full name of the replay.
    """

    def __init__(self, node: Node, replay: str):
        self.paused = False
        self._log = node.get_logger()
        self._pause = node.create_client(SetBool, f'{replay}/pause')
        self._step = node.create_client(Trigger, f'{replay}/step')

    @property
    def present(self) -> bool:
        """Whether there is a replay to be paused."""
        return self._pause.service_is_ready() and self._step.service_is_ready()

    def pause(self, paused: bool) -> None:
        """Pause the replay, or let it go on."""
        def done() -> None:
            self.paused = paused
        self._call(self._pause, SetBool.Request(data=paused), done)

    def step(self) -> None:
        """Let a paused replay play one frame."""
        self._call(self._step, Trigger.Request(), lambda: None)

    def _call(self, client: Client, request: SetBool.Request | Trigger.Request,
              done: Callable[[], None]) -> None:
        def answered(future: Future) -> None:
            answer = future.result()
            if answer.success:
                done()
            else:
                self._log.warning(f'{client.service_name}: {answer.message}')
        client.call_async(request).add_done_callback(answered)
