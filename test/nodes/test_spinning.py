"""A callback that raises ends itself, and neither the node nor what it works for."""

import array
from functools import partial
import threading

import cv2
from deadline import DEADLINE
import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock
from rclpy.clock import ClockType
from sensor_msgs.msg import Image

from aim_ros.nodes import spinning as spinning_module
from aim_ros.nodes.logging import RateLimitedLogger
from aim_ros.nodes.spinning import spinning

# A replay whose first mask cannot be taken in.
PROGRAM = """
import sys
from aim_ros.nodes.__main__ import replay
from aim_ros.nodes.replay.node import ReplayNode

receive, masks = ReplayNode._receive_mask, []

def stumble(self, mask):
    masks.append(mask)
    if len(masks) == 1:
        raise RuntimeError('this mask is odd')
    receive(self, mask)

ReplayNode._receive_mask = stumble
sys.exit(replay())
"""


def test_a_callback_that_raises_is_logged_and_the_next_one_is_called(ros, capfd):
    node, calls = ros.Node('spun'), []

    def tick():
        calls.append('tick')
        if len(calls) == 1:
            raise RuntimeError('this tick is odd')

    node.create_timer(0.001, tick, clock=Clock(clock_type=ClockType.STEADY_TIME))
    with spinning(node):
        ros.wait_for(lambda: len(calls) > 1, what='the next tick')
    ticks = len(calls)
    node.destroy_node()
    assert len(calls) == ticks
    assert 'a callback failed: RuntimeError: this tick is odd' in capfd.readouterr().err


def test_what_fails_each_time_does_not_flood_the_log(ros, monkeypatch, capfd):
    monkeypatch.setattr(
        spinning_module, 'RateLimitedLogger', partial(RateLimitedLogger, period=1e9))
    node, calls = ros.Node('spun'), []

    def tick():
        calls.append('tick')
        raise RuntimeError(f'this is odd for the {len(calls)}th time')

    node.create_timer(0.001, tick, clock=Clock(clock_type=ClockType.STEADY_TIME))
    with spinning(node):
        ros.wait_for(lambda: len(calls) > 10, what='ticks')
    node.destroy_node()
    assert capfd.readouterr().err.count('a callback failed') == 1


def test_a_mask_that_cannot_be_taken_in_does_not_end_the_taking_in(ros, start_process, tmp_path):
    for index in range(3):
        cv2.imwrite(str(tmp_path / f'{index}.png'), np.full((8, 8, 3), 90, np.uint8))
    node = ros.add(ros.Node('listener'))
    masks = node.create_publisher(Image, '/segmentation/camera/mask', 10)

    def answer(image: Image) -> None:
        # Twice: of the first frame, one is lost.
        for _ in range(2):
            masks.publish(Image(header=image.header, height=1, width=1, encoding='mono8', step=1,
                                data=array.array('B', [0])))

    node.create_subscription(Image, 'camera/image', answer, 10)
    process = start_process('replay', '-p', f'source:={tmp_path}', '-p', 'lockstep:=true',
                            '-p', 'rate:=0.0', '-p', 'lockstep_timeout:=240.0', program=PROGRAM)
    assert process.wait() == 0, process.lines
    assert 'this mask is odd' in '\n'.join(process.lines)
    assert '3 masks, 0 timeouts' in process.lines[-1]


def test_the_tests_end_when_callbacks_that_wait_for_a_thread_are_over(ros):
    node, begun, release = ros.add(ros.Node('busy')), [], threading.Event()

    def wait():
        begun.append(1)
        release.wait(DEADLINE)

    for _ in range(5):
        node.create_timer(
            0.001, wait, ReentrantCallbackGroup(), Clock(clock_type=ClockType.STEADY_TIME))
    ros.wait_for(lambda: len(begun) == 4 and ros.queued(), what='more callbacks than threads')
    ending = threading.Thread(target=ros.end_callbacks)
    ending.start()
    release.set()
    ending.join(DEADLINE)
    assert not ending.is_alive()
    assert len(begun) > 4
