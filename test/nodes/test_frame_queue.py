import threading

from deadline import DEADLINE

from aim_ros.nodes.segmentation.frame_queue import FrameQueue


def test_the_newest_item_of_each_camera_is_kept():
    queue = FrameQueue()
    assert not queue.put('left', 1)
    assert queue.put('left', 2)
    assert not queue.put('right', 3)
    assert queue.take() == {'left': 2, 'right': 3}
    assert not queue.put('left', 4)


def test_a_reader_waits_for_an_item():
    queue = FrameQueue()
    taken = []
    reader = threading.Thread(target=lambda: taken.append(queue.take()))
    reader.start()
    queue.put('left', 1)
    reader.join(DEADLINE)
    assert taken == [{'left': 1}]


def test_closing_drops_what_is_there_and_wakes_the_reader():
    queue = FrameQueue()
    taken = []
    reader = threading.Thread(target=lambda: taken.append(queue.take()))
    reader.start()
    queue.close()
    reader.join(DEADLINE)
    assert taken == [None]
    queue.put('left', 1)
    assert queue.take() is None


def test_what_is_put_back_gives_way_to_what_is_newer():
    queue = FrameQueue()
    assert queue.put_back('left', 1)
    assert not queue.put_back('left', 0)
    assert queue.put('left', 2)
    assert queue.take() == {'left': 2}
    queue.close()
    assert not queue.put_back('left', 3)
