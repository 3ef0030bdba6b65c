"""What the cameras of a recording are called."""

import re
import shlex

import pytest
from recording_scenes import scenes

from aim_ros.media import bag_messages
from aim_ros.media.bag_writer import BagWriter
from aim_ros.media.frames import MediaError
from aim_ros.media.recording import Recording
from aim_ros.recordings.bag_input import BagInput
from aim_ros.recordings.cameras import find_cameras
from aim_ros.recordings.options import Options


def write(path, topics):
    frame = next(scenes(1))
    with BagWriter(path) as bag:
        for topic in topics:
            bag.write(topic, frame.stamp_ns, bag_messages.image(
                frame.image, 'rgb8', bag_messages.header_of(frame)))
    return path


def names(bag, chosen=()):
    with Recording(bag) as recording:
        cameras, _ = find_cameras(recording, chosen)
        warnings = BagInput(recording, cameras, Options(), 0.5).warnings
    return {camera.topic: camera.name for camera in cameras}, warnings


@pytest.mark.parametrize(('chosen', 'expected', 'said'), [
    ((), {'/ouster/range_image': 'ouster_range_image', '/ouster/signal_image':
          'ouster_signal_image', '/front/image_raw': 'front'},
     "/ouster/range_image, /ouster/signal_image would all be camera 'ouster', and are named by"),
    (('/ouster/range_image', '/front/image_raw'),
     {'/ouster/range_image': 'ouster', '/front/image_raw': 'front'}, ''),
    (('ouster=/ouster/range_image', '/ouster/signal_image'),
     {'/ouster/range_image': 'ouster', '/ouster/signal_image': 'ouster_signal_image'},
     "would all be camera 'ouster'")])
def test_topics_that_would_share_a_name_are_named_by_their_whole_topics(
        tmp_path, chosen, expected, said):
    bag = write(tmp_path / 'drive', [
        '/ouster/range_image', '/front/image_raw', '/ouster/signal_image'])
    found, warnings = names(bag, chosen)
    assert found == expected
    assert len(warnings) == bool(said)
    assert said in ''.join(warnings)


def test_raw_images_beside_rectified_ones_are_both_processed(tmp_path):
    bag = write(tmp_path / 'drive', ['/camera/image_raw', '/camera/image_rect'])
    assert names(bag)[0] == {'/camera/image_raw': 'camera_image_raw',
                             '/camera/image_rect': 'camera_image_rect'}


@pytest.mark.parametrize('chosen', [
    (), ('a=/a/b_c/image', 'a=/front/image'), ('a=/front/image', 'b=/front/image'),
    ('/front/image', '/front/image')])
def test_names_that_cannot_be_told_apart_end_in_options_that_can_be_pasted(tmp_path, chosen):
    bag = write(tmp_path / 'drive', ['/a/b_c/image', '/a_b/c/image', '/front/image'])
    with pytest.raises(MediaError, match='name them, as by --camera camera_1=/') as caught:
        names(bag, chosen)
    pasted = shlex.split(re.search('as by (.*)', str(caught.value))[1])[1::2]
    found, _ = names(bag, pasted)
    if not chosen:
        assert found == {'/a/b_c/image': 'camera_1', '/a_b/c/image': 'camera_2',
                         '/front/image': 'camera_3'}
