import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from aim_ros.hazards.geometry import GroundCamera
from aim_ros.perception.transforms import ground_transform
from aim_ros.perception.transforms import RigidTransform
from aim_ros.perception.transforms import TransformTree


def random_transform(rng):
    return RigidTransform.of(rng.normal(size=3), Rotation.random(random_state=rng).as_quat())


def applied(transform, points):
    return points @ transform.rotation.T + transform.translation


def test_a_quarter_turn_by_hand():
    half = np.sqrt(0.5)
    turn = RigidTransform.of((1, 2, 3), (0, 0, half, half))  # about z: x becomes y
    assert applied(turn, np.array([1.0, 0, 0])) == pytest.approx([1, 3, 3])
    assert turn.quaternion == pytest.approx((0, 0, half, half))
    assert turn.matrix @ (1, 0, 0, 1) == pytest.approx([1, 3, 3, 1])


def test_one_after_the_other_and_back():
    rng = np.random.default_rng(0)
    a, b = random_transform(rng), random_transform(rng)
    points = rng.normal(size=(5, 3))
    assert applied(a @ b, points) == pytest.approx(applied(a, applied(b, points)))
    assert applied(a.inverse() @ a, points) == pytest.approx(points)


@pytest.mark.parametrize(('move', 'turn', 'said'), [
    ((0, 0, 0), (0, 0, 0, 0), 'a quaternion of length 0; expected 1'),
    ((0, 0, 0), (0, 0, 0, 1.5), 'a quaternion of length 1.5; expected 1'),
    ((0, 0, 0), (0, float('nan'), 0, 1), 'not finite'),
    ((float('inf'), 0, 0), (0, 0, 0, 1), 'not finite'),
])
def test_what_is_no_transform_is_refused(move, turn, said):
    with pytest.raises(ValueError, match=said):
        RigidTransform.of(move, turn)


def test_the_frames_of_a_vehicle_are_near_each_other():
    near = RigidTransform.of((60, 60, 0), (0, 0, 0, 1))
    assert near.on_vehicle() is near
    with pytest.raises(ValueError, match=r'5e\+06 m apart; on a vehicle they are at most 100 m'):
        RigidTransform.of((3e6, 4e6, 0), (0, 0, 0, 1)).on_vehicle()


def test_frames_are_found_over_their_common_parent():
    rng = np.random.default_rng(1)
    lidar, body, optical = (random_transform(rng) for _ in range(3))
    tree = TransformTree()
    tree.set('base_link', 'lidar', lidar)
    tree.set('base_link', 'camera', body)
    tree.set('camera', 'camera_optical', optical)
    points = rng.normal(size=(4, 3))
    expected = applied((body @ optical).inverse(), applied(lidar, points))
    assert applied(tree.find('camera_optical', 'lidar'), points) == pytest.approx(expected)
    assert applied(tree.find('lidar', 'camera_optical'), expected) == pytest.approx(points)
    assert tree.find('lidar', 'map') is None
    assert tree.find('map', 'map').matrix == pytest.approx(np.eye(4))


def test_a_frame_that_is_fixed_anew_is_where_it_is_now():
    tree = TransformTree()
    for x in (1.0, 2.0):
        tree.set('a', 'b', RigidTransform.of((x, 0, 0), (0, 0, 0, 1)))
    assert tree.find('a', 'b').translation == pytest.approx([2, 0, 0])
    assert tree.find('b', 'a').translation == pytest.approx([-2, 0, 0])


def test_a_frame_that_is_fixed_to_another_parent_has_left_the_first():
    def along(x):
        return RigidTransform.of((x, 0, 0), (0, 0, 0, 1))

    tree = TransformTree()
    tree.set('camera', 'lidar', along(1.0))
    tree.set('base', 'camera', along(10.0))
    tree.set('base', 'rack', along(20.0))
    tree.set('rack', 'lidar', along(3.0))
    # By the link of before, which is the shorter one, it would be 1.
    assert tree.find('camera', 'lidar').translation == pytest.approx([13, 0, 0])
    # Parent and child change places, and the one that was above goes elsewhere.
    tree.set('lidar', 'rack', along(-5.0))
    assert tree.find('rack', 'lidar').translation == pytest.approx([5, 0, 0])
    assert tree.find('base', 'lidar') is None
    tree.set('base', 'lidar', along(7.0))
    assert tree.find('base', 'rack').translation == pytest.approx([2, 0, 0])


@pytest.mark.parametrize('pitch', [-0.2, 0.0, 0.3])
def test_the_ground_frame_is_that_of_the_ground_camera(pitch):
    camera = GroundCamera(fx=700, fy=650, cx=600, cy=170, height=1.6, pitch=pitch)
    transform = ground_transform(camera)
    assert np.linalg.det(transform.rotation) == pytest.approx(1)
    x, y = camera.on_ground(np.array([100.0, 600, 1100]), np.array([340.0, 400, 450]))
    right, down, depth = applied(transform, np.stack((x, y, np.zeros(3)), axis=1)).T
    assert 600 + 700 * right / depth == pytest.approx([100, 600, 1100])
    # A row's lower edge lies half a pixel below its centre.
    assert 170 + 650 * down / depth + 0.5 == pytest.approx([340, 400, 450])
    # Straight up from there is the camera.
    assert applied(transform, np.array([0, 0, 1.6])) == pytest.approx([0, 0, 0], abs=1e-12)
