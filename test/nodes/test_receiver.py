import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from aim_ros.nodes.segmentation import receiver
from aim_ros.nodes.segmentation.receiver import Receiver
from aim_ros.segmentation.labels import CITYSCAPES


def test_where_one_camera_cannot_be_made_the_others_are_destroyed_too(monkeypatch):
    made, destroyed = [], []

    class Channel:
        def __init__(self, node, name, *_):
            if name == 'bad':
                raise ValueError('this name cannot be')
            made.append(self)

        def destroy(self):
            destroyed.append(self)

    monkeypatch.setattr(receiver, 'CameraChannel', Channel)
    cameras = Receiver(None, lambda: None, None, lambda error: None)
    with pytest.raises(ValueError, match='this name'):
        cameras.create(dict.fromkeys(('left', 'right', 'bad'), 'raw'), CITYSCAPES)
    cameras.destroy()
    assert len(made) == 2
    assert destroyed == made
    assert not cameras.channels
