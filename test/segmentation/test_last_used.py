"""Values that are made once for all threads, while others are to be had."""

from concurrent.futures import ThreadPoolExecutor
import contextlib
import gc
import threading
import weakref

from deadline import DEADLINE
import pytest

from aim_ros.segmentation.engine import LastUsed


def test_the_values_used_last_are_kept():
    made = []

    def get(key):
        return values.get(key, lambda: made.append(key) or key)

    values = LastUsed(2)
    assert [get(key) for key in 'abacab'] == list('abacab')
    assert made == ['a', 'b', 'c', 'b']
    assert 'a' in values
    assert 'c' not in values


def test_a_value_is_made_once_for_all_threads_while_others_are_to_be_had():
    values = LastUsed(2)
    begun, may = threading.Event(), threading.Event()
    made = []

    def make():
        made.append('slow')
        begun.set()
        assert may.wait(DEADLINE)
        return 'slow'

    values.get('here', lambda: 'here')
    with ThreadPoolExecutor(3) as pool:
        try:
            threads = [pool.submit(values.get, 'slow', make) for _ in range(2)]
            assert begun.wait(DEADLINE)
            assert pool.submit(values.get, 'here', make).result(DEADLINE) == 'here'
            assert 'here' in values
            assert 'slow' not in values
        finally:
            may.set()
        assert [thread.result(DEADLINE) for thread in threads] == ['slow'] * 2
    assert made == ['slow']
    assert 'slow' in values


def test_what_cannot_be_made_is_tried_again():
    def fail():
        raise RuntimeError('no room')

    values = LastUsed(2)
    for _ in range(2):
        with pytest.raises(RuntimeError, match='no room'):
            values.get('a', fail)
        assert 'a' not in values
    assert values.get('a', lambda: 1) == 1


def test_what_cannot_be_made_displaces_nothing():
    def fail():
        raise RuntimeError('no room')

    values = LastUsed(2)
    for key in 'ab':
        values.get(key, lambda key=key: key)
    for key in 'cdc':
        with pytest.raises(RuntimeError, match='no room'):
            values.get(key, fail)
    assert 'a' in values
    assert 'b' in values
    values.get('c', lambda: 'c')
    assert 'a' not in values
    assert 'b' in values


def test_the_oldest_is_there_until_the_next_is_and_no_longer():
    values = LastUsed(2)
    for key in 'ab':
        values.get(key, lambda key=key: key)

    def make():
        assert 'a' in values
        # Used later than what is being made was asked for, yet before it is there.
        for key in 'ab':
            values.get(key, lambda: pytest.fail('it was there'))
        return 'c'

    assert values.get('c', make) == 'c'
    assert 'a' not in values
    assert 'b' in values
    assert 'c' in values


def test_what_is_being_made_is_not_made_again_however_many_come_meanwhile():
    values = LastUsed(2)
    begun, may = threading.Event(), threading.Event()

    def make():
        begun.set()
        assert may.wait(DEADLINE)
        return 'slow'

    with ThreadPoolExecutor(2) as pool:
        try:
            first = pool.submit(values.get, 'slow', make)
            assert begun.wait(DEADLINE)
            for key in 'abc':
                values.get(key, lambda key=key: key)
            second = pool.submit(values.get, 'slow', lambda: 'made again')
        finally:
            may.set()
        assert first.result(DEADLINE) == second.result(DEADLINE) == 'slow'
    assert [key for key in ('a', 'b', 'c', 'slow') if key in values] == ['c', 'slow']


def test_what_a_failed_attempt_held_is_freed_at_once():
    """On a GPU that is memory, which is short where an attempt fails."""
    class Buffer:
        pass

    held = []

    def fail():
        buffer = Buffer()
        held.append(weakref.ref(buffer))
        raise MemoryError

    kept = LastUsed(2)
    enabled = gc.isenabled()
    gc.disable()
    try:
        with contextlib.suppress(MemoryError):
            kept.get('size', fail)
        assert held[0]() is None
    finally:
        if enabled:
            gc.enable()
