"""Calls of another node's services: in their order, and with an end where no answer comes."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
import threading
import time
from typing import Any

from rclpy.clock import Clock
from rclpy.clock import ClockType
from rclpy.node import Node
from rclpy.task import Future

ANSWER_TIMEOUT = 5.0
"""Seconds without an answer after which a call is given up, its repetition included."""

_PERIOD = 0.1


class NoAnswerError(RuntimeError):
    """A service did not answer; the text says which, and for how long."""


@dataclass(eq=False)
class ServiceCall:
    """
    One call.

    :param send: sends the request.
    :param answered: receives the response, or None where `is_done` said that none is needed.
    :param unanswered: receives the sentence that says so where no response came.
    :param is_done: whether other messages say that what was asked for has been done.
    :param tries: how often it is sent, at most; 1 for what must not happen twice.
    """

    send: Callable[[], Future]
    answered: Callable[[Any], None]
    unanswered: Callable[[str], None]
    is_done: Callable[[], bool] = lambda: False
    tries: int = 2


class ServiceCalls:
    """
    Makes calls one after the other, and each a second time where no answer comes.

    What needs no answer any more is cancelled: rclpy would keep it for as long as its client.

    A server that has not discovered its client yet drops its answer, so that one which is missing
    may have been given. A call waits for the end of those before it: repeated after a later one,
    it would undo that. Every method may be called from any thread.

    :param node: the node that calls, spun by an executor.
    :param target: what is called, for people.
    :param timeout: seconds without an answer after which a call, and whatever waits for its end,
        is given up.
    :param clock: monotonic seconds.
    """

    def __init__(self, node: Node, target: str, timeout: float = ANSWER_TIMEOUT,
                 clock: Callable[[], float] = time.monotonic):
        self._target = target
        self._timeout = timeout
        self._clock = clock
        self._lock = threading.RLock()
        self._calls: deque[ServiceCall] = deque()  # the first of them has been sent
        self._requests: list[Future] = []  # of that first one
        self._sent = 0.0
        self._tries = 0
        # With use_sim_time and no /clock, a timer on the node's clock would never fire.
        node.create_timer(_PERIOD, self._tend, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def add(self, call: ServiceCall) -> None:
        """Make a call as soon as those before it have ended."""
        with self._lock:
            self._calls.append(call)
            if len(self._calls) == 1:
                self._send_first()

    def _send_first(self) -> None:
        self._tries = 0
        if self._calls:
            self._send(self._calls[0])

    def _send(self, call: ServiceCall) -> None:
        self._tries += 1
        self._sent = self._clock()
        request = call.send()
        self._requests.append(request)
        request.add_done_callback(partial(self._receive, call))

    def _receive(self, call: ServiceCall, request: Future) -> None:
        if not request.cancelled():
            self._end(call, request.result())

    def _end(self, call: ServiceCall, response: Any) -> None:
        with self._lock:
            # What was asked twice is answered twice, and may be after it was given up.
            if not self._calls or self._calls[0] is not call:
                return
            self._calls.popleft()
            self._cancel_requests()
            self._send_first()
        call.answered(response)

    def _cancel_requests(self) -> None:
        requests, self._requests = self._requests, []
        for request in requests:
            request.cancel()

    def _tend(self) -> None:
        """Repeat what got no answer, or give it up."""
        with self._lock:
            call = self._calls[0] if self._calls else None
            if call is None or self._clock() - self._sent < self._timeout / call.tries:
                return
            given_up: list[ServiceCall] = []
            done = call.is_done()
            if not done and self._tries < call.tries:
                self._send(call)
            elif not done:
                given_up = list(self._calls)
                self._calls.clear()
                self._cancel_requests()
        if done:
            self._end(call, None)
        for one in given_up:
            one.unanswered(f'{self._target} has not answered for {self._timeout:g} s')
