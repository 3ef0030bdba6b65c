import array
from contextlib import contextmanager
import itertools
import os
from pathlib import Path
import re
import shutil
import threading
import time
from types import SimpleNamespace

import cv2
from diagnostic_msgs.msg import DiagnosticArray
from diagnostic_msgs.msg import DiagnosticStatus
import numpy as np
import pytest
from rcl_interfaces.srv import SetParametersAtomically
import rclpy
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.qos import qos_profile_sensor_data
from rclpy.qos import QoSDurabilityPolicy
from rclpy.qos import QoSProfile
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image
from shipped_profiles import shipped_sigma
from std_msgs.msg import Header
from transformers import SegformerForSemanticSegmentation

from aim_ros.imaging.frame import Frame
from aim_ros.nodes.launching.transports import transport_advice
from aim_ros.nodes.messages.conversions import ns_to_stamp
from aim_ros.nodes.rclpy_private import lifecycle_state
from aim_ros.nodes.segmentation import watchdog
from aim_ros.nodes.segmentation.diagnostics import camera_status
from aim_ros.nodes.segmentation.perceiver import Perceiver
from aim_ros.nodes.segmentation.worker import Worker
from aim_ros.perception import camera_stream
from aim_ros.perception.pipeline import Pipeline
from aim_ros.perception.settings import Mount
from aim_ros.segmentation.segmenter import Segmenter

SUCCESS = TransitionCallbackReturn.SUCCESS
FAILURE = TransitionCallbackReturn.FAILURE


def set_one(node, name, value):
    result, = node.set_parameters([Parameter(name, value=value)])
    assert result.successful, result.reason


def last_problem(node, camera='camera') -> str:
    last = node.channels[camera].problems.last()
    return last.text if last is not None and last.lasts else ''


def summary_of(alerts: DiagnosticArray) -> dict[str, str]:
    return {v.key: v.value for v in alerts.status[0].values}


def pixels_of(message) -> np.ndarray:
    return np.frombuffer(message.data, np.uint8).reshape(message.height, message.step)


class Diagnostics(list):
    """The /diagnostics messages so far, as {status name: (level, message, values)}."""

    def __init__(self, ros):
        super().__init__()
        node = ros.add(ros.Node('diagnostics_reader'))
        node.create_subscription(DiagnosticArray, '/diagnostics', self._receive, 10)

    def _receive(self, message: DiagnosticArray) -> None:
        self.append({status.name: (status.level, status.message,
                                   {v.key: v.value for v in status.values})
                     for status in message.status})


@pytest.fixture
def diagnostics(ros):
    return Diagnostics(ros)


def test_a_frame_is_answered_with_its_own_header_and_size(make_node, make_camera, ask):
    camera = make_camera(make_node())
    sent = camera.message(1.5)
    mask, alerts = ask(camera, 1.5)
    assert mask.header == alerts.header == sent.header
    assert (mask.height, mask.width, mask.step, mask.encoding) == (60, 100, 100, 'mono8')
    assert pixels_of(mask).max() < 19
    summary = summary_of(alerts)
    assert (summary['profile'], summary['revision'], summary['sigma']) == ('neutral', '1', '0.000')


@pytest.mark.parametrize('sampling', ['expected', 'pixel'])
def test_the_mask_is_the_pipelines(make_node, make_camera, ask, tiny_model, sampling):
    node = make_node(driver_profile='city', focus__sampling=sampling, seed=5)
    camera = make_camera(node)
    mask, alerts = ask(camera, 2.0)
    offline = Pipeline(Segmenter(
        tiny_model, device='cpu', engine='torch', input_size=(64, 96)), seed=5)
    frame = Frame(camera.pixels, 'rgb8', 'camera', 2_000_000_000)
    perception, = offline.process([frame], node.parameters.settings)
    assert np.array_equal(pixels_of(mask), perception.mask)
    assert len(alerts.status) == 1 + len(perception.report.alerts)


def test_pictures_are_made_for_listeners_only(make_node, make_camera, ask, ros):
    node = make_node()
    camera = make_camera(node)
    ask(camera, 1.0)
    channel = node.channels['camera']
    assert not channel.output.wants_confidence()
    camera.collect(Image, 'overlay', camera.overlays)
    camera.collect(Image, 'confidence', camera.confidences)
    ros.wait_for(lambda: channel.output.wants_confidence() and channel.output.wants_overlay())
    ask(camera, 2.0)
    ros.wait_for(lambda: camera.overlays and camera.confidences)
    overlay, confidence = camera.overlays[0], camera.confidences[0]
    assert (overlay.encoding, overlay.step) == ('rgb8', 300)
    assert (confidence.encoding, confidence.step) == ('mono8', 100)
    values = pixels_of(confidence)
    assert values.shape == (60, 100)
    # Of 19 classes the likeliest has at least its share.
    assert values.min() >= 255 // 19


def test_a_change_is_in_force_from_the_next_frame(make_node, make_camera, ask):
    node = make_node()
    camera = make_camera(node)
    _, before = ask(camera, 1.0)
    set_one(node, 'driver_profile', 'defensive')
    _, after = ask(camera, 2.0)
    first, second = summary_of(before), summary_of(after)
    assert (first['profile'], first['revision']) == ('neutral', '1')
    assert (second['profile'], second['revision'], second['sigma']) == (
        'defensive', '2', f"{shipped_sigma('defensive'):.3f}")


@pytest.fixture
def loud_model(tiny_model, tmp_path) -> str:
    """The tiny model with logits as far apart as a trained one's: its own differ by 0.001."""
    folder = tmp_path / 'loud'
    shutil.copytree(tiny_model, folder)
    model = SegformerForSemanticSegmentation.from_pretrained(folder)
    model.decode_head.classifier.weight.data *= 2000
    model.save_pretrained(folder)
    return str(folder)


