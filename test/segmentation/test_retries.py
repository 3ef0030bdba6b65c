"""What failed is tried again after waits that grow, and its reason is known meanwhile."""

import gc
import weakref

import pytest

from aim_ros.segmentation.description import ModelError
from aim_ros.segmentation.retries import LONGEST_WAIT
from aim_ros.segmentation.retries import Retries


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def retries(clock):
    return Retries(clock)


def fail(retries, key, error):
    with pytest.raises(type(error)), retries.attempt(key):
        raise error


def test_waits_grow_and_have_an_end(retries, clock):
    assert not retries.pending('small')
    for wait in (1, 2, 4, 8, 16, 32, LONGEST_WAIT, LONGEST_WAIT):
        fail(retries, 'small', RuntimeError('no\n room'))
        clock.now += wait - 0.1
        assert retries.pending('small') == (
            f'RuntimeError: no room; it is tried again {wait:g} s after that')
        clock.now += 0.1
        assert not retries.pending('small')
        # However long nobody asks.
        clock.now += 1000


def test_each_is_apart_and_begins_anew_once_it_succeeded(retries, clock):
    fail(retries, 'small', ModelError('no room'))
    assert not retries.pending('large')
    clock.now += 1
    with retries.attempt('small'):
        pass
    assert not retries.pending('small')
    fail(retries, 'small', ModelError('no room'))
    assert retries.pending('small') == 'no room; it is tried again 1 s after that'


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
