"""A recording is processed into what the node publishes for the same images."""

import time
from types import SimpleNamespace

from checkpoints import checkpoint_maker
from diagnostic_msgs.msg import DiagnosticStatus
import numpy as np
import pytest
from recording_scenes import loud
from recording_scenes import scenes
from recording_scenes import START_NS
from recording_scenes import write_scenes
from std_msgs.msg import Header

from aim_ros.media.bag_types import deserialize
from aim_ros.media.recording import Recording
from aim_ros.nodes.messages.conversions import camera_info_message
from aim_ros.nodes.messages.conversions import image_message
from aim_ros.nodes.messages.conversions import ns_to_stamp
from aim_ros.nodes.messages.conversions import stamp_to_ns
from aim_ros.nodes.segmentation.table import TABLE
from aim_ros.perception.defaults import default_values
from aim_ros.perception.defaults import DRIVER_MAY
from aim_ros.perception.defaults import profile_settings
from aim_ros.perception.profiles import ALERT_KEYS
from aim_ros.perception.profiles import DriverProfile
from aim_ros.perception.profiles import load_profiles
from aim_ros.perception.ranges import RANGES
from aim_ros.recordings.process_bag import main
from aim_ros.resources import share_directory

COUNT = 10
LATENCIES = ('capture_to_publish_ms', 'receive_to_publish_ms')


def statuses(message) -> list[tuple]:
    """Return all that an alerts message says but for the latencies, which recordings lack."""
    def level(status) -> int:
        return status.level if isinstance(status.level, int) else status.level[0]
    return [(level(status), status.name, status.message, status.hardware_id,
             [(item.key, item.value) for item in status.values if item.key not in LATENCIES])
            for status in message.status]


def keys(message) -> list[list[str]]:
    return [[item.key for item in status.values] for status in message.status]


@pytest.fixture(scope='session')
def loud_model(tmp_path_factory) -> str:
    return str(loud(checkpoint_maker(tmp_path_factory.mktemp('models'))()))


@pytest.mark.parametrize('profile', ['neutral', 'city', 'defensive'])
def test_a_recording_is_answered_as_the_live_topics_are(
        ros, make_node, make_camera, tmp_path, loud_model, profile):
    bag = write_scenes(tmp_path / 'drive', COUNT)
    assert main([str(bag), '--out', str(tmp_path / 'results'), '--profile', profile,
                 '--model', loud_model, '--engine', 'torch', '--device', 'cpu']) == 0
    recorded = {'mask': [], 'alerts': []}
    with Recording(tmp_path / 'results' / 'drive') as recording:
        for message in recording.timeline(set(recording.topics)):
            name = message.connection.topic.rpartition('/')[2]
            if name in recorded:
                recorded[name].append(deserialize(message.data, message.msgtype, 'test'))

    node = make_node(model=loud_model, driver_profile=profile, input_size=[])
    camera = make_camera(node)
    raised = 0
    for frame, mask, alerts in zip(scenes(COUNT), *recorded.values(), strict=True):
        header = Header(stamp=ns_to_stamp(frame.stamp_ns), frame_id=frame.frame_id)
        if frame.index == 0:
            camera.infos.publish(camera_info_message(frame.camera_model, header))
            ros.wait_for(lambda: node.channels['camera'].input.ground(
                (60, 100), node.parameters.settings.mounts['camera']), what='the calibration')
        camera.images.publish(image_message(frame.image, frame.encoding, header))
        ros.wait_for(lambda frame=frame: camera.answer(frame.stamp_ns / 1e9) or any(
            stamp_to_ns(m.header.stamp) == frame.stamp_ns for m in list(camera.masks)),
            what=f'frame {frame.index}')
        live_mask, live_alerts = ros.wait_for(lambda frame=frame: next((
            (m, a) for m in list(camera.masks) for a in list(camera.alerts)
            if stamp_to_ns(m.header.stamp) == stamp_to_ns(a.header.stamp) == frame.stamp_ns),
            None))
        assert (mask.encoding, mask.height, mask.width, mask.step) == (
            live_mask.encoding, live_mask.height, live_mask.width, live_mask.step)
        assert np.array_equal(mask.data, np.frombuffer(live_mask.data, np.uint8))
        assert mask.header.frame_id == live_mask.header.frame_id == 'camera_optical'
        assert statuses(alerts) == statuses(live_alerts)
        assert keys(alerts) == keys(live_alerts)
        raised += len(alerts.status) - 1
    assert raised, 'the scene is to show road users'