def test_the_bound_on_changed_pixels_limits_sigma(
        make_node, make_camera, ask, diagnostics, ros, capfd, loud_model):
    node = make_node(model=loud_model, focus__classes=['signals'], focus__sigma=3.0)
    camera = make_camera(node)
    free, before = ask(camera, 1.0)
    summary = summary_of(before)
    assert (summary['sigma'], summary['revision']) == ('3.000', '1')

    set_one(node, 'focus.max_changed', 0.1)
    bounded, after = ask(camera, 2.0)
    summary = summary_of(after)
    assert 0 < float(summary['sigma']) < 3
    assert summary['revision'] == '2'
    set_one(node, 'focus.max_changed', 1.0)
    set_one(node, 'focus.classes', [])
    neutral, _ = ask(camera, 3.0)
    changed = (pixels_of(bounded) != pixels_of(neutral)).mean()
    assert float(summary['changed_share']) == pytest.approx(changed, abs=1e-3)
    # In between the cells of this small grid the pixels' logits are interpolated.
    assert changed == pytest.approx(0.1, abs=0.03)
    assert (pixels_of(free) != pixels_of(neutral)).mean() > 0.5

    set_one(node, 'focus.classes', ['signals'])
    set_one(node, 'focus.max_changed', 0.1)
    again, alerts = ask(camera, 4.0)
    assert summary_of(alerts)['sigma'] == summary['sigma']
    assert np.array_equal(pixels_of(again), pixels_of(bounded))
    text = f'focus.max_changed, 0.1, limits sigma to {summary["sigma"]} of 3'
    stamps = itertools.count(5)

    def told():
        # Without a frame now and then the level would be STALE.
        camera.images.publish(camera.message(float(next(stamps))))
        return [status for m in list(diagnostics) if (status := m.get('segmentation: camera'))
                and status[0] == DiagnosticStatus.WARN and status[1] == text]

    assert ros.wait_for(told)[0][2]['sigma'] == summary['sigma']
    assert f'/camera/image: {text}' in capfd.readouterr().err


def test_revisions_never_go_back_while_parameters_change(make_node, make_camera, ros):
    node = make_node()
    camera = make_camera(node)
    stop = threading.Event()

    def fidget():
        sigma = 0.0
        while not stop.is_set():
            sigma = (sigma + 0.01) % 3
            set_one(node, 'focus.sigma', sigma)

    driver = threading.Thread(target=fidget)
    driver.start()
    try:
        stamps = itertools.count(1)

        def revisions():
            stamp = float(next(stamps))
            camera.images.publish(camera.message(stamp))
            ros.wait_for(lambda: camera.answer(stamp))
            return [int(summary['revision']) for summary in camera.summaries()]

        # As many frames as it takes: who changes what, and when, is up to the cores.
        seen = ros.wait_for(lambda: len(set(seen := revisions())) > 9 and seen, what='changes')
    finally:
        stop.set()
        driver.join()
    assert seen == sorted(seen)


@pytest.fixture
def gate(monkeypatch):
    """Hold every batch in the network until the test lets it through; `gate.batches` sees them."""
    process = Pipeline.process
    gate = SimpleNamespace(batches=[], open=threading.Event())

    def held(self, frames, *arguments, **options):
        gate.batches.append([frame.camera for frame in frames])
        gate.open.wait()
        return process(self, frames, *arguments, **options)

    monkeypatch.setattr(Pipeline, 'process', held)
    yield gate
    gate.open.set()


def test_cameras_that_wait_are_taken_together(make_node, make_camera, ros, gate):
    node = make_node(cameras=['left', 'right'])
    left, right = make_camera(node, 'left'), make_camera(node, 'right')
    right.pixels = 255 - right.pixels
    left.images.publish(left.message(1.0))
    ros.wait_for(lambda: gate.batches)
    for camera in (left, right):
        camera.images.publish(camera.message(2.0))
        ros.wait_for(lambda camera=camera: node.channels[camera.camera].statistics.count(
            'received') == (2 if camera is left else 1))
    gate.open.set()
    mask, _ = ros.wait_for(lambda: left.answer(2.0))
    other, _ = ros.wait_for(lambda: right.answer(2.0))
    # On the CPU one by one, which is faster, with one snapshot of the settings.
    assert gate.batches == [['left'], ['left'], ['right']]
    assert mask.header.frame_id == 'left_optical'
    assert other.header.frame_id == 'right_optical'
    assert mask.data != other.data


def test_one_camera_does_not_blind_another(make_node, make_camera, ros, gate, diagnostics,
                                           monkeypatch, capfd):
    node = make_node(cameras=['left', 'right'])
    left, right = make_camera(node, 'left'), make_camera(node, 'right')
    held = Pipeline.process

    def picky(self, frames, *arguments, **options):
        answers = held(self, frames, *arguments, **options)
        if any(frame.camera == 'left' and frame.stamp_ns == 2_000_000_000 for frame in frames):
            raise RuntimeError('out of memory')
        return answers

    monkeypatch.setattr(Pipeline, 'process', picky)
    left.images.publish(left.message(1.0))
    ros.wait_for(lambda: gate.batches)
    for camera in (left, right):
        camera.images.publish(camera.message(2.0))
        ros.wait_for(lambda camera=camera: node.channels[camera.camera].statistics.count(
            'received') == (2 if camera is left else 1))
    gate.open.set()
    ros.wait_for(lambda: right.answer(2.0))
    assert left.answer(2.0) is None
    assert '/left/image: a frame was lost: RuntimeError: out of memory' in capfd.readouterr().err
    problem = 'a frame was lost: RuntimeError: out of memory'
    # What the node says of itself may be from before, and what it says of the camera not.
    found = ros.wait_for(lambda: [m for m in list(diagnostics) if m['segmentation: node'][:2] == (
        DiagnosticStatus.ERROR, f'/left/image: {problem}')])[-1]
    assert found['segmentation: left'][2]['last_problem'] == problem
    assert problem in found['segmentation: left'][1]
    assert 'last_problem' not in found['segmentation: right'][2]


