import threading

from deadline import DEADLINE
import pytest

from aim_ros.nodes.segmentation.frame_queue import FrameQueue
from aim_ros.nodes.segmentation.worker import Worker


@pytest.mark.parametrize('error', [None, RuntimeError('out of memory')])
def test_it_says_for_how_long_it_has_been_at_one_batch(clock, error):
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()
    looks = []

    def work(items):
        if items == {'left': 1}:
            begun.set()
            assert go_on.wait(DEADLINE)
            if error is not None:
                raise error
        else:
            looks.append(worker.busy)
            ended.set()

    worker = Worker(FrameQueue(), work, lambda error: None, clock)
    assert worker.busy == 0
    worker.queue.put('left', 1)
    assert begun.wait(DEADLINE)
    clock.now += 3
    assert worker.busy == 3
    worker.queue.put('left', 2)
    go_on.set()
    assert ended.wait(DEADLINE)
    assert looks == [0]
    assert worker.stop(DEADLINE)
    assert worker.busy == 0
