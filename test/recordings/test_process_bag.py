from dataclasses import replace
import errno
import json
import os
from pathlib import Path
import shutil
import signal
import subprocess
import sys

import av
from held_command import interrupt_in
import numpy as np
import pytest
from recording_scenes import LAG_NS
from recording_scenes import PERIOD_NS
from recording_scenes import scenes
from recording_scenes import START_NS
from recording_scenes import truncated
from recording_scenes import write_scenes
from rosbags.rosbag2 import Reader

try:
    from compression import zstd
except ImportError:
    from backports import zstd

from aim_ros.media.bag_writer import PARTIAL
from aim_ros.media.rosbag import write_bag
from aim_ros.perception import alert_report
from aim_ros.perception.camera_stream import ground_camera
from aim_ros.perception.pipeline import Pipeline
from aim_ros.recordings.options import Options
from aim_ros.recordings.process_bag import main
from aim_ros.recordings.processor import Processor

TOPICS = {f'/segmentation/camera/{name}' for name in ('alerts', 'detections', 'mask')}


@pytest.fixture
def process(tmp_path, network):
    """Return a function that runs the command on recordings, into ``results``."""
    def process(*bags, options=(), out='results') -> int:
        return main([*map(str, bags), '--out', str(tmp_path / out), *network, *options])
    return process


def contents(folder) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes()
            for file in folder.rglob('*') if file.is_file()}


def values(status) -> dict[str, str]:
    return {item.key: item.value for item in status.values}


def test_every_frame_is_answered_with_its_stamp_at_its_time(tmp_path, process, read):
    bag = write_scenes(tmp_path / 'drive')
    assert process(bag) == 0
    topics = read(tmp_path / 'results' / 'drive')
    assert set(topics) == {*TOPICS, '/segmentation/label_info'}
    for topic in TOPICS:
        assert [item.time_ns for item in topics[topic]] == [
            START_NS + LAG_NS + index * PERIOD_NS for index in range(8)]
        for index, item in enumerate(topics[topic]):
            stamp = item.message.header.stamp
            assert stamp.sec * 10**9 + stamp.nanosec == START_NS + index * PERIOD_NS
            assert item.message.header.frame_id == 'camera_optical'
    info, = topics['/segmentation/label_info']
    assert info.message.class_map[11].class_name == 'person'


@pytest.mark.parametrize('profile', ['neutral', 'city'])
def test_results_are_the_pipelines(tmp_path, process, read, model, profile):
    bag = write_scenes(tmp_path / 'drive', compressed=True)
    assert process(bag, options=['--profile', profile]) == 0
    topics = read(tmp_path / 'results' / 'drive')
    processor = Processor(Options((profile,), model=model, engine='torch', device='cpu'))
    pipeline, raised = Pipeline(processor.segmenter), 0
    for frame, mask, alerts, detections in zip(scenes(8), *(
            topics[f'/segmentation/camera/{name}'] for name in ('mask', 'alerts', 'detections')),
            strict=True):
        camera = frame.camera_model
        info = type('Info', (), {
            **{key: getattr(camera, key) for key in ('width', 'height', 'k', 'r', 'p')},
            'd': (), 'distortion_model': '', 'binning_x': 0, 'binning_y': 0,
            'roi': type('Roi', (), {'x_offset': 0, 'y_offset': 0, 'width': 0, 'height': 0})})
        ground = ground_camera(info, frame.size, 1.65, 0.0)
        expected, = pipeline.process(
            [frame], processor.settings[profile], ground={'camera': ground})
        assert np.array_equal(mask.message.data.reshape(frame.size), expected.mask)
        summary, *road_users = alerts.message.status
        assert values(summary)['profile'] == profile
        assert summary.level == expected.report.level
        assert [values(status)['track_id'] for status in road_users] == [
            str(alert.track_id) for alert in expected.report.alerts]
        assert [values(status)['distance_m'] for status in road_users] == [
            f'{alert.distance_m:.3f}' for alert in expected.report.alerts]
        assert [found.id for found in detections.message.detections] == [
            str(alert.track_id) for alert in expected.report.alerts]
        assert [[(result.hypothesis.class_id, result.hypothesis.score)
                 for result in found.results] for found in detections.message.detections] == [
            [(class_id, found.score) for class_id in found.class_ids]
            for found in alert_report.detections(expected.report.alerts, expected.ground)]
        raised += len(road_users)
    assert raised, 'the scene is to show road users'