def test_a_frame_that_outlasts_its_activation_is_dropped(
        make_node, make_camera, ros, gate, ask, await_match):
    node = make_node()
    camera = make_camera(node)
    camera.images.publish(camera.message(1.0))
    ros.wait_for(lambda: gate.batches)
    assert node.trigger_deactivate() == SUCCESS
    ros.wait_for(lambda: camera.stale()[-1:]
                 and camera.stale()[-1].status[0].message == 'the node is not active')
    assert node.trigger_activate() == FAILURE
    assert 'still busy with a frame' in node.problem
    assert node.hangs
    gate.open.set()
    ros.wait_for(lambda: not node.hangs)
    assert node.trigger_activate() == SUCCESS
    await_match(node, camera)
    ask(camera, 2.0)
    assert camera.answer(1.0) is None


def test_planners_are_told_of_the_end_before_a_frame_is_waited_for(
        make_node, make_camera, ros, gate, monkeypatch):
    node = make_node()
    camera = make_camera(node)
    camera.images.publish(camera.message(1.0))
    ros.wait_for(lambda: gate.batches)

    def stop(worker, timeout):
        # Only planners that know by now let the frame go on.
        ros.wait_for(lambda: camera.stale()[-1:]
                     and camera.stale()[-1].status[0].message == 'the node is not active')
        gate.open.set()
        return stop_worker(worker, timeout)

    stop_worker = Worker.stop
    monkeypatch.setattr(Worker, 'stop', stop)
    assert node.trigger_deactivate() == SUCCESS
    ros.wait_for(lambda: not node.hangs)
    assert camera.answer(1.0) is None


@pytest.mark.parametrize('policy', ['deadline', 'liveliness_lease_duration'])
def test_an_override_of_qos_without_effect_is_refused_by_name(make_node, ros, tmp_path, policy):
    name = f'qos_overrides./camera/camera_info.subscription.{policy}'
    with stderr_into(tmp_path / 'err') as err:
        node = make_node(active=False, **{name: 1_000_000})
        ros.wait_for(lambda: 'FATAL' in err())
    fatal, = (line for line in err().splitlines() if 'FATAL' in line)
    assert (f'activate: {name} cannot be overridden; what can: history, depth, reliability, '
            'durability') in fatal
    assert lifecycle_state(node) == 'inactive'


def test_compressed_images(make_node, make_camera, ros):
    node = make_node(image_transport='compressed')
    camera = make_camera(node)
    _, data = cv2.imencode('.png', camera.pixels[:, :, ::-1])
    camera.compressed.publish(CompressedImage(
        header=Header(stamp=ns_to_stamp(7)), format='png',
        data=array.array('B', data.tobytes())))
    mask, _ = ros.wait_for(lambda: camera.answer(7e-9))
    assert (mask.height, mask.width) == (60, 100)


def test_one_camera_may_be_compressed_and_the_other_not(make_node, make_camera, ask, ros):
    node = make_node(cameras=['left', 'right'], left__image_transport='compressed', **{
        'qos_overrides./left/image/compressed.subscription.reliability': 'reliable'})
    assert [channel.topic for channel in node.channels.values()] == [
        '/left/image/compressed', '/right/image']
    left, right = make_camera(node, 'left'), make_camera(node, 'right')
    left.compressed.publish(CompressedImage(
        header=Header(stamp=ns_to_stamp(7)), format='png',
        data=array.array('B', cv2.imencode('.png', left.pixels)[1].tobytes())))
    ros.wait_for(lambda: left.answer(7e-9), what='the compressed image to be answered')
    ask(right, 1.0)


def test_calibration_reaches_the_tracker(make_node, make_camera, ask, ros):
    node = make_node(camera__height=1.2, camera__pitch=0.1)
    camera = make_camera(node)
    channel = node.channels['camera']
    k = [90.0, 0.0, 50.0, 0.0, 90.0, 30.0, 0.0, 0.0, 1.0]

    def calibrated():
        camera.infos.publish(CameraInfo(width=100, height=60, k=k))
        return channel.input.ground((60, 100), Mount(1.2, 0.1))
    ground = ros.wait_for(calibrated)
    assert (ground.fx, ground.cy, ground.height, ground.pitch) == (90, 30, 1.2, 0.1)


def test_a_calibration_that_is_told_once_outlasts_a_deactivation(make_node, make_camera, ros):
    node = make_node()
    camera = make_camera(node)
    channel = node.channels['camera']
    assert channel.input.ground((60, 100), Mount(1.2, 0.1)) is None
    assert channel.input.calibration == 'none'
    k = [0.0, 0.0, 50.0, 0.0, 90.0, 30.0, 0.0, 0.0, 1.0]
    camera.infos.publish(CameraInfo(width=100, height=60, k=k))
    ros.wait_for(lambda: channel.input.ground((60, 100), Mount(1.2, 0.1)) is None
                 and channel.input.calibration == 'unusable')
    k[0] = 90.0
    camera.infos.publish(CameraInfo(width=100, height=60, k=k))
    ros.wait_for(lambda: channel.input.ground((60, 100), Mount(1.2, 0.1)))
    assert node.trigger_deactivate() == SUCCESS
    assert node.trigger_activate() == SUCCESS
    assert channel.input.ground((60, 100), Mount(1.2, 0.1)) is not None
    assert channel.input.calibration == 'used'


K = [90.0, 0.0, 50.0, 0.0, 90.0, 30.0, 0.0, 0.0, 1.0]
LATCHED = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)


