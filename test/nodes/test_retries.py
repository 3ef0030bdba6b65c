"""What failed is tried again after waits that grow, and its reason is known meanwhile."""

import gc
import weakref

import pytest

from aim_ros.nodes.segmentation.retries import LONGEST_WAIT
from aim_ros.nodes.segmentation.retries import Retries
from aim_ros.segmentation.description import ModelError


@pytest.fixture
def retries(clock):
    return Retries(clock)


def fail(retries, key, error, before=lambda: None):
    def work():
        before()
        raise error

    with pytest.raises(type(error)), retries.attempt(key):
        work()


def assert_waits(retries, clock, key, seconds):
    clock.now += seconds - 0.1
    assert retries.pending(key)
    clock.now += 0.1
    assert not retries.pending(key)


def test_waits_grow_and_have_an_end(retries, clock):
    assert not retries.pending('small')
    for wait in (1, 2, 4, 8, LONGEST_WAIT, LONGEST_WAIT):
        fail(retries, 'small', RuntimeError('no\n room'))
        assert retries.pending('small') == 'RuntimeError: no room'
        assert_waits(retries, clock, 'small', wait)
        # However late the next image comes, up to as long again.
        clock.now += 0.9 * wait
    assert LONGEST_WAIT <= 10


def test_waits_grow_however_long_a_try_takes_until_it_fails(retries, clock):
    def compile_for_a_minute():
        clock.now += 60

    for wait in (1, 2, 4):
        fail(retries, 'small', RuntimeError('no room'), compile_for_a_minute)
        assert_waits(retries, clock, 'small', wait)


def test_a_failure_of_long_ago_is_forgotten(retries, clock):
    for _ in range(4):
        fail(retries, 'small', RuntimeError('no room'))
    clock.now += 16.1
    fail(retries, 'small', RuntimeError('no room'))
    assert_waits(retries, clock, 'small', 1)
    # Of a topic that changes its sizes without end, none is kept for ever.
    fail(retries, 'large', RuntimeError('no room'))
    clock.now += 2.1
    fail(retries, 'other', RuntimeError('no room'))
    assert [*retries._failures] == ['other']


def test_each_is_apart_and_begins_anew_once_it_succeeded(retries, clock):
    for _ in range(3):
        fail(retries, 'small', ModelError('no room'))
    assert not retries.pending('large')
    clock.now += 4
    with retries.attempt('small'):
        pass
    assert not retries.pending('small')
    fail(retries, 'small', ModelError('no room'))
    assert_waits(retries, clock, 'small', 1)


def test_what_an_error_was_raised_among_is_not_kept(retries):
    class Large:
        pass

    large = Large()
    gone = weakref.ref(large)

    def work(large):
        raise RuntimeError('no room')

    with pytest.raises(RuntimeError), retries.attempt('small'):
        work(large)
    del large
    gc.collect()
    assert gone() is None