def test_the_same_command_gives_the_same_bytes(tmp_path, process):
    bag = write_scenes(tmp_path / 'drive', extra=True)
    options = ['--profile', 'city', '--with-inputs']
    for storage in ('mcap', 'sqlite3'):
        results = []
        for run in range(2):
            out = f'{storage}_{run}'
            assert process(bag, options=[*options, '--storage', storage], out=out) == 0
            results.append(contents(tmp_path / out))
        assert results[0] == results[1]


def test_several_cameras_are_each_answered(tmp_path, process, read):
    bag = write_scenes(tmp_path / 'drive', 3, ('left', 'right'))
    assert process(bag) == 0
    topics = read(tmp_path / 'results' / 'drive')
    assert len(topics['/segmentation/left/mask']) == len(topics['/segmentation/right/mask']) == 3
    alone = write_scenes(tmp_path / 'alone' / 'drive', 3, ('left',))
    assert process(alone, out='results_alone') == 0
    expected = read(tmp_path / 'results_alone' / 'drive')
    for name in ('mask', 'alerts', 'detections'):
        topic = f'/segmentation/left/{name}'
        assert [item.data for item in topics[topic]] == [item.data for item in expected[topic]]
    assert process(bag, options=['--camera', 'front=/right/image'], out='chosen') == 0
    assert '/segmentation/front/mask' in read(tmp_path / 'chosen' / 'drive')


def test_inputs_are_copied_as_they_are(tmp_path, process, read):
    bag = write_scenes(tmp_path / 'drive', 3, extra=True)
    assert process(bag, options=['--with-inputs']) == 0
    before, after = read(bag), read(tmp_path / 'results' / 'drive')
    for topic, items in before.items():
        assert [(item.time_ns, item.data) for item in after[topic]] == [
            (item.time_ns, item.data) for item in items]
    with Reader(bag) as one, Reader(tmp_path / 'results' / 'drive') as other:
        for topic in before:
            old, new = one.topics[topic], other.topics[topic]
            assert old.msgdef == new.msgdef
            assert old.connections[0].digest == new.connections[0].digest
            assert old.connections[0].ext == new.connections[0].ext


def test_results_of_before_are_not_mixed_with_those_of_now(tmp_path, process, read):
    bag = write_scenes(tmp_path / 'drive', 3, extra=True)
    assert process(bag, options=['--with-inputs'], out='before') == 0
    again = tmp_path / 'before' / 'drive'
    assert process(again, options=['--with-inputs', '--profile', 'city'], out='now') == 0
    once, twice = read(again), read(tmp_path / 'now' / 'drive')
    assert {topic: len(items) for topic, items in twice.items()} == {
        topic: len(items) for topic, items in once.items()}
    for item in twice['/segmentation/camera/alerts']:
        assert values(item.message.status[0])['profile'] == 'city'
    summary = json.loads((tmp_path / 'now' / 'drive' / 'process_bag.json').read_text())
    assert not summary['problems']
    warning, = summary['warnings']
    assert warning.startswith('what was recorded on /segmentation/camera/alerts, /segm')
    assert '/segmentation/label_info is not copied' in warning


