import pytest

from aim_ros.recordings.errors import RecordingError
from aim_ros.recordings.names import drives


@pytest.mark.parametrize('folder', ['drive', 'drive.mcap'])
@pytest.mark.parametrize('name', ['a.mcap', 'a.db3', 'a_0.mcap.zstd', 'metadata.yaml'])
def test_a_folder_is_a_recording_by_its_files(tmp_path, folder, name):
    (tmp_path / folder).mkdir()
    (tmp_path / folder / name).touch()
    assert drives([tmp_path / folder]) == drives([tmp_path]) == {folder: tmp_path / folder}


def test_a_ros_1_bag_says_what_to_make_of_it(tmp_path):
    (tmp_path / 'a.bag').touch()
    with pytest.raises(RecordingError, match='is a ROS 1 bag: make a rosbag2 folder of it'):
        drives([tmp_path / 'a.bag'])
