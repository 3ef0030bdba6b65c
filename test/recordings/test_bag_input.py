"""What is said of a recording's cameras while their frames are taken."""

from dataclasses import replace
import shutil

import pytest
from recording_scenes import CAMERA
from recording_scenes import scenes

from aim_ros.media import bag_messages
from aim_ros.media.bag_writer import BagWriter
from aim_ros.media.recording import Recording
from aim_ros.media.rosbag import write_bag
from aim_ros.recordings.bag_input import BagInput
from aim_ros.recordings.cameras import find_cameras
from aim_ros.recordings.options import Options
from aim_ros.recordings.process_bag import main

START_NS = 10**18
STEP_NS = 250_000_000


def write_spells(path, spells):
    """Write frames by what they show: (number, 'scene', 'black' or 'frozen')."""
    shown, frames = scenes(200), []
    for count, kind in spells:
        held = next(shown)
        for _ in range(count):
            frame = held if kind == 'frozen' else next(shown)
            if kind == 'black':
                # Noise of a sensor that sees nothing.
                frame = replace(frame, image=frame.image // 16)
            frames.append(replace(frame, stamp_ns=START_NS + len(frames) * STEP_NS))
    write_bag(path, frames)
    return path


def taken(bag, **options):
    with Recording(bag) as recording:
        cameras, notes = find_cameras(recording)
        source = BagInput(recording, cameras, Options(**options), 0.5, notes)
        return list(source.shots()), source


def test_what_looks_blind_is_told_with_its_length_and_when(tmp_path):
    bag = write_spells(tmp_path / 'drive', [
        (4, 'scene'), (25, 'black'), (4, 'scene'), (29, 'frozen'), (2, 'scene'), (22, 'black')])
    shots, source = taken(bag)
    assert len(shots) == 86
    assert not source.problems
    assert [warning.partition(':')[0] for warning in source.warnings] == [
        '/camera/image, up to second 7.0', '/camera/image, up to second 15.2',
        '/camera/image, up to second 21.2']
    for warning, text in zip(source.warnings, (
            'for 6 s the images have shown next to nothing', 'by a single byte for 7 s, though 28',
            'for 6 s the images have shown next to nothing'), strict=True):
        assert text in warning


def test_a_file_that_the_metadata_does_not_name_is_named(tmp_path):
    bag = write_spells(tmp_path / 'drive', [(4, 'scene')])
    shutil.copy(bag / 'drive.mcap', bag / 'drive_1.mcap')
    shots, source = taken(bag)
    assert len(shots) == 4
    (problem, count), = source.problems.items()
    assert (count, 'metadata.yaml does not name them: drive_1.mcap;' in problem) == (1, True)
    assert not source.damaged


@pytest.mark.parametrize('kind', ['black', 'frozen'])
def test_a_spell_that_is_short_is_not_told(tmp_path, kind):
    bag = write_spells(tmp_path / 'drive', [(4, 'scene'), (19, kind), (4, 'scene')])
    assert taken(bag)[1].warnings == []


def test_a_camera_that_shows_nothing_is_named_at_the_end(tmp_path, network, capsys):
    bag = write_spells(tmp_path / 'drive', [(25, 'black')])
    assert main([str(bag), '--out', str(tmp_path / 'out'), *network]) == 0
    shown = ' '.join(capsys.readouterr().out.split())
    assert 'left out, or odd' in shown
    assert 'next to nothing' in shown


def test_profiles_are_held_to_the_nodes_ranges(tmp_path, network, capsys):
    bag = write_spells(tmp_path / 'drive', [(2, 'scene')])
    profiles = tmp_path / 'profiles.yaml'
    profiles.write_text('profiles: {neutral: {}, wild: {focus: {classes: [person], sigma: 50}}}')
    for chosen in (['--profile', 'wild'], ['--compare', 'neutral,wild']):
        assert main([str(bag), '--out', str(tmp_path / 'out'), *network, *chosen,
                     '--profiles-file', str(profiles)]) == 1
        assert "profile 'wild': focus.sigma must be in 0..20, got 50" in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize(('camera', 'said'), [
    (None, ['there is no CameraInfo, so alerts have no distance']),
    (replace(CAMERA, fx=0.0, fy=0.0, p=()), ['says that the camera is not calibrated, so alerts']),
    (replace(CAMERA, distortion=(0.1, 0.0, 0.0, 0.0), distortion_model='equidistant'),
     ['has a distortion of the lens (equidistant), and distances are those of rectified']),
    (CAMERA, [])])
def test_a_camera_without_distances_is_named_once(tmp_path, camera, said):
    write_bag(tmp_path / 'drive', (replace(frame, camera_model=camera) for frame in scenes(4)))
    shots, source = taken(tmp_path / 'drive')
    assert len(shots) == 4
    assert not source.problems
    assert len(source.warnings) == len(said)
    for warning, text in zip(source.warnings, said, strict=True):
        assert warning.startswith('/camera/image: ')
        assert text in warning


def test_a_calibration_that_names_another_frame_is_told_once(tmp_path):
    with BagWriter(tmp_path / 'drive') as bag:
        for frame in scenes(4):
            bag.write('/camera/image', frame.stamp_ns, bag_messages.image(
                frame.image, frame.encoding, bag_messages.header_of(frame)))
            bag.write('/camera/camera_info', frame.stamp_ns, bag_messages.camera_info(
                CAMERA, bag_messages.header(frame.stamp_ns, 'rear_optical')))
    shots, source = taken(tmp_path / 'drive')
    assert all(shot.ground for shot in shots)
    assert [warning.partition(': if')[0] for warning in source.warnings] == [
        "/camera/image: the CameraInfo is for the frame 'rear_optical', and the images are of the "
        "frame 'camera_optical'"]


def stamped(path, steps_ms, kind=None):
    """Write frames whose stamps have these steps, recorded evenly; `kind` alters them."""
    stamp, frames = START_NS, []
    for index, (frame, step) in enumerate(zip(scenes(len(steps_ms)), steps_ms, strict=True)):
        stamp += round(step * 1_000_000)
        frames.append(replace(frame if kind is None else kind(index, frame), stamp_ns=stamp,
                              recorded_ns=START_NS + index * STEP_NS))
    write_bag(path, frames)
    return path


@pytest.mark.parametrize(('steps', 'said'), [
    ([250] * 40, []),
    ([250] * 10 + [0] * 30, ['the header stamps stand still, so pixel sampling draws the same '
                             'noise for every frame, and tracks go by the time of receipt; make '
                             'the camera driver stamp its images (31 of 40 frames)']),
    ([250, 250, -20] * 5 + [250] * 40, ['5 of the stamps step back, by up to 20.000 ms: such']),
    ([250] * 5 + [-3600_000] + [250] * 40, ['one stamp jumps back, by 0.5 s or more: tracks and']),
    ([900, -600] * 20, ['20 of the stamps jump back, by 0.5 s or more: where they jump to and'])])
def test_stamps_that_do_not_go_up_are_told_once_as_by_the_node(tmp_path, steps, said):
    shots, source = taken(stamped(tmp_path / 'drive', steps))
    assert len(shots) == len(steps)
    assert not source.problems
    assert len(source.warnings) == len(said)
    for warning, text in zip(source.warnings, said, strict=True):
        assert warning.startswith(f'/camera/image: {text}')


def test_images_that_are_all_damaged_otherwise_are_told_in_few_lines(tmp_path):
    with BagWriter(tmp_path / 'drive') as bag:
        for index, frame in enumerate(scenes(120)):
            image = bag_messages.compressed_image(frame, 'png')
            whole = image if index == 0 else replace(image, data=image.data[:-index - 20])
            bag.write('/camera/image/compressed', frame.stamp_ns, whole)
    shots, source = taken(tmp_path / 'drive')
    assert len(shots) == 1
    assert source.problems.total() == 119
    assert len(source.problems) < 50


def halved(image):
    return image[::2, ::2].copy()


@pytest.mark.parametrize(('is_small', 'said'), [
    (lambda index: index >= 3, ['the image size changed (now, before: 50x30, 100x60)']),
    (lambda index: index % 2 == 0, ['the image size changed 39 times (100x60, 50x30), as with'])])
def test_sizes_that_change_in_mid_stream_are_told_once_as_by_the_node(tmp_path, is_small, said):
    bag = stamped(tmp_path / 'drive', [250] * 40, lambda index, frame: replace(
        frame, image=halved(frame.image)) if is_small(index) else frame)
    shots, source = taken(bag)
    assert len(shots) == 40
    assert len(source.warnings) == len(said)
    for warning, text in zip(source.warnings, said, strict=True):
        assert warning.startswith(f'/camera/image: {text}')


def test_cameras_that_share_a_calibration_topic_both_take_it(tmp_path):
    with BagWriter(tmp_path / 'drive') as bag:
        for index, frame in enumerate(scenes(4)):
            header = bag_messages.header_of(frame)
            camera = replace(CAMERA, fx=CAMERA.fx + index, p=())
            bag.write('/camera/camera_info', frame.stamp_ns,
                      bag_messages.camera_info(camera, header))
            for topic in ('/camera/image_raw', '/camera/image_rect'):
                bag.write(topic, frame.stamp_ns, bag_messages.image(frame.image, 'rgb8', header))
    with Recording(tmp_path / 'drive') as recording:
        cameras, _ = find_cameras(
            recording, ['raw=/camera/image_raw', 'rect=/camera/image_rect'])
        shots = list(BagInput(recording, cameras, Options(), 0.5).shots())
    for name in ('raw', 'rect'):
        assert [shot.ground.fx for shot in shots if shot.frame.camera == name] == [
            CAMERA.fx + index for index in range(4)]