@pytest.mark.parametrize(('options', 'indices'), [
    (['--every', '3'], [0, 3, 6]),
    (['--start', '0.25'], [3, 4, 5, 6, 7]),
    (['--start', '0.2', '--duration', '0.35'], [2, 3, 4, 5]),
    (['--duration', '0.4', '--every', '2'], [0, 2]),
])
def test_a_part_of_a_recording(tmp_path, process, read, options, indices):
    bag = write_scenes(tmp_path / 'drive')
    assert process(bag, options=options) == 0
    masks = read(tmp_path / 'results' / 'drive')['/segmentation/camera/mask']
    assert [item.time_ns for item in masks] == [
        START_NS + LAG_NS + index * PERIOD_NS for index in indices]


def test_what_is_whole_is_kept_and_what_is_not_is_done_again(tmp_path, process):
    bags = [write_scenes(tmp_path / name, 3) for name in ('a', 'b')]
    assert process(*bags) == 0
    before = contents(tmp_path / 'results')
    shutil.rmtree(tmp_path / 'results' / 'b')
    partial = tmp_path / 'results' / PARTIAL / 'b'
    partial.mkdir(parents=True)
    (partial / 'b.mcap').write_bytes(b'\x89MCAP0')
    kept = (tmp_path / 'results' / 'a' / 'a.mcap').stat().st_mtime_ns
    assert process(*bags) == 0
    assert contents(tmp_path / 'results') == before
    assert (tmp_path / 'results' / 'a' / 'a.mcap').stat().st_mtime_ns == kept
    assert not (tmp_path / 'results' / PARTIAL).exists()


def test_a_result_of_a_profile_that_was_edited_since_is_not_taken_for_one_of_now(
        tmp_path, process, capsys):
    bag, profiles = write_scenes(tmp_path / 'drive', 3), tmp_path / 'profiles.yaml'
    text = 'profiles: {mine: {focus: {classes: [person], sigma: %s}}, other: {description: %s}}'
    options = ['--profiles-file', str(profiles), '--profile', 'mine']
    for sigma, about, code in ((1.0, 'a', 0), (1.0, 'b', 0), (2.0, 'b', 1)):
        profiles.write_text(text % (sigma, about))
        assert process(bag, options=options) == code
    assert 'was made of another recording, with other options' in capsys.readouterr().err


def test_what_else_lies_beside_a_recording_is_no_part_of_it(tmp_path, process):
    bag = write_scenes(tmp_path / 'drive', 3)
    assert process(bag) == 0
    (bag / 'maps.tar.zstd').write_bytes(b'another')
    (bag / 'cut.mcap').mkdir()
    assert process(bag) == 0


def test_a_name_that_is_not_utf_8_is_spelled_with_a_mark(tmp_path, process, capsys):
    # As on a disk of an older system.
    bag = Path(os.fsdecode(os.fsencode(tmp_path) + b'/f\xe4hrt'))
    write_scenes(tmp_path / 'drive', 3).rename(bag)
    for _ in range(2):
        assert process(bag, options=['--table', '--overlay', str(tmp_path / 'a.mp4')]) == 0
    assert (tmp_path / 'results' / 'f\ufffdhrt' / 'process_bag.json').is_file()
    assert process(tmp_path / bag.name / 'none') == 1
    assert 'does not exist' in capsys.readouterr().err


def test_a_video_that_cannot_be_put_where_it_is_wanted_costs_no_result(
        tmp_path, process, capsys, monkeypatch):
    bag = write_scenes(tmp_path / 'drive', 3)

    def fill(source, target):
        Path(target).write_bytes(Path(source).read_bytes()[:100])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))

    monkeypatch.setattr('shutil.copyfile', fill)
    assert process(bag, options=['--overlay', str(tmp_path / 'out.mp4')]) == 2
    assert 'the videos are beside the results, and not copied' in capsys.readouterr().err
    assert (tmp_path / 'results' / 'drive' / 'camera.mp4').is_file()
    # Nor is there half of it.
    assert not list(tmp_path.glob('*out.mp4*'))


