"""New sizes of the network's input are prepared apart; the newest image of each camera waits."""

import threading

from deadline import DEADLINE
import pytest

from aim_ros.nodes.segmentation.preparation import Preparation

SMALL, LARGE = (32, 64), (64, 128)


class Network:
    """A network that is made ready for a size when the test lets it."""

    def __init__(self):
        self.ready = set()
        self.begun = []
        self.may = {size: threading.Event() for size in (SMALL, LARGE)}
        self.fails = set()
        self.changed = threading.Condition()
        self.resumed, self.lost, self.told = [], [], []

    def prepare(self, size):
        self._note(self.begun, size)
        assert self.may[size].wait(DEADLINE)
        if size in self.fails:
            raise RuntimeError(f'no room for {size}')
        self.ready.add(size)

    def is_ready(self, size):
        return size in self.ready

    def resume(self, camera, item):
        self._note(self.resumed, (camera, item))

    def lose(self, camera, error, lost):
        self._note(self.lost if lost else self.told, (camera, str(error)))

    def _note(self, where, what):
        with self.changed:
            where.append(what)
            self.changed.notify_all()

    def wait_for(self, condition):
        with self.changed:
            assert self.changed.wait_for(condition, DEADLINE)


@pytest.fixture
def network():
    network = Network()
    yield network
    for event in network.may.values():
        event.set()


@pytest.fixture
def preparation(network):
    preparation = Preparation(network.prepare, network.is_ready, network.resume, network.lose)
    yield preparation
    for event in network.may.values():
        event.set()
    assert preparation.stop(DEADLINE)


@pytest.fixture
def defer(preparation):
    """Return a function that defers an item; the items that were replaced are in `defer.gone`."""
    def defer(camera, size, item):
        return preparation.defer(camera, size, item, lambda: defer.gone.append(item))
    defer.gone = []
    return defer


def test_what_the_network_is_ready_for_does_not_wait(network, preparation, defer):
    network.ready.add(SMALL)
    assert not defer('left', SMALL, 1)
    assert preparation.awaited('left') is None
    assert not preparation.alive


def test_the_newest_item_of_each_camera_waits(network, preparation, defer):
    assert defer('left', SMALL, 1)
    network.wait_for(lambda: network.begun == [SMALL])
    assert defer('right', SMALL, 2)
    assert defer('left', SMALL, 3)
    assert preparation.awaited('left') == SMALL
    assert not network.resumed
    assert defer.gone == [3]  # which replaced one
    network.may[SMALL].set()
    network.wait_for(lambda: len(network.resumed) == 2)
    assert sorted(network.resumed) == [('left', 3), ('right', 2)]
    assert network.begun == [SMALL]
    assert preparation.awaited('left') is None
    assert not defer('left', SMALL, 4)


def test_one_size_is_prepared_after_the_other_in_threads_that_end(network, preparation, defer):
    defer('left', SMALL, 1)
    defer('right', LARGE, 2)
    network.wait_for(lambda: network.begun == [SMALL])
    network.may[SMALL].set()
    network.wait_for(lambda: network.begun == [SMALL, LARGE])
    assert network.resumed == [('left', 1)]
    assert preparation.awaited('right') == LARGE
    network.may[LARGE].set()
    network.wait_for(lambda: network.resumed == [('left', 1), ('right', 2)])
    for thread in threading.enumerate():
        if thread.name == 'preparation':
            thread.join(DEADLINE)
            assert not thread.is_alive()
    assert not preparation.alive
    # And others begin.
    network.ready.clear()
    assert defer('left', SMALL, 3)
    network.wait_for(lambda: network.resumed[-1] == ('left', 3))


def test_what_fails_is_the_loss_of_the_cameras_that_waited(network, preparation, defer):
    network.fails.add(SMALL)
    defer('left', SMALL, 1)
    defer('right', LARGE, 2)
    network.wait_for(lambda: network.begun == [SMALL])
    # Whose next image has another size wants to know, too, but that one did not cost it.
    defer('left', LARGE, 3)
    defer('rear', SMALL, 4)
    assert defer.gone == [3]  # which replaced one
    network.may[SMALL].set()
    network.may[LARGE].set()
    network.wait_for(lambda: len(network.resumed) == 2)
    assert network.lost == [('rear', 'no room for (32, 64)')]
    assert network.told == [('left', 'no room for (32, 64)')]
    assert sorted(network.resumed) == [('left', 3), ('right', 2)]
    # It is tried again with the next image.
    network.fails.clear()
    assert defer('right', SMALL, 4)
    network.wait_for(lambda: network.resumed[-1] == ('right', 4))


def test_what_is_dropped_does_not_wait_and_its_size_is_prepared(network, preparation, defer):
    defer('left', SMALL, 1)
    network.wait_for(lambda: network.begun == [SMALL])
    assert not preparation.drop('right', lambda item: True)
    assert not preparation.drop('left', lambda item: item != 1)
    assert preparation.awaited('left') == SMALL
    assert preparation.drop('left', lambda item: item == 1)
    assert preparation.awaited('left') is None
    network.may[SMALL].set()
    assert preparation.stop(DEADLINE)
    assert network.ready == {SMALL}
    assert not network.resumed


def test_after_closing_nothing_waits_or_comes_back(network, preparation, defer):
    defer('left', SMALL, 1)
    network.wait_for(lambda: network.begun)
    assert not preparation.stop(0)
    assert preparation.alive
    assert preparation.awaited('left') is None
    assert defer('left', SMALL, 2)
    network.may[SMALL].set()
    assert preparation.stop(DEADLINE)
    assert not network.resumed


def test_what_cannot_be_told_leaves_no_camera_waiting_for_nothing(network, monkeypatch):
    """Whatever is raised where a loss is told, others are told, and the next size is prepared."""
    raised, told = [], []
    monkeypatch.setattr(threading, 'excepthook', lambda caught: raised.append(caught.exc_value))

    def fail(camera, error, lost):
        told.append(camera)
        raise OSError('the log is full')

    preparation = Preparation(network.prepare, network.is_ready, network.resume, fail)
    network.fails.add(SMALL)
    assert preparation.defer('rear', SMALL, 0, lambda: None)
    network.wait_for(lambda: network.begun == [SMALL])
    assert preparation.defer('left', SMALL, 1, lambda: None)
    assert preparation.defer('front', LARGE, 2, lambda: None)
    for size in (SMALL, LARGE):
        network.may[size].set()
    network.wait_for(lambda: network.resumed == [('front', 2)])
    assert preparation.stop(DEADLINE)
    assert sorted(told) == ['left', 'rear']
    assert isinstance(raised[0], OSError)


def test_what_cannot_be_told_after_closing_starts_nothing(network, monkeypatch):
    ended = threading.Event()
    monkeypatch.setattr(threading, 'excepthook', lambda _: ended.set())
    closing = []

    def fail(camera, error, lost):
        closing[0].close()
        raise OSError('the log is full')

    closing.append(Preparation(network.prepare, network.is_ready, network.resume, fail))
    preparation, = closing
    network.fails.add(SMALL)
    preparation.defer('rear', SMALL, 0, lambda: None)
    network.wait_for(lambda: network.begun == [SMALL])
    preparation.defer('front', LARGE, 1, lambda: None)
    network.may[SMALL].set()
    assert ended.wait(DEADLINE)
    assert preparation.stop(DEADLINE)
    assert network.begun == [SMALL]