@pytest.mark.parametrize('info_qos', [LATCHED, qos_profile_sensor_data])
@pytest.mark.parametrize('overrides', [
    # As it is where nobody overrides anything.
    {'qos_overrides./camera/camera_info.subscription.reliability': 'best_effort'},
    {'qos_overrides./camera/camera_info.subscription.reliability': 'best_effort',
     'qos_overrides./camera/camera_info.subscription.durability': 'volatile'},
])
def test_a_calibration_is_received_however_it_is_published(
        make_node, ros, tmp_path, info_qos, overrides):
    driver = ros.add(ros.Node('driver'))
    infos = driver.create_publisher(CameraInfo, 'camera/camera_info', info_qos)
    info = CameraInfo(width=100, height=60, k=K)
    infos.publish(info)
    with stderr_into(tmp_path / 'err') as err:
        channel = make_node(**overrides).channels['camera']

        def calibrated():
            if info_qos is not LATCHED:
                infos.publish(info)
            return channel.input.ground((60, 100), Mount())

        ros.wait_for(calibrated)
    assert 'incompatible QoS' not in err()


def test_an_override_of_durability_is_honoured(make_node, ros):
    name = 'qos_overrides./camera/camera_info.subscription.'
    driver = ros.add(ros.Node('driver'))
    infos = driver.create_publisher(CameraInfo, 'camera/camera_info', LATCHED)
    infos.publish(CameraInfo(width=100, height=60, k=K))
    make_node(**{f'{name}durability': 'transient_local', f'{name}reliability': 'reliable'})

    def durability(topic):
        asked = ros.wait_for(lambda: driver.get_subscriptions_info_by_topic(topic))
        return asked[0].qos_profile.durability

    assert durability('camera/camera_info') == QoSDurabilityPolicy.TRANSIENT_LOCAL
    assert durability('camera/image') == QoSDurabilityPolicy.VOLATILE


@pytest.mark.parametrize(('info', 'said'), [
    (CameraInfo(width=60, height=100, k=K), 'another shape'),
    (CameraInfo(width=100, height=60, k=[1e-3, *K[1:4], 1e-3, *K[5:]]),
     'K has focal lengths of 0.001 and 0.001 pixels; with images of 100x60 pixels they are '
     'between 4 and 10000'),
    (CameraInfo(width=100, height=60, k=[*K[:5], 70.0, *K[6:]]), 'lies above the horizon: no '
     'distance to the road can be measured'),
])
def test_a_calibration_that_cannot_be_used_is_refused_aloud(
        make_node, make_camera, ask, ros, diagnostics, tmp_path, info, said):
    with stderr_into(tmp_path / 'err') as err:
        camera = make_camera(make_node())
        camera.infos.publish(info)
        stamps = itertools.count(1)

        def told():
            ask(camera, float(next(stamps)))
            return [m for m in list(diagnostics) if m.get(
                'segmentation: camera', (0, 0, {}))[2].get('calibration') == 'unusable']

        ros.wait_for(told)
        ros.wait_for(lambda: told() and f'{said}, so alerts have no distance' in err())


def test_what_the_calibration_lacks_is_said_once(make_node, make_camera, ask, ros, tmp_path):
    with stderr_into(tmp_path / 'err') as err:
        node = make_node(alerts__near_m=50.0)
        camera = make_camera(node)
        for i in range(10):
            ask(camera, 1.0 + i)
        ros.wait_for(lambda: 'there is no CameraInfo, so alerts have no distance' in err())
        k = [90.0, 0.0, 50.0, 0.0, 90.0, 30.0, 0.0, 0.0, 1.0]
        # Whoever mends that may have the wrong one at first.
        camera.infos.publish(CameraInfo(width=60, height=100, k=k))
        stamps = itertools.count(11)
        ros.wait_for(lambda: ask(camera, float(next(stamps))) and 'of another shape' in err())
        camera.infos.publish(CameraInfo(
            header=Header(frame_id='rear_optical'), width=100, height=60, k=k,
            d=[0.1, 0.0, 0.0, 0.0], distortion_model='equidistant'))
        ros.wait_for(lambda: node.channels['camera'].input.ground((60, 100), Mount()))
        for _ in range(3):
            ask(camera, float(next(stamps)))
        # Row 33 of 60: 1.65 m * 90 / (32.5 - 30).
        assert 'near_m is 50 m, but the corridor ends 59.4 m' not in err()
        node.set_parameters([Parameter('alerts.near_m', value=70.0)])
        for _ in range(3):
            ask(camera, float(next(stamps)))
        ros.wait_for(lambda: 'has a distortion of the lens (equidistant), and' in err())
        ros.wait_for(lambda: "is for the frame 'rear_optical', and the images are of" in err())
    assert err().count('a distortion of the lens') == 1
    assert err().count('the CameraInfo is for the frame') == 1
    assert err().count('alerts.near_m is 70 m, but the corridor ends 59.4 m ahead') == 1
    assert err().count('there is no CameraInfo') == 1


def truncated(message):
    message.data = message.data[:100]
    return 'expected step * height'


def wrong_step(message):
    message.step = 7
    message.data = array.array('B', bytes(7 * 60))
    return 'step is 7 bytes'


def empty(message):
    message.height = message.width = message.step = 0
    message.data = array.array('B')
    return '0x0 pixels'


def unknown_encoding(message):
    message.encoding = 'holographic'
    return "'holographic'"


@pytest.fixture
def log_clock_stands(monkeypatch):
    """Let no line be due again because a busy machine took long in between."""
    monkeypatch.setattr('aim_ros.nodes.logging.time', SimpleNamespace(monotonic=lambda: 0.0))


