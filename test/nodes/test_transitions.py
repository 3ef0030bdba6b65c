"""Transitions that fail: each says why, and planners get their STALE whatever fails."""

import gc
import threading
import weakref

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter

from aim_ros.nodes.rclpy_private import lifecycle_state
from aim_ros.nodes.segmentation.bond import Bond
from aim_ros.nodes.segmentation.camera_input import CameraInput
from aim_ros.nodes.segmentation.camera_output import CameraOutput
from aim_ros.nodes.segmentation.node import SegmentationNode
from aim_ros.nodes.segmentation.receiver import Receiver
from aim_ros.segmentation.segmenter import Segmenter


def fail(*_):
    raise RuntimeError('this cannot be done')


@pytest.mark.parametrize('transition', ['deactivate', 'shutdown'])
def test_where_the_bond_cannot_be_ended_planners_get_their_stale_and_people_the_reason(
        make_node, make_camera, ask, ros, monkeypatch, capfd, transition):
    node = make_node()
    camera = make_camera(node)
    ask(camera, 1.0)
    with monkeypatch.context() as broken:
        broken.setattr(Bond, 'end', fail)
        done = getattr(node, f'trigger_{transition}')()
    assert done == TransitionCallbackReturn.ERROR
    ros.wait_for(lambda: any(
        message.status[0].message == 'the node is not active' for message in camera.stale()))
    assert f'{transition}: RuntimeError: this cannot be done' in capfd.readouterr().err


@pytest.mark.parametrize('transition', ['deactivate', 'shutdown'])
@pytest.mark.parametrize('dumb', ['left', 'right'])
def test_where_one_camera_gets_no_last_stale_the_others_get_theirs(
        make_node, make_camera, ros, monkeypatch, capfd, dumb, transition):
    node = make_node(cameras=['left', 'right'])
    other = make_camera(node, {'left': 'right', 'right': 'left'}[dumb])
    publish, subscriptions = CameraOutput.close, []
    monkeypatch.setattr(CameraOutput, 'close', lambda output, *words: (
        fail() if output.name == dumb else publish(output, *words)))
    ended = CameraInput.unsubscribe
    monkeypatch.setattr(CameraInput, 'unsubscribe', lambda camera: (
        subscriptions.append(camera.name), ended(camera)))
    assert getattr(node, f'trigger_{transition}')() == TransitionCallbackReturn.ERROR
    ros.wait_for(lambda: any(
        message.status[0].message == 'the node is not active' for message in other.stale()))
    assert set(subscriptions) == {'left', 'right'}
    assert not node.hangs
    assert f'{transition}: RuntimeError: this cannot be done' in capfd.readouterr().err


def test_a_node_ends_whatever_fails_on_the_way(make_node, ros, monkeypatch, capfd):
    node = make_node()
    with monkeypatch.context() as broken:
        broken.setattr(CameraOutput, 'close', fail)
        ros.remove(node)
    assert lifecycle_state(node) == 'finalized'
    assert 'watchdog' not in {thread.name for thread in threading.enumerate()}
    assert 'end: RuntimeError: this cannot be done' in capfd.readouterr().err


def test_what_cannot_be_cleaned_up_is_said(make_node, monkeypatch, capfd):
    node = make_node(autostart=False, active=False)
    assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS
    with monkeypatch.context() as broken:
        broken.setattr(Receiver, 'destroy', fail)
        assert node.trigger_cleanup() == TransitionCallbackReturn.ERROR
    said = capfd.readouterr().err
    assert 'cleanup: RuntimeError: this cannot be done' in said
    # And so is that the state could not be recovered from.
    assert 'error processing: RuntimeError: this cannot be done' in said


def test_a_node_that_another_configured_before_its_autostart_is_left_to_it(
        ros, tiny_model, monkeypatch, capfd):
    node = SegmentationNode(parameter_overrides=[
        Parameter(name, value=value) for name, value in {
            'model': tiny_model, 'device': 'cpu', 'engine': 'torch',
            'input_size': [64, 96]}.items()])
    assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS
    ros.add(node)
    ros.wait_for(lambda: any(timer.is_canceled() for timer in node.timers), what='the autostart')
    monkeypatch.setattr(Receiver, 'start', fail)
    assert node.trigger_activate() == TransitionCallbackReturn.FAILURE
    assert not ros.errors
    assert not node.autostart_failed
    assert lifecycle_state(node) == 'inactive'
    assert 'activate: RuntimeError: this cannot be done' in capfd.readouterr().err


def test_a_network_is_freed_with_the_configuration_that_loaded_it(make_node, make_camera, ask):
    """Another one, of the next configuration, has to find room on the device."""
    def networks():
        gc.collect()
        return [weakref.ref(one) for one in gc.get_objects() if type(one) is Segmenter]

    before = len(networks())
    node = make_node()
    ask(make_camera(node), 1.0)
    assert len(networks()) == before + 1
    assert node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    assert node.trigger_cleanup() == TransitionCallbackReturn.SUCCESS
    assert len(networks()) == before
