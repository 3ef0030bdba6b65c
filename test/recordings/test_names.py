import pytest

from aim_ros.recordings.errors import RecordingError
from aim_ros.recordings.names import drives


@pytest.mark.parametrize('name', ['a.mcap', 'a.db3', 'a_0.mcap.zstd', 'metadata.yaml'])
def test_a_folder_is_a_recording_by_its_files(tmp_path, name):
    (tmp_path / 'drive').mkdir()
    (tmp_path / 'drive' / name).touch()
    assert drives([tmp_path / 'drive']) == drives([tmp_path]) == {'drive': tmp_path / 'drive'}


def test_a_ros_1_bag_says_what_to_make_of_it(tmp_path):
    (tmp_path / 'a.bag').touch()
    with pytest.raises(RecordingError, match='is a ROS 1 bag: make a rosbag2 folder of it'):
        drives([tmp_path / 'a.bag'])