@pytest.mark.parametrize('spoil', [truncated, wrong_step, empty, unknown_encoding])
def test_bad_input_costs_one_line_and_no_frame_more(make_node, make_camera, ask, ros, capfd,
                                                    spoil, log_clock_stands):
    node = make_node()
    camera = make_camera(node)
    statistics = node.channels['camera'].statistics
    for i in range(3):
        message = camera.message(1.0 + i)
        said = spoil(message)
        camera.images.publish(message)
        ros.wait_for(lambda i=i: statistics.count('refused') == i + 1)
    ask(camera, 9.0)
    lines = [line for line in capfd.readouterr().err.splitlines() if said in line]
    assert len(lines) == 1
    assert '/camera/image: ' in lines[0]


def test_a_break_in_the_stream_starts_afresh(make_node, make_camera, ask, capfd):
    camera = make_camera(make_node())
    ask(camera, 5.0)
    ask(camera, 4.0)  # clear_after is 0.5 s
    assert ('/camera/image: the stamp went back by 1.000 s; tracks and alerts start afresh'
            in capfd.readouterr().err)


def test_sizes_in_turns_forget_nothing_and_are_warned_of(
        make_node, make_camera, ask, ros, diagnostics, tmp_path):
    with stderr_into(tmp_path / 'err') as err:
        camera = make_camera(make_node())
        stamps = itertools.count(5)

        def warned():
            for height in (60, 40):
                mask, _ = ask(camera, float(next(stamps)), camera.pixels[:height])
                assert mask.height == height
            return [status for m in list(diagnostics)
                    if (status := m.get('segmentation: camera'))
                    and status[0] == DiagnosticStatus.WARN
                    and 'the image size changed' in status[1] and 'times of late' in status[1]]

        ros.wait_for(warned)
        ros.wait_for(lambda: 'the image size changed' in err())
    assert 'start afresh' not in err()


@pytest.mark.parametrize('back', [1e-9, 0.04, 0.4])
def test_a_step_a_little_back_forgets_nothing_and_is_warned_of(
        make_node, make_camera, ask, ros, diagnostics, tmp_path, back):
    with stderr_into(tmp_path / 'err') as err:
        camera = make_camera(make_node())
        stamps = itertools.count(5)

        def warned():
            stamp = float(next(stamps))
            ask(camera, stamp)
            ask(camera, stamp - back)
            return [status for m in list(diagnostics)
                    if (status := m.get('segmentation: camera'))
                    and status[0] == DiagnosticStatus.WARN and 'stamps step back' in status[1]]

        ros.wait_for(warned)
        ros.wait_for(lambda: 'stamps step back' in err())
    assert 'start afresh' not in err()


def test_a_short_fault_is_shown_after_it_is_over(make_node, make_camera, ask, ros, diagnostics,
                                                 monkeypatch):
    # How long it is shown is not the matter here, and the cores may be busy for longer.
    monkeypatch.setattr('aim_ros.nodes.segmentation.problems._RECENT', float('inf'))
    node = make_node()
    camera = make_camera(node)
    stamps = itertools.count(2)
    ask(camera, 1.0)
    for number in range(1, 3):
        spoilt = camera.message(float(next(stamps)))
        unknown_encoding(spoilt)
        camera.images.publish(spoilt)
        # One after the other: a message that is not yet looked at is replaced by the next.
        ros.wait_for(lambda: (last := node.channels['camera'].problems.last())
                     and last.count == number)

    def shown():
        # Frames that are answered again, before the next diagnostics are due.
        ask(camera, float(next(stamps)))
        return [status for m in list(diagnostics) if (status := m.get('segmentation: camera'))
                and status[2].get('problems') == '2' and status[0] == DiagnosticStatus.WARN]

    _, text, values = ros.wait_for(shown)[-1]
    assert 'a frame was refused: ' in text
    assert ' s ago; 2 so far)' in text
    assert "'holographic'" in values['last_problem']
    assert float(values['last_problem_age_s']) >= 0


def test_the_reason_of_a_lost_frame_is_shown_while_stale(make_node, make_camera, ask, ros,
                                                         diagnostics):
    camera = make_camera(make_node())
    ask(camera, 1.0)
    spoilt = camera.message(2.0)
    unknown_encoding(spoilt)
    camera.images.publish(spoilt)
    _, text, _ = ros.wait_for(lambda: [
        status for m in list(diagnostics) if (status := m.get('segmentation: camera'))
        and status[0] == DiagnosticStatus.STALE and status[2].get('problems')])[0]
    assert 'no frame answered for' in text
    assert "'holographic'" in text


def test_stale_names_the_frame_of_the_camera(make_node, make_camera, ask, ros):
    camera = make_camera(make_node())
    first = ros.wait_for(camera.stale)[0]
    assert first.header.frame_id == 'camera'
    ask(camera, 1.0)
    before = len(camera.stale())
    assert ros.wait_for(lambda: camera.stale()[before:])[0].header.frame_id == 'camera_optical'


def test_before_a_camera_is_there_planners_are_told_and_people_are_not(
        make_node, ros, tmp_path, monkeypatch):
    # After ten seconds, people are told too: as much may pass on busy cores.
    monkeypatch.setattr(watchdog, '_ABSENT_AFTER', float('inf'))
    planner = ros.add(ros.Node('planner'))
    alerts = []
    with stderr_into(tmp_path / 'err') as err:
        planner.create_subscription(
            DiagnosticArray, '/segmentation/camera/alerts', alerts.append, 10)
        make_node()
        ros.wait_for(lambda: len(alerts) > 2)
    assert {message.status[0].level for message in alerts} == {DiagnosticStatus.STALE}
    assert 'WARN' not in err()


