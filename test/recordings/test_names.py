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


@pytest.mark.parametrize('name', ['a.mcap', 'a.db3', 'a.mcap.zstd', 'a.db3.zst'])
def test_a_lone_file_is_a_recording_named_without_its_endings(tmp_path, name):
    (tmp_path / name).touch()
    assert drives([tmp_path / name]) == {'a': tmp_path / name}


def test_another_file_is_none(tmp_path):
    (tmp_path / 'a.tar.zstd').touch()
    with pytest.raises(RecordingError, match=r'end in \.mcap or \.db3, or either with \.zstd'):
        drives([tmp_path / 'a.tar.zstd'])
