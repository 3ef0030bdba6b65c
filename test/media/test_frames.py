import pytest

from aim_ros.media.frames import MediaError
from aim_ros.media.frames import parse_options
from aim_ros.media.sources import open_source


def test_options():
    assert parse_options('') == {}
    assert parse_options(' seed=7, frames = 120,') == {'seed': '7', 'frames': '120'}
    with pytest.raises(MediaError, match=r"'seed' is not of the form 'name=value'"):
        parse_options('seed')


def test_a_path_that_is_nothing_says_what_was_looked_for(tmp_path):
    with pytest.raises(MediaError, match='does not exist; a source is'):
        open_source(str(tmp_path / 'nowhere'))
    with pytest.raises(MediaError, match=r'nothing to play.*KITTI raw.*rosbag2.*of images'):
        open_source(str(tmp_path))
    (tmp_path / 'notes.txt').touch()
    with pytest.raises(MediaError, match='is a file, not a folder'):
        open_source(str(tmp_path / 'notes.txt'))


@pytest.mark.parametrize('path', ['x' * 5000, '~nobody_of_that_name/x', '/dev/null', '', '\0'])
def test_strange_paths_end_in_a_sentence(path):
    with pytest.raises(MediaError, match=r'^(cannot read )?source '):
        open_source(path, rate=10.0)


@pytest.mark.parametrize('options', ['frames=0', 'seed=-1', 'size=9x9', 'size=100x99999',
                                     'rate=1e-300', 'frames=1e3', 'rate=inf', 'frames=x',
                                     'seed=1.5', 'size=375', 'size=axb', 'size=1x2x3', 'rate=x'])
def test_a_street_that_cannot_be_is_refused_in_a_sentence(options):
    with pytest.raises(MediaError, match='street') as refused:
        open_source(f'street:{options}')
    # Of what was given, not of how Python reads it.
    assert not any(word in str(refused.value) for word in ('literal', 'convert', 'unpack'))


def test_the_street_by_name():
    assert len(open_source('street')) == 120
    assert len(open_source('street:seed=7,frames=5,size=100x300')) == 5
    assert len(open_source('street:seed=7', frames=6)) == 6
    with pytest.raises(MediaError, match=r"no option 'speed'; its options: seed, frames"):
        open_source('street:speed=3')
    with pytest.raises(MediaError, match=r"option 'frames' of the street cannot be 'many'"):
        open_source('street:frames=many')
    with pytest.raises(MediaError, match=r"option 'size' of the street .* '1242'.*375x1242"):
        open_source('street:size=1242')


@pytest.mark.parametrize('name', ['dash.mp4', 'PHONE.MOV'])
def test_a_video_is_named_as_one_with_what_to_make_of_it(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(MediaError, match=r'is a video: make a folder of its images.*ffmpeg'):
        open_source(str(tmp_path / name))
