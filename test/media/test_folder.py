import os
import re

import cv2
import numpy as np
import pytest

from aim_ros.media.folder import ImageFolder
from aim_ros.media.frames import FIRST_STAMP_NS
from aim_ros.media.frames import MediaError
from aim_ros.media.sources import open_source


def write(path, value, shape=(8, 12, 3)):
    cv2.imwrite(str(path), np.full(shape, value, np.uint8))


def test_images_come_in_natural_order_with_regular_stamps(tmp_path):
    for number in (10, 9, 1):
        write(tmp_path / f'frame{number}.png', number)
    write(tmp_path / 'frame2.PNG', 2)
    (tmp_path / 'notes.txt').write_text('no image')
    source = open_source(str(tmp_path))
    frames = list(source.frames())
    assert [frame.image[0, 0, 0] for frame in frames] == [1, 2, 9, 10]
    assert [frame.stamp_ns - FIRST_STAMP_NS for frame in frames] == [
        0, 100_000_000, 200_000_000, 300_000_000,
    ]
    assert [frame.index for frame in frames] == [0, 1, 2, 3]
    assert {frame.encoding for frame in frames} == {'bgr8'}
    assert len(source) == 4


def test_rate_start_and_every(tmp_path):
    for number in range(6):
        write(tmp_path / f'{number}.png', number)
    frames = list(open_source(str(tmp_path), rate='4').frames(start=1, every=2))
    assert [frame.index for frame in frames] == [1, 3, 5]
    assert [frame.stamp_ns - FIRST_STAMP_NS for frame in frames] == [
        250_000_000, 750_000_000, 1_250_000_000,
    ]
    with pytest.raises(ValueError, match='got -1 and 1'):
        next(ImageFolder(tmp_path).frames(start=-1))


def test_grey_files_are_mono8(tmp_path):
    write(tmp_path / 'grey.png', 77, (8, 12))
    (frame,) = ImageFolder(tmp_path).frames()
    assert frame.encoding == 'mono8'
    assert frame.image.shape == (8, 12, 1)
    assert (frame.image == 77).all()


def test_sixteen_bit_and_transparent_files_become_eight_bit_colour(tmp_path):
    cv2.imwrite(str(tmp_path / '1.png'), np.full((8, 12, 3), 0x4000, np.uint16))
    write(tmp_path / '2.png', 64, (8, 12, 4))
    for frame in ImageFolder(tmp_path).frames():
        assert frame.encoding == 'bgr8'
        assert (frame.image == 64).all()


@pytest.mark.parametrize('content', [b'', b'not an image', b'\x89PNG\r\n\x1a\n\0\0\0\rIHDR'])
def test_an_unreadable_image_is_named_when_it_is_read(tmp_path, content):
    write(tmp_path / '1.png', 1)
    (tmp_path / '2.png').write_bytes(content)
    frames = ImageFolder(tmp_path).frames()
    assert next(frames).index == 0
    with pytest.raises(MediaError, match=r'cannot read image .*2\.png'):
        next(frames)


def test_images_that_cannot_be_read_are_left_out(tmp_path):
    for number in range(5):
        write(tmp_path / f'{number}.png', number)
    (tmp_path / '1.png').write_bytes(b'')
    half = (tmp_path / '3.png').read_bytes()[:-30]
    (tmp_path / '3.png').write_bytes(half + bytes(30))
    losses = []
    frames = list(ImageFolder(tmp_path).frames(on_loss=losses.append))
    assert [frame.index for frame in frames] == [0, 2, 4]
    assert ['1.png' in str(losses[0]), '3.png' in str(losses[1])] == [True, True]


@pytest.mark.parametrize('padding', [0, 5000])
def test_half_a_jpeg_is_no_image(tmp_path, padding):
    data = cv2.imencode('.jpg', np.full((64, 64, 3), 9, np.uint8))[1].tobytes()
    (tmp_path / '1.jpg').write_bytes(data + bytes(padding))
    (tmp_path / '2.jpg').write_bytes(data[:len(data) // 2] + bytes(padding))
    frames = ImageFolder(tmp_path).frames()
    assert next(frames).size == (64, 64)
    with pytest.raises(MediaError, match=r'2\.jpg: it is damaged'):
        next(frames)


def test_images_are_read_when_it_is_their_turn(tmp_path):
    for number in range(2):
        write(tmp_path / f'{number}.png', number)
    frames = ImageFolder(tmp_path).frames()
    next(frames)
    (tmp_path / '1.png').unlink()
    with pytest.raises(MediaError, match=r'1\.png: No such file'):
        next(frames)


def test_a_folder_of_images_with_metadata_of_its_own_is_no_bag(tmp_path):
    write(tmp_path / '1.png', 1)
    (tmp_path / 'metadata.yaml').write_text('camera: front\n')
    assert len(open_source(str(tmp_path))) == 1


@pytest.mark.parametrize('rate', ['0', '-1', 'inf', 'nan', 'fast'])
def test_wrong_rates(tmp_path, rate):
    write(tmp_path / '1.png', 1)
    with pytest.raises(MediaError, match=f"option 'rate' of an image folder cannot be '{rate}'"):
        open_source(str(tmp_path), rate=rate)


def test_hidden_files_are_no_images(tmp_path):
    cv2.imwrite(str(tmp_path / '0.png'), np.zeros((8, 8, 3), np.uint8))
    for name in ('._0.png', '.1.png'):
        (tmp_path / name).write_bytes(b'what macOS notes of a file')
    assert len(open_source(str(tmp_path))) == 1


def break_link(path, target='gone.png'):
    path.symlink_to(target)


def forbid(path):
    write(path, 1)
    path.chmod(0)


def go_in_circles(path):
    path.symlink_to(path.name)


@pytest.mark.parametrize(('spoil', 'said'), [
    (break_link, r'No such file or directory \(it is a link to gone\.png\)'),
    (go_in_circles, r'Too many levels of symbolic links \(it is a link to 1\.png\)'),
    pytest.param(forbid, 'Permission denied', marks=pytest.mark.skipif(
        os.geteuid() == 0, reason='root may read all'))])
def test_an_image_that_cannot_be_opened_is_named_with_the_reason(tmp_path, spoil, said):
    for number in (0, 2):
        write(tmp_path / f'{number}.png', number)
    spoil(tmp_path / '1.png')
    (tmp_path / 'folder.png').mkdir()
    source, losses = open_source(str(tmp_path)), []
    assert len(source) == 3
    assert [frame.index for frame in source.frames(on_loss=losses.append)] == [0, 2]
    loss, = losses
    assert re.search(rf'cannot read image .*1\.png: {said}', str(loss))


def test_a_folder_whose_images_are_all_gone_is_an_error(tmp_path):
    for number in range(3):
        break_link(tmp_path / f'{number}.png')
    with pytest.raises(MediaError, match=r'cannot read image .*0\.png: No such file'):
        list(open_source(str(tmp_path)).frames())
