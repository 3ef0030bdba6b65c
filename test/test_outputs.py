import os
from pathlib import Path
import subprocess

import pytest

from aim_ros.outputs import check_folder
from aim_ros.outputs import whole_file


@pytest.fixture
def read_only(tmp_path):
    """A disk that is read-only, which no permissions tell of."""
    place = tmp_path / 'disk'
    place.mkdir()
    mounted = os.name == 'posix' and subprocess.run(
        ['mount', '-t', 'tmpfs', '-o', 'ro,size=64k', 'tmpfs', str(place)], check=False,
        capture_output=True).returncode == 0
    if not mounted:
        pytest.skip('to mount a read-only disk takes root and the right to mount (CAP_SYS_ADMIN)')
    yield place
    subprocess.run(['umount', str(place)], check=True)


def test_a_folder_that_is_not_there_yet_is_not_made(tmp_path):
    check_folder(tmp_path / 'a' / 'b')
    check_folder(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_folder_of_the_working_directory_is_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_folder(Path('results'))
    check_folder(Path())


@pytest.mark.parametrize('inside', ['', 'a', 'a/b'])
def test_below_a_file_there_is_no_folder(tmp_path, inside):
    (tmp_path / 'file').touch()
    with pytest.raises(NotADirectoryError) as caught:
        check_folder(tmp_path / 'file' / inside)
    assert caught.value.filename == str(tmp_path / 'file')


def test_a_link_to_nowhere_is_no_folder(tmp_path):
    (tmp_path / 'link').symlink_to('gone')
    with pytest.raises(NotADirectoryError):
        check_folder(tmp_path / 'link')


@pytest.mark.parametrize('inside', ['', 'a/b'])
def test_a_disk_that_is_read_only_is_named(read_only, inside):
    with pytest.raises(OSError, match='Read-only file system') as caught:
        check_folder(read_only / inside)
    assert caught.value.filename == str(read_only)


def test_a_file_gets_its_name_when_it_is_whole(tmp_path):
    path = tmp_path / 'report.html'
    path.write_text('before')
    with whole_file(path) as partial:
        partial.write_text('after')
        assert path.read_text() == 'before'
    assert path.read_text() == 'after'
    assert list(tmp_path.iterdir()) == [path]


def test_after_an_error_what_was_there_stays(tmp_path):
    path = tmp_path / 'report.html'
    path.write_text('before')

    def write():
        with whole_file(path) as partial:
            partial.write_text('half')
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert path.read_text() == 'before'
    assert list(tmp_path.iterdir()) == [path]


def test_where_nothing_is_written_there_is_no_file(tmp_path):
    with whole_file(tmp_path / 'film.mp4'):
        pass
    assert not list(tmp_path.iterdir())
