"""Calls of services: their order, their repetition, and their end."""

from types import SimpleNamespace

import pytest
from rclpy.task import Future

from aim_ros.nodes.tuner.service_calls import ServiceCall
from aim_ros.nodes.tuner.service_calls import ServiceCalls

TIMEOUT = 4.0


class Server:
    """What is called: it answers when a test says so."""

    def __init__(self, clock):
        self.clock = clock
        self.requests: list[tuple[str, Future]] = []
        self.said: list[tuple[str, object]] = []
        self.done: set[str] = set()
        timers = []
        self.calls = ServiceCalls(
            SimpleNamespace(create_timer=lambda _, tend, **options: timers.append(tend)),
            '/server', TIMEOUT, clock)
        self._tend, = timers

    def ask(self, name: str, tries: int = 2) -> None:
        def send():
            future = Future()
            self.requests.append((name, future))
            return future
        self.calls.add(ServiceCall(
            send, lambda response: self.said.append((name, response)),
            lambda sentence: self.said.append((name, sentence)), lambda: name in self.done, tries))

    def wait(self, seconds: float) -> None:
        self.clock.now += seconds
        self._tend()

    def asked(self) -> str:
        return ''.join(name for name, _ in self.requests)


@pytest.fixture
def server(clock):
    return Server(clock)


def test_calls_go_out_in_their_order_each_after_the_answer_to_the_one_before(server):
    server.ask('a')
    server.ask('b')
    assert server.asked() == 'a'
    server.requests[0][1].set_result(1)
    assert server.asked() == 'ab'
    server.requests[1][1].set_result(2)
    assert server.said == [('a', 1), ('b', 2)]


def test_what_is_not_answered_is_asked_once_more_and_before_what_came_later(server):
    server.ask('a')
    server.ask('b')
    server.wait(TIMEOUT / 2 - 0.1)
    assert server.asked() == 'a'
    server.wait(0.2)
    assert server.asked() == 'aa'
    server.requests[1][1].set_result(1)
    assert server.asked() == 'aab'
    # The answer to the first question, late: it has been given.
    server.requests[0][1].set_result(0)
    assert server.said == [('a', 1)]


def test_a_late_answer_to_the_first_question_ends_the_call(server):
    server.ask('a')
    server.wait(TIMEOUT / 2)
    server.requests[0][1].set_result(0)
    server.wait(TIMEOUT)
    assert (server.asked(), server.said) == ('aa', [('a', 0)])


def test_without_any_answer_the_call_and_those_behind_it_are_given_up(server):
    server.ask('a')
    server.ask('b')
    server.wait(TIMEOUT / 2)
    server.wait(TIMEOUT / 2)
    sentence = '/server has not answered for 4 s'
    assert server.said == [('a', sentence), ('b', sentence)]
    assert server.asked() == 'aa'
    server.requests[1][1].set_result(1)  # too late
    server.ask('c')
    server.requests[2][1].set_result(2)
    assert server.said[2:] == [('c', 2)]


def test_no_request_that_was_sent_is_left_without_an_end(server):
    """rclpy keeps those that are neither answered nor cancelled."""
    def open_requests() -> int:
        return sum(not (future.done() or future.cancelled()) for _, future in server.requests)

    server.ask('a')
    server.wait(TIMEOUT / 2)
    server.requests[1][1].set_result(1)
    assert open_requests() == 0
    for _ in range(3):
        server.ask('never')
    assert open_requests() == 1
    server.wait(TIMEOUT / 2)
    server.wait(TIMEOUT / 2)
    assert (open_requests(), len(server.requests)) == (0, 4)
    server.ask('done')
    server.done.add('done')
    server.wait(TIMEOUT / 2)
    assert open_requests() == 0
    assert server.said[-1] == ('done', None)


def test_what_has_been_done_is_not_asked_for_again(server):
    server.ask('a')
    server.done.add('a')
    server.wait(TIMEOUT / 2)
    assert (server.asked(), server.said) == ('a', [('a', None)])


def test_what_must_not_happen_twice_is_asked_for_once_and_waited_for_as_long(server):
    server.ask('step', tries=1)
    server.wait(TIMEOUT - 0.1)
    assert not server.said
    server.wait(0.1)
    assert (server.asked(), len(server.said)) == ('step', 1)
