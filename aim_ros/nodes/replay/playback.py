"""Pausing a replay, and stepping through it, by services; and whether it is paused."""

from collections.abc import Callable
import threading
import time

from rclpy.node import Node
from rclpy.qos import QoSDurabilityPolicy
from rclpy.qos import QoSProfile
from std_msgs.msg import Bool
from std_srvs.srv import SetBool
from std_srvs.srv import Trigger

REPEAT_PERIOD = 0.2
"""Seconds after which a paused replay repeats its frame: soon enough for no alert to be STALE."""

LATCHED = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
"""Of ``~/paused``: who comes later hears the last one too."""

_POLL = 0.05


class Playback:
    """
    Offers ``~/pause`` (std_srvs/SetBool) and ``~/step`` (std_srvs/Trigger: one frame more).

    On ``~/paused`` (std_msgs/Bool, latched) it publishes whether the replay is paused.

    :param node: the replay's; an executor answers while another thread is in `hold`.
    """

    def __init__(self, node: Node):
        self._changed = threading.Condition()
        self._paused = False
        self._steps = 0
        self._state = node.create_publisher(Bool, '~/paused', LATCHED)
        self._state.publish(Bool(data=False))
        node.create_service(SetBool, '~/pause', self._on_pause)
        node.create_service(Trigger, '~/step', self._on_step)

    def hold(self, stop: threading.Event, repeat: Callable[[], None]) -> bool:
        """
        Wait while the replay is paused, until a step is asked for or `stop` is set.

        :param repeat: called every `REPEAT_PERIOD` meanwhile.
        :return: whether there was anything to wait for.
        """
        held, due = False, time.monotonic() + REPEAT_PERIOD
        while not stop.is_set():
            with self._changed:
                if not self._paused:
                    return held
                if self._steps:
                    self._steps -= 1
                    return True
                # In short waits, as nobody notifies this condition of `stop`.
                self._changed.wait(_POLL)
            held = True
            if time.monotonic() >= due:
                repeat()
                due = time.monotonic() + REPEAT_PERIOD
        return held

    def _on_pause(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        with self._changed:
            self._paused, self._steps = request.data, 0
            self._state.publish(Bool(data=request.data))
            self._changed.notify_all()
        response.success = True
        response.message = 'paused' if request.data else 'playing'
        return response

    def _on_step(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        with self._changed:
            response.success = self._paused
            if self._paused:
                self._steps += 1
                self._changed.notify_all()
        response.message = ('one frame more' if response.success else
                            'the replay is not paused: call ~/pause with data true first')
        return response
