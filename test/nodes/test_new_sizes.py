"""A camera whose images need another size of the network's input does not blind the others."""

import itertools
import threading

from deadline import DEADLINE
from diagnostic_msgs.msg import DiagnosticArray
from diagnostic_msgs.msg import DiagnosticStatus
import numpy as np
import pytest
from rclpy.lifecycle import TransitionCallbackReturn

from aim_ros.nodes.segmentation import retries
from aim_ros.nodes.segmentation.diagnostics import camera_status
from aim_ros.segmentation.segmenter import Segmenter

TALL = (128, 64)  # the network's input for images of 120 x 60
TEXT = 'compiling the network for 128x64 (height x width)'


@pytest.fixture
def compiler(monkeypatch):
    """Hold what compiles for `TALL` until the test lets it; `compiler.begun` is set by then."""
    compiler = threading.Event()
    compiler.begun, compiler.error, compiler.tries = threading.Event(), None, 0
    prepare = Segmenter._prepare

    def held(self, size):
        if size == TALL:
            compiler.tries += 1
            compiler.begun.set()
            assert compiler.wait(DEADLINE)
            if compiler.error is not None:
                raise compiler.error
        prepare(self, size)

    monkeypatch.setattr(Segmenter, '_prepare', held)
    yield compiler
    compiler.set()


@pytest.fixture
def rig(make_node, make_camera, ask, ros, compiler):
    """A node with a camera that is perceived, and another one whose first image has come."""
    node = make_node(cameras=['left', 'right'], input_size=[], input_pixels=8192)
    left, right = make_camera(node, 'left'), make_camera(node, 'right')
    right.pixels = np.random.default_rng(0).integers(0, 256, (120, 60, 3), np.uint8)
    ask(left, 1.0)
    right.images.publish(right.message(1.0))
    ros.wait_for(compiler.begun.is_set, what='the new size to be compiled for')
    return node, left, right


def test_other_cameras_are_perceived_while_one_waits_for_its_network(
        rig, ask, ros, compiler):
    node, left, right = rig
    statuses = []
    ros.add(ros.Node('reader')).create_subscription(
        DiagnosticArray, '/diagnostics', lambda message: statuses.extend(
            status for status in message.status if status.name == 'segmentation: right'), 10)
    stamps = itertools.count(2)

    def is_said():
        ask(left, float(next(stamps)))
        return any(TEXT in status.message and status.level == DiagnosticStatus.STALE
                   for status in list(statuses))

    ros.wait_for(is_said, what='the reason of STALE')
    assert right.answer(1.0) is None
    assert not right.masks
    compiler.set()
    # The very image that needed it: a replay in lockstep waits for that.
    mask, _ = ros.wait_for(lambda: right.answer(1.0), what='the image that waited')
    assert (mask.height, mask.width) == (120, 60)
    ask(right, 2.0)
    assert node.channels['right'].statistics.count('replaced') == 0


def test_of_the_images_that_wait_the_newest_is_perceived(rig, ask, ros, compiler):
    node, _, right = rig
    statistics = node.channels['right'].statistics
    for stamp in (2.0, 3.0):
        right.images.publish(right.message(stamp, right.pixels + np.uint8(stamp)))
        ros.wait_for(lambda count=stamp - 1: statistics.count('replaced') == count,
                     what='an image to replace one that waits')
    compiler.set()
    ros.wait_for(lambda: right.answer(3.0))
    ask(right, 4.0)
    assert [mask.header.stamp.sec for mask in right.masks] == [3, 4]


def test_an_image_that_waited_does_not_follow_a_newer_one(rig, ask, ros, compiler, capfd):
    node, left, right = rig
    ask(right, 2.0, left.pixels)
    # It waits no more, though its network is still compiled.
    statistics = node.channels['right'].statistics
    ros.wait_for(lambda: statistics.count('replaced') == 1)
    compiler.set()
    ask(right, 3.0)
    assert [mask.header.stamp.sec for mask in right.masks] == [2, 3]
    assert 'start afresh' not in capfd.readouterr().err


def test_a_network_that_cannot_be_compiled_is_the_loss_of_its_camera(
        rig, ask, ros, compiler, monkeypatch):
    node, left, right = rig
    monkeypatch.setattr(retries, 'FIRST_WAIT', 0.0)
    compiler.error = RuntimeError('no room')
    compiler.set()
    last = ros.wait_for(node.channels['right'].problems.last)
    assert last.text == 'a frame was lost: RuntimeError: no room'
    assert node.channels['left'].problems.last() is None
    ask(left, 2.0)
    compiler.error = None
    ask(right, 2.0)


def test_a_network_that_could_not_be_compiled_is_not_tried_with_every_image(
        rig, ask, ros, compiler, monkeypatch, await_match, capfd):
    node, left, right = rig
    monkeypatch.setattr(retries, 'FIRST_WAIT', 3600.0)
    compiler.error = RuntimeError('no room')
    compiler.set()
    problems = node.channels['right'].problems
    ros.wait_for(problems.last)
    for stamp in (2.0, 3.0):
        right.images.publish(right.message(stamp, right.pixels + np.uint8(stamp)))
        ros.wait_for(lambda count=stamp: problems.last().count == count)
        ask(left, stamp)
    assert compiler.tries == 1
    assert problems.last().text == 'a frame was lost: RuntimeError: no room'
    status = camera_status(
        'segmentation', node.channels['right'], True, node.parameters.settings)
    assert 'a frame was lost: RuntimeError: no room' in status.message
    assert capfd.readouterr().err.count('no room') == 1
    # Whoever configures it anew has mended something.
    compiler.error = None
    assert node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    assert node.trigger_cleanup() == TransitionCallbackReturn.SUCCESS
    assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS
    assert node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    await_match(node, right)
    ask(right, 4.0)
    assert compiler.tries == 2


def test_a_node_ends_while_it_compiles(rig, ros, compiler, await_match, ask):
    node, _, right = rig
    assert node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    ros.wait_for(lambda: right.stale()[-1:]
                 and right.stale()[-1].status[0].message == 'the node is not active')
    assert node.hangs
    assert node.trigger_activate() == TransitionCallbackReturn.FAILURE
    assert 'try again' in node.problem
    compiler.set()
    ros.wait_for(lambda: not node.hangs)
    assert node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    await_match(node, right)
    ask(right, 2.0)
    assert right.answer(1.0) is None