@pytest.mark.parametrize(('out', 'options', 'said'), [
    ('file', [], 'file: Not a directory'),
    ('file/results', [], 'file: Not a directory'),
    ('file/results', ['--compare', 'neutral,city'], 'file: Not a directory'),
    ('results', ['--overlay', '{folder}/file/a.mp4'], 'file: Not a directory'),
    ('results', ['--overlay', '{folder}'], 'it is a folder, and --overlay a file')])
def test_results_that_cannot_be_written_are_told_before_the_network_is_loaded(
        tmp_path, process, capsys, monkeypatch, out, options, said):
    monkeypatch.setattr(Processor, '__init__', lambda *_: pytest.fail('it was loaded'))
    (tmp_path / 'file').touch()
    options = [option.format(folder=tmp_path) for option in options]
    assert process(write_scenes(tmp_path / 'drive', 3), options=options, out=out) == 1
    assert said in capsys.readouterr().err
    assert not (tmp_path / 'results').exists()


@pytest.mark.parametrize(('place', 'number'), [
    (('transformers', 'SegformerForSemanticSegmentation.from_pretrained'), signal.SIGINT),
    (('aim_ros.perception.pipeline', 'Pipeline.process'), signal.SIGTERM),
    (('aim_ros.media.bag_writer', 'BagWriter.write'), signal.SIGINT),
    (('aim_ros.media.video', 'VideoWriter.close'), signal.SIGTERM)])
def test_a_signal_ends_it_in_a_sentence_and_leaves_no_part_of_a_result(
        tmp_path, network, place, number):
    write_scenes(tmp_path / 'drive', 3)
    packed = tmp_path / 'packed.mcap.zst'
    packed.write_bytes(zstd.compress((tmp_path / 'drive' / 'drive.mcap').read_bytes()))
    (tmp_path / 'temporary').mkdir()
    code, err = interrupt_in(
        place, number, 'aim_ros.recordings.process_bag',
        [str(packed), '--out', str(tmp_path / 'results'), *network,
         '--overlay', str(tmp_path / 'a.mp4')], TMPDIR=str(tmp_path / 'temporary'))
    assert code == 128 + number, err
    assert 'process_bag: interrupted; the same command goes on from here' in err
    assert 'Traceback' not in err
    assert not [file for file in (tmp_path / 'results').rglob('*') if file.is_file()]
    assert not list((tmp_path / 'temporary').rglob('*.mcap'))
    assert not (tmp_path / 'a.mp4').exists()


# A command that is killed while it writes the recording "b".
KILLED = """
import os
import signal
import sys
from aim_ros.media.bag_writer import BagWriter
from aim_ros.recordings.process_bag import main

def write(bag, *arguments, **options):
    global left
    left -= bag.path.name == 'b'
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    return write_message(bag, *arguments, **options)

left, write_message, BagWriter.write = 10, BagWriter.write, write
sys.exit(main(sys.argv[1:]))
"""


def test_a_killed_command_goes_on(tmp_path, process, network):
    bags = [write_scenes(tmp_path / 'a', 3), write_scenes(tmp_path / 'b', 20)]
    ended = subprocess.run(
        [sys.executable, '-c', KILLED, *map(str, bags), '--out', str(tmp_path / 'results'),
         *network], check=False, stderr=subprocess.DEVNULL)
    assert ended.returncode == -signal.SIGKILL
    assert sorted(path.name for path in (tmp_path / 'results').iterdir()) == [PARTIAL, 'a']
    assert process(*bags) == 0
    assert process(*bags, out='whole') == 0
    assert contents(tmp_path / 'results') == contents(tmp_path / 'whole')


@pytest.mark.parametrize('change', [['--profile', 'city'], ['--every', '2']])
def test_results_of_other_options_are_not_taken_for_these(tmp_path, process, capsys, change):
    bag = write_scenes(tmp_path / 'drive', 3)
    assert process(bag) == 0
    before = contents(tmp_path / 'results')
    assert process(bag, options=change) == 1
    assert 'with other options' in capsys.readouterr().err
    assert contents(tmp_path / 'results') == before