STAMPS = {
    'jitter': lambda frame: frame.stamp_ns - 40_000_000 * (frame.index % 2),
    'uneven': lambda frame: frame.stamp_ns + 15_000_000 * (frame.index % 3),
    'stand still': lambda frame: START_NS,
    'zero': lambda frame: 0,
    'zero at first': lambda frame: 0 if frame.index < 4 else frame.stamp_ns,
    'zero now and then': lambda frame: frame.stamp_ns * (frame.index % 3 > 0),
    'two clocks': lambda frame: frame.stamp_ns - 30_000_000_000 * (frame.index % 2),
    'a jump': lambda frame: frame.stamp_ns - 3_600_000_000_000 * (frame.index >= 4),
}


@pytest.mark.parametrize('kind', STAMPS)
def test_odd_stamps_are_tracked_in_a_recording_as_they_are_live(
        ros, make_node, make_camera, monkeypatch, tmp_path, loud_model, kind):
    stamp_of = STAMPS[kind]
    bag = write_scenes(tmp_path / 'drive', COUNT, stamp=stamp_of)
    assert main([str(bag), '--out', str(tmp_path / 'results'), '--model', loud_model,
                 '--engine', 'torch', '--device', 'cpu']) == 0
    with Recording(tmp_path / 'results' / 'drive') as recording:
        recorded = [statuses(deserialize(message.data, message.msgtype, 'test'))
                    for message in recording.timeline({'/segmentation/camera/alerts'})]
    assert len(recorded) == COUNT

    node = make_node(model=loud_model, input_size=[])
    camera = make_camera(node)
    # Received as they were recorded, however busy the machine is.
    now = SimpleNamespace(ns=0)
    monkeypatch.setattr('aim_ros.nodes.segmentation.camera_input.time', SimpleNamespace(
        monotonic=time.monotonic, monotonic_ns=lambda: now.ns))

    def answers():
        return [message for message in list(camera.alerts)
                if message.status[0].level != DiagnosticStatus.STALE]

    for frame in scenes(COUNT):
        header = Header(stamp=ns_to_stamp(stamp_of(frame)), frame_id=frame.frame_id)
        if frame.index == 0:
            camera.infos.publish(camera_info_message(frame.camera_model, header))
            ros.wait_for(lambda: node.channels['camera'].input.ground(
                (60, 100), node.parameters.settings.mounts['camera']), what='the calibration')
        now.ns = frame.stamp_ns
        camera.images.publish(image_message(frame.image, frame.encoding, header))
        ros.wait_for(lambda frame=frame: len(answers()) > frame.index, what=f'{frame.index}')
    assert [statuses(message) for message in answers()] == recorded
    assert any(len(of_frame) > 1 for of_frame in recorded), 'the scene is to show road users'


def test_the_nodes_table_has_the_defaults_of_recordings():
    rows = {row.name: row for row in TABLE}
    defaults = default_values()
    assert {name: rows[name].default for name in defaults} == defaults
    assert set(defaults) == {name for name in rows if name == 'driver_profile' or name.startswith(
        ('focus.', 'alerts.', 'utility.', 'free_space.', 'points.'))}
    assert {row.name: row.driver_may for row in TABLE if row.driver_may} == DRIVER_MAY


def test_the_node_takes_of_a_parameter_what_a_profile_may_state():
    rows = {row.name: row for row in TABLE}
    assert {name: (rows[name].low, rows[name].high) for name in RANGES} == RANGES
    # Every number that a profile may state has a range.
    stated = DriverProfile('p', max_changed=1.0, alerts=dict.fromkeys(ALERT_KEYS, 1)).stated
    assert set(RANGES) == {name for name in stated if rows[name].kind in (int, float)}


@pytest.mark.parametrize('profile', ['neutral', 'defensive', 'city', 'highway'])
def test_the_nodes_settings_at_start_are_those_of_recordings(make_node, profile):
    node = make_node(driver_profile=profile, active=False, autostart=False)
    settings = node.parameters.validate()
    file = load_profiles(share_directory() / 'config' / 'profiles.yaml')
    assert profile_settings(file, profile, node.parameters.labels, cameras=('camera',)) == settings