def test_a_camera_that_stops_is_not_told_of_transports(
        make_node, make_camera, ask, ros, tmp_path, monkeypatch):
    with stderr_into(tmp_path / 'err') as err:
        # On busy cores, the first frame may come later than it is missed.
        silent_after = watchdog._SILENT_AFTER
        monkeypatch.setattr(watchdog, '_SILENT_AFTER', float('inf'))
        camera = make_camera(make_node())
        ask(camera, 1.0)
        monkeypatch.setattr(watchdog, '_SILENT_AFTER', silent_after)
        ros.wait_for(lambda: 'after 1 frames; 1 publisher is matched' in err())
    assert 'fastdds.xml' not in err()


def test_stamps_of_zero_are_warned_of(make_node, make_camera, ros, tmp_path):
    node = make_node()
    camera = make_camera(node)
    with stderr_into(tmp_path / 'err') as err:
        for i in range(3):
            camera.images.publish(camera.message(0.0))
            ros.wait_for(lambda i=i: len(camera.masks) > i)
        ros.wait_for(lambda: 'the header stamps stand still' in err())


@pytest.mark.parametrize('use_sim_time', [False, True])
def test_a_silent_camera_is_stale(make_node, make_camera, ask, ros, use_sim_time):
    camera = make_camera(make_node(use_sim_time=use_sim_time))
    ask(camera, 1.0)
    before = len(camera.stale())
    # A generous deadline; the design asks for a second.
    stale = ros.wait_for(lambda: camera.stale()[before:])
    assert stale[0].status[0].hardware_id == 'camera'
    assert len(stale[0].status) == 1
    ros.wait_for(lambda: len(camera.stale()) > before + 2, what='STALE to be repeated')
    assert summary_of(stale[-1])['last_level'] in ('OK', 'WARN', 'ERROR')
    _, alerts = ask(camera, 2.0)
    assert alerts.status[0].level != DiagnosticStatus.STALE


def test_a_camera_that_repeats_its_last_image_is_stale(make_node, make_camera, ask, ros, capfd):
    node = make_node(alerts__stale_after=0.5)
    camera = make_camera(node)
    ask(camera, 1.0)
    before = len(camera.stale())
    statistics = node.channels['camera'].statistics

    def stale_while_repeating():
        camera.images.publish(camera.message(1.0))
        return len(camera.stale()) > before and statistics.count('refused') > 1

    ros.wait_for(stale_while_repeating)
    assert 'the last image arrives again' in capfd.readouterr().err
    # A stamp that stands still is no sign of that where the image moves.
    answered = sum(m.status[0].level != DiagnosticStatus.STALE for m in list(camera.alerts))
    camera.images.publish(camera.message(1.0, 255 - camera.pixels))
    ros.wait_for(lambda: sum(
        m.status[0].level != DiagnosticStatus.STALE for m in list(camera.alerts)) > answered)


def test_a_camera_that_is_frozen_or_shows_nothing_is_named(
        make_node, make_camera, ask, monkeypatch):
    monkeypatch.setattr(camera_stream, '_FROZEN_FRAMES', 2)
    monkeypatch.setattr(camera_stream, '_BLIND_AFTER', 0.0)
    # On busy cores, more than `alerts.stale_after` may pass between a frame and the status.
    monkeypatch.setattr(watchdog, '_publish_stale', lambda *_: None)
    node = make_node()
    camera, channel = make_camera(node), node.channels['camera']
    black = np.zeros_like(camera.pixels)

    def said():
        return camera_status('segmentation', channel, True, node.parameters.settings).message

    for stamp in (1.0, 2.0, 3.0):
        ask(camera, stamp, black)
    assert 'has not changed by a single byte' in said()
    assert 'have shown next to nothing: the values of the last are 0 to 0 of 255' in said()
    ask(camera, 4.0, 255 - black)
    assert 'has not changed' not in said()


def test_an_image_that_is_too_old_is_refused(make_node, make_camera, ask, ros, capfd):
    node = make_node(alerts__max_age=60.0)
    camera = make_camera(node)
    camera.images.publish(camera.message(time.time() - 90))
    statistics = node.channels['camera'].statistics
    ros.wait_for(lambda: statistics.count('refused') == 1)
    camera.images.publish(camera.message(time.time() + 3600))
    ros.wait_for(lambda: statistics.count('refused') == 2)
    # Ahead of its time, so that it is not too old however long a busy machine takes.
    ask(camera, time.time() + 55)
    said = capfd.readouterr().err
    assert ' s old by its stamp; alerts.max_age is 60 s' in said
    assert statistics.count('answered') == 1


@pytest.mark.parametrize(('topic', 'kind', 'said'), [
    ('camera/image', Image, 'publishes there with a QoS that this subscription does not match'),
    ('camera/image', CompressedImage, '/driver publishes sensor_msgs/msg/CompressedImage there, '
     'and this node takes sensor_msgs/msg/Image'),
    ('camera/image/compressed', CompressedImage,
     'nobody publishes there, but somebody on /camera/image/compressed: set '
     'camera.image_transport to compressed')])
def test_a_camera_that_cannot_be_heard_is_named(make_node, ros, topic, kind, said):
    node = make_node()
    camera = node.channels['camera'].input
    # Of another context: one participant has one type for a topic.
    other = rclpy.Context()
    rclpy.init(context=other, signal_handler_options=SignalHandlerOptions.NO)
    try:
        driver = rclpy.create_node('driver', context=other)
        driver.create_publisher(kind, topic, qos_profile_sensor_data)
        ros.wait_for(lambda: said in camera.unmatched(), what='the driver to be named')
        driver.destroy_node()
    finally:
        rclpy.shutdown(context=other)
    ros.wait_for(lambda: camera.unmatched() == '', what='the driver to be gone')


def test_a_publisher_that_delivers_nothing_is_named(make_node, make_camera, ros, tmp_path):
    with stderr_into(tmp_path / 'err') as err:
        make_camera(make_node())
        ros.wait_for(lambda: transport_advice(os.environ) in err())
    assert 'though 1 publisher is matched: either nothing is sent, or large images' in err()