def test_another_recording_of_the_same_name_is_not_taken_for_this(tmp_path, process, capsys):
    assert process(write_scenes(tmp_path / 'one' / 'drive', 3)) == 0
    assert process(write_scenes(tmp_path / 'two' / 'drive', 4)) == 1
    assert 'another recording' in capsys.readouterr().err


def test_recordings_of_the_same_name_have_the_folders_above_in_theirs(tmp_path, process):
    bags = [write_scenes(tmp_path / name / 'drive', 2) for name in ('one', 'two')]
    assert process(*bags) == 0
    assert sorted(path.name for path in (tmp_path / 'results').iterdir()) == [
        'one_drive', 'two_drive']


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_a_truncated_recording_is_processed_up_to_the_damage(
        tmp_path, process, capsys, read, storage):
    bag = truncated(write_scenes(tmp_path / 'drive', 200, storage=storage))
    assert process(bag) == 2
    masks = read(tmp_path / 'results' / 'drive')['/segmentation/camera/mask']
    assert 0 < len(masks) < 200
    assert [item.time_ns for item in masks] == [
        START_NS + LAG_NS + index * PERIOD_NS for index in range(len(masks))]
    summary = json.loads((tmp_path / 'results' / 'drive' / 'process_bag.json').read_text())
    assert summary['damaged']
    assert 'its end is missing' in capsys.readouterr().out.replace('\n', ' ')
    # Kept as whatever else could be done, and named again.
    assert process(bag) == 2


@pytest.mark.parametrize(('storage', 'name'), [('mcap', 'drive.mcap'), ('sqlite3', 'drive.db3')])
def test_a_damaged_recording_is_processed_beyond_the_damage(
        tmp_path, process, read, storage, name):
    bag = write_scenes(tmp_path / 'drive', 200, storage=storage)
    file = bag / name
    data = bytearray(file.read_bytes())
    middle = len(data) // 2
    data[middle - 600_000:middle + 600_000] = bytes(1_200_000)
    file.write_bytes(bytes(data))
    assert process(bag) == 2
    masks = read(tmp_path / 'results' / 'drive')['/segmentation/camera/mask']
    assert masks[0].time_ns == START_NS + LAG_NS
    assert masks[-1].time_ns == START_NS + LAG_NS + 199 * PERIOD_NS
    assert len(masks) < 200
    summary = json.loads((tmp_path / 'results' / 'drive' / 'process_bag.json').read_text())
    assert summary['damaged']


def test_a_recording_that_cannot_be_read_leaves_the_others(tmp_path, process, capsys):
    good = write_scenes(tmp_path / 'good', 3)
    bad = write_scenes(tmp_path / 'bad', 3)
    (bad / 'bad.mcap').write_bytes(b'no recording')
    assert process(bad, good) == 2
    assert 'process_bag: bad: cannot read rosbag' in capsys.readouterr().err
    assert [path.name for path in (tmp_path / 'results').iterdir()] == ['good']
    assert process(bad, out='nothing') == 1
    assert not (tmp_path / 'nothing').exists() or not list((tmp_path / 'nothing').iterdir())


def test_a_recording_without_images_says_so(tmp_path, process, capsys):
    from aim_ros.media.bag_messages import header
    from aim_ros.media.bag_writer import BagWriter
    with BagWriter(tmp_path / 'empty') as bag:
        bag.write('/elsewhere/header', 5, header(5, ''))
    assert process(tmp_path / 'empty') == 1
    text = capsys.readouterr().err
    assert 'no images to process: its topics: /elsewhere/header (' in text
    assert 'Traceback' not in text


