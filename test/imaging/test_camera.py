from aim_ros.imaging.camera import CameraModel


def test_projection_is_made_from_the_intrinsics():
    camera = CameraModel(640, 480, fx=500.0, fy=510.0, cx=320.0, cy=240.0)
    assert camera.k == (500, 0, 320, 0, 510, 240, 0, 0, 1)
    assert camera.p == (500, 0, 320, 0, 0, 510, 240, 0, 0, 0, 1, 0)
    assert camera.r == (1, 0, 0, 0, 1, 0, 0, 0, 1)


def test_given_projection_is_kept():
    p = tuple(float(value) for value in range(12))
    assert CameraModel(640, 480, 1.0, 1.0, 0.0, 0.0, p=p).p == p