def test_deactivation_leaves_a_stale_and_can_be_undone(
        make_node, make_camera, ask, ros, await_match):
    node = make_node()
    camera = make_camera(node)
    ask(camera, 1.0)
    assert node.trigger_deactivate() == SUCCESS
    ros.wait_for(lambda: camera.stale()
                 and camera.stale()[-1].status[0].message == 'the node is not active')
    assert node.trigger_activate() == SUCCESS
    await_match(node, camera)
    ask(camera, 2.0)
    assert node.trigger_deactivate() == node.trigger_cleanup() == SUCCESS
    assert node.trigger_configure() == node.trigger_activate() == SUCCESS
    assert lifecycle_state(node) == 'active'


def test_a_parameter_that_there_is_not_is_refused_by_its_name(make_node, matched_client, ros):
    node = make_node(active=False, autostart=False)
    kind = SetParametersAtomically
    client = matched_client(kind, '/segmentation/set_parameters_atomically', kind.Request())
    call = client.call_async(kind.Request(parameters=[
        Parameter(name, value=0.5).to_parameter_msg() for name in ('focus.sigma', 'focus.sgma')]))
    result = ros.wait_for(call.result).result
    assert not result.successful
    assert result.reason == "there is no parameter 'focus.sgma'; did you mean 'focus.sigma'?"
    assert node.parameters['focus.sigma'] == 0.0


@pytest.mark.parametrize(('size', 'text'), [
    ([64, 96], '96x64'), ([], 'as the camera, about 6144 pixels')])
def test_the_log_says_what_was_loaded(make_node, capfd, size, text):
    make_node(input_size=size, input_pixels=64 * 96)
    assert f' 19 classes, inputs {text}, on torch' in capfd.readouterr().err


@pytest.mark.parametrize('more', [
    [], [Parameter('alerts.near_m', value=1e9)], [Parameter('seed', value=1)]])
def test_what_is_refused_leaves_the_type_that_is_described(make_node, more):
    node = make_node(active=False, autostart=False)
    request = [Parameter('focus.sigma', value='strong'), *more]
    assert not node.set_parameters_atomically(request).successful
    assert node.describe_parameter('focus.sigma').type == Parameter.Type.DOUBLE.value


def test_without_autostart_the_node_waits(make_node, diagnostics, ros):
    node = make_node(active=False, autostart=False)
    message = ros.wait_for(lambda: diagnostics)[0]
    level, _, values = message['segmentation: node']
    assert level == DiagnosticStatus.OK
    assert values['lifecycle_state'] == 'unconfigured'
    assert node.trigger_configure() == SUCCESS
    ros.wait_for(lambda: diagnostics[-1]['segmentation: node'][2]['lifecycle_state'] == 'inactive')


@contextmanager
def stderr_into(path):
    """
    Send the process's standard error to a file, and give a function that reads it.

    `capfd`, polled, loses what is written between its reading and its emptying of its file.
    """
    before = os.dup(2)
    with path.open('ab') as file:
        os.dup2(file.fileno(), 2)
    try:
        yield path.read_text
    finally:
        os.dup2(before, 2)
        os.close(before)


TRY_AGAIN = 'When that is mended: ros2 lifecycle set /segmentation configure'
START_AGAIN = 'Start the node again'


@pytest.mark.parametrize(('overrides', 'said', 'advice'), [
    ({'model': '/nowhere'}, "there is no model '/nowhere'", TRY_AGAIN),
    ({'device': 'abacus'}, "unknown device 'abacus'", START_AGAIN),
    ({'device': 'cuda:99'}, "there is no device 'cuda:99'", START_AGAIN),
    ({'input_size': [8, 8]}, r'input_size must be \[height, width\] of at least 32 pixels',
     START_AGAIN),
    ({'input_size': [64]}, r'input_size must be empty or \[height, width\], got \[64\]',
     START_AGAIN),
    ({'seed': 'x'}, "seed must be an integer, got 'x'", START_AGAIN),
    ({'driver_profile': 'sport'}, "unknown driver profile 'sport'; profiles: neutral", TRY_AGAIN),
    ({'focus__sigma': float('inf')}, r'focus\.sigma must be in 0\.\.20', TRY_AGAIN),
    ({'profiles_file': '/nowhere.yaml'}, r'/nowhere\.yaml: cannot be read', TRY_AGAIN),
])
def test_a_failed_autostart_says_why_and_stays(make_node, ros, diagnostics, tmp_path, overrides,
                                               said, advice):
    with stderr_into(tmp_path / 'err') as err:
        node = make_node(active=False, **overrides)
        ros.wait_for(lambda: 'FATAL' in err())
    # Said once: no line repeats another.
    fatal, = (line for line in err().splitlines() if re.search(said, line))
    assert 'FATAL' in fatal
    assert advice in fatal
    assert 'Traceback' not in err()
    assert lifecycle_state(node) == 'unconfigured'
    ros.wait_for(lambda: diagnostics and
                 diagnostics[-1]['segmentation: node'][0] == DiagnosticStatus.ERROR)
    with stderr_into(tmp_path / 'again') as err:
        assert node.trigger_configure() == FAILURE
        ros.wait_for(lambda: re.search(said, err()))


def test_who_reads_that_the_autostart_failed_may_try_again_at_once(make_node, ros, monkeypatch):
    lines = []

    def logger(node):
        def fatal(text):
            lines.append(text)
            # As one who is quicker than the thread that said it.
            assert node.trigger_configure() == FAILURE
            lines.append('tried again')

        return SimpleNamespace(
            info=lambda _: None, warning=lambda _: None, error=lines.append, fatal=fatal)

    monkeypatch.setattr('aim_ros.nodes.segmentation.node.SegmentationNode.get_logger', logger)
    make_node(active=False, model='/nowhere')
    ros.wait_for(lambda: lines[-1:] == ['tried again'])
    said, again, _ = lines
    assert said.startswith('autostart failed: ')
    assert "there is no model '/nowhere'" in again