def test_images_that_are_repeated_are_left_out_as_by_the_node(tmp_path, process):
    from aim_ros.media import bag_messages
    from aim_ros.media.bag_writer import BagWriter
    frame = next(scenes(1))
    with BagWriter(tmp_path / 'drive') as bag:
        for time_ns in range(3):
            bag.write('/camera/image', time_ns, bag_messages.image(
                frame.image, 'rgb8', bag_messages.header_of(frame)))
    assert process(tmp_path / 'drive') == 2
    summary = json.loads((tmp_path / 'results' / 'drive' / 'process_bag.json').read_text())
    assert summary['frames'] == 1
    assert summary['problems'] == {
        '/camera/image: the last image arrives again, with the same stamp and the same data': 2}


def test_what_the_video_lacks_is_said(tmp_path, process):
    small = next(scenes(1))
    large = replace(small, image=np.ascontiguousarray(np.tile(small.image, (2, 2, 1))))
    write_bag(tmp_path / 'drive', [small, large, replace(small, stamp_ns=small.stamp_ns + 1)])
    assert process(tmp_path / 'drive', options=['--overlay', str(tmp_path / 'out.mp4')]) == 2
    summary = json.loads((tmp_path / 'results' / 'drive' / 'process_bag.json').read_text())
    assert summary['problems'] == {
        'the video of camera lacks the images of another size than its first': 1}


def test_the_overlay_is_a_video(tmp_path, process):
    bag = write_scenes(tmp_path / 'drive')
    assert process(bag, options=['--overlay', str(tmp_path / 'film' / 'out.mp4')]) == 0
    with av.open(str(tmp_path / 'film' / 'out.mp4')) as film:
        frames = list(film.decode(video=0))
        assert (len(frames), frames[0].width, frames[0].height) == (8, 100, 60)
        assert float(film.streams.video[0].average_rate) == pytest.approx(10, rel=0.01)


def test_the_table_at_the_end_counts(tmp_path, process, capsys):
    assert process(write_scenes(tmp_path / 'drive')) == 0
    out = capsys.readouterr().out
    for column in ('frames', 'minutes with ERROR', 'road users by kind and level', 'left out'):
        assert column in out
    summary = json.loads((tmp_path / 'results' / 'drive' / 'process_bag.json').read_text())
    assert summary['frames'] == 8
    assert summary['road_users']


@pytest.mark.parametrize(('arguments', 'said'), [
    (['nowhere'], 'nowhere does not exist'),
    (['.'], 'is no recording, and holds none'),
    (['{bag}', '{bag}'], 'is given twice'),
    (['{bag}', '--profile', 'sport'], "unknown driver profile 'sport'"),
    (['{bag}', '--model', 'nowhere'], 'nowhere'),
    (['{bag}', '--camera', '/rear/image'], "no image topic '/rear/image'"),
    (['{bag}', '--height', 'nan'], "must be in 0.1..10, got 'nan'"),
    (['{bag}', '--height', '50'], "must be in 0.1..10, got '50'"),
    (['{bag}', '--pitch', '-3'], "must be in -0.8..0.8, got '-3'"),
    (['{bag}', '--start', '99'], 'none in the time asked for'),
    (['{bag}', '--every', '0'], 'at least 1'),
    (['{bag}', '--compare', 'city'], 'two profiles or more'),
    (['{bag}', '--profile', 'city', '--compare', 'city,neutral'], 'not allowed with'),
])
def test_what_cannot_be_done_is_said_in_a_sentence(
        tmp_path, capsys, network, monkeypatch, arguments, said):
    bag = write_scenes(tmp_path / 'drive', 2)
    (tmp_path / 'here').mkdir()
    monkeypatch.chdir(tmp_path / 'here')
    filled = [argument.format(bag=bag) for argument in arguments]
    try:
        code = main([*network, *filled, '--out', str(tmp_path / 'results')])
    except SystemExit as error:
        code = error.code
    text = capsys.readouterr().err
    assert code == 1, text
    assert said in text
    assert 'Traceback' not in text


def test_help_has_an_example(capsys):
    with pytest.raises(SystemExit) as ended:
        main(['--help'])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert 'ros2 run aim_ros process_bag' in text
    assert 'exit codes' in text
