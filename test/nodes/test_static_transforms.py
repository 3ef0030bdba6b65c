import math
from types import SimpleNamespace

from geometry_msgs.msg import Quaternion
from geometry_msgs.msg import TransformStamped
from geometry_msgs.msg import Vector3
import numpy as np
import pytest
from std_msgs.msg import Header

from aim_ros.hazards.geometry import GroundCamera
from aim_ros.nodes.segmentation import static_transforms
from aim_ros.nodes.segmentation.static_transforms import StaticBroadcaster
from aim_ros.nodes.segmentation.static_transforms import StaticTransforms
from aim_ros.nodes.segmentation.static_transforms import transform_message
from aim_ros.perception.transforms import ground_transform
from aim_ros.perception.transforms import RigidTransform


def stamped(parent, child, translation, rotation=(0.0, 0.0, 0.0, 1.0)):
    message = TransformStamped(header=Header(frame_id=parent), child_frame_id=child)
    message.transform.translation = Vector3(**dict(zip('xyz', translation, strict=True)))
    message.transform.rotation = Quaternion(**dict(zip('xyzw', rotation, strict=True)))
    return message


def test_frames_of_several_messages_are_joined():
    transforms = StaticTransforms(node=None, group=None)
    transforms.receive(SimpleNamespace(transforms=[
        stamped('base_link', 'lidar', (1.0, 0.0, 2.0)),
        stamped('base_link', '/camera', (0.0, 0.0, 1.0))]))
    assert transforms.find('camera_optical', 'lidar') is None
    # Ahead of the body is z of the optical frame.
    transforms.receive(SimpleNamespace(transforms=[
        stamped('camera', 'camera_optical', (0.0, 0.0, 0.0), (-0.5, 0.5, -0.5, 0.5))]))
    found = transforms.find('camera_optical', '/lidar')
    assert found.rotation @ (3, 2, 1) + found.translation == pytest.approx([-2, -2, 4])


@pytest.mark.parametrize('rotation', [(0.0, 0.0, 0.0, 0.0), (math.nan, 0.0, 0.0, 1.0),
                                      (0.0, 0.0, 0.0, 9.0)])
def test_a_transform_that_is_none_is_reported_and_costs_no_other(rotation):
    lines = []
    node = SimpleNamespace(get_logger=lambda: SimpleNamespace(warning=lines.append))
    transforms = StaticTransforms(node, group=None)
    transforms.receive(SimpleNamespace(transforms=[
        stamped('base_link', 'lidar', (1.0, 0.0, 2.0), rotation),
        stamped('base_link', 'camera', (0.0, 0.0, 1.0))]))
    assert transforms.find('base_link', 'lidar') is None
    assert transforms.find('base_link', 'camera') is not None
    assert len(lines) == 1
    assert lines[0].startswith("/tf_static from 'base_link' to 'lidar' is not used: a transform")
    for _ in range(3):
        # As of a driver that publishes it with each message.
        transforms.receive(SimpleNamespace(transforms=[
            stamped('base_link', 'lidar', (1.0, 0.0, 2.0), rotation)]))
    assert len(lines) == 1


def test_a_message_says_what_was_made_of_it():
    ground = GroundCamera(fx=700, fy=650, cx=600, cy=170, height=1.6, pitch=0.2)
    message = transform_message(
        ground_transform(ground), Header(frame_id='optical'), 'optical_ground')
    assert (message.header.frame_id, message.child_frame_id) == ('optical', 'optical_ground')
    move, turn = message.transform.translation, message.transform.rotation
    again = RigidTransform.of((move.x, move.y, move.z), (turn.x, turn.y, turn.z, turn.w))
    assert np.allclose(again.matrix, ground_transform(ground).matrix)


def test_a_camera_whose_frame_changes_with_each_image_sends_no_more_and_more(monkeypatch):
    # Without tf2_msgs nothing is published.
    monkeypatch.setattr(static_transforms, 'HAVE_TF', True)
    monkeypatch.setattr(static_transforms, 'TFMessage', SimpleNamespace, raising=False)
    sent = []
    node = SimpleNamespace(create_publisher=lambda *_: SimpleNamespace(
        publish=lambda message: sent.append([one.child_frame_id for one in message.transforms])))
    broadcaster = StaticBroadcaster(node)
    for number in range(200):
        for frame in ('always', f'number {number}'):
            broadcaster.send(transform_message(
                RigidTransform.identity(), Header(frame_id=frame), f'{frame}_ground'))
    assert max(map(len, sent)) <= 16
    assert sent[-1][-1] == 'number 199_ground'
    # The frame that is still in use is among the last ones.
    assert 'always_ground' in sent[-1]