def test_a_broken_checkpoint_can_be_mended(make_node, ros, tiny_model, tmp_path):
    folder = tmp_path / 'checkpoint'
    folder.mkdir()
    for path in Path(tiny_model).iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    whole = (folder / 'model.safetensors').read_bytes()
    (folder / 'model.safetensors').write_bytes(whole[:1000])
    node = make_node(active=False, autostart=False, model=str(folder))
    assert node.trigger_configure() == FAILURE
    assert 'the weights of model' in node.problem
    (folder / 'model.safetensors').write_bytes(whole)
    assert node.trigger_configure() == SUCCESS
    assert not node.problem


def test_utility_noise_is_owned_up_to(make_node, diagnostics, ros):
    make_node(utility__sigma=2.0)
    message = ros.wait_for(lambda: [m for m in diagnostics if m[
        'segmentation: node'][2].get('lifecycle_state') == 'active'])[-1]
    level, text, values = message['segmentation: node']
    assert level == DiagnosticStatus.WARN
    assert 'degraded on purpose' in text
    assert values['utility_sigma'] == '2.000'


def test_diagnostics_tell_rates_and_stages(make_node, make_camera, ask, diagnostics, ros):
    camera = make_camera(make_node())
    for i in range(1, 4):
        ask(camera, float(i))
    message = ros.wait_for(lambda: [m for m in diagnostics if m.get(
        'segmentation: camera', (0, 0, {}))[2].get('frames_answered') == '3'])[-1]
    values = message['segmentation: camera'][2]
    assert values['frames_received'] == '3'
    assert values['frames_replaced'] == '0'
    assert values['topic'] == '/camera/image'
    for stage in ('wait', 'preprocess', 'network', 'decode', 'alerts', 'total', 'publish',
                  'capture_to_publish'):
        assert float(values[f'{stage}_ms_p50']) >= 0
        assert float(values[f'{stage}_ms_p95']) >= float(values[f'{stage}_ms_p50'])
    node = message['segmentation: node'][2]
    assert (node['device'], node['precision'], node['input_size']) == ('cpu', 'fp32', '96x64')
    assert node['engine'].startswith('torch ')
    assert node['agreement'] == 'as the reference for the alerted classes'


def test_the_networks_input_has_the_shape_of_the_camera(make_node, make_camera, ask, diagnostics,
                                                        ros):
    camera = make_camera(make_node(input_size=[], input_pixels=8192))
    camera.pixels = np.random.default_rng(0).integers(0, 256, (120, 60, 3), np.uint8)
    ros.wait_for(lambda: any(
        'as the camera' in m['segmentation: node'][2].get('input_size', '')
        for m in diagnostics if 'segmentation: node' in m), what='no size as yet')
    mask, _ = ask(camera, 1.0)
    assert (mask.height, mask.width) == (120, 60)
    ros.wait_for(lambda: any(
        m['segmentation: node'][2].get('input_size') == '64x128'
        for m in diagnostics if 'segmentation: node' in m), what='the size of the camera')


def test_an_engine_that_decides_otherwise_is_told(make_node, diagnostics, ros, monkeypatch, capfd):
    text = 'openvino in bf16 decides otherwise'
    monkeypatch.setattr('aim_ros.deployment.gate.warning', lambda *_: text)
    make_node()
    ros.wait_for(lambda: any(
        m['segmentation: node'][2].get('agreement') == text
        for m in diagnostics if 'segmentation: node' in m), what='the agreement')
    assert text in capfd.readouterr().err


def test_an_error_in_a_frame_is_reported_and_the_next_one_perceived(
        make_node, make_camera, ask, ros, capfd, monkeypatch):
    node = make_node()
    camera = make_camera(node)
    process = Pipeline.process
    monkeypatch.setattr(
        Pipeline, 'process', lambda *_, **__: (_ for _ in ()).throw(RuntimeError('out of memory')))
    camera.images.publish(camera.message(1.0))
    ros.wait_for(lambda: last_problem(node))
    assert last_problem(node) == 'a frame was lost: RuntimeError: out of memory'
    monkeypatch.setattr(Pipeline, 'process', process)
    ask(camera, 2.0)
    assert 'out of memory' in capfd.readouterr().err
    assert not last_problem(node)


def test_frames_that_no_camera_lost_alone_are_an_error_for_a_while(
        make_node, make_camera, ask, ros, diagnostics, monkeypatch):
    # How long it is shown is the test's own matter: the cores may be busy for longer.
    monkeypatch.setattr('aim_ros.nodes.segmentation.problems._RECENT', float('inf'))
    perceive = Perceiver.perceive

    def fail_at_first(self, batch):
        if any(item.message.header.stamp.sec == 1 for item in batch.values()):
            raise OSError('gone')
        perceive(self, batch)

    monkeypatch.setattr(Perceiver, 'perceive', fail_at_first)
    camera = make_camera(make_node())

    def node_says(level):
        return [status for message in list(diagnostics)
                if (status := message.get('segmentation: node')) and status[0] == level
                and status[2].get('last_problem') == 'frames were lost: OSError: gone']

    camera.images.publish(camera.message(1.0))
    _, text, values = ros.wait_for(lambda: node_says(DiagnosticStatus.ERROR))[0]
    assert text.startswith('frames were lost: OSError: gone (')
    assert values['problems'] == '1'
    ask(camera, 2.0)
    monkeypatch.setattr('aim_ros.nodes.segmentation.problems._RECENT', 0.0)
    assert ros.wait_for(lambda: node_says(DiagnosticStatus.OK))[0][1] == 'active'
