"""Real drives through bags, replay and node: what is answered, alerted, and left in peace."""

from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import replace
from functools import partial
import itertools
from pathlib import Path
import threading

import numpy as np
import pytest
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from std_msgs.msg import Header
from std_srvs.srv import SetBool
from std_srvs.srv import Trigger

from aim_ros.hazards.alerts import AlertSettings
from aim_ros.hazards.boxes import contains
from aim_ros.hazards.emphasis_filter import EmphasisFilter
from aim_ros.hazards.emphasis_filter import MEASURES
from aim_ros.hazards.geometry import GroundCamera
from aim_ros.imaging.frame import Frame
from aim_ros.media.rosbag import write_bag
from aim_ros.media.sources import open_source
from aim_ros.modulation import Modulation
from aim_ros.nodes.messages.alerts import status_messages
from aim_ros.nodes.messages.conversions import camera_info_message
from aim_ros.nodes.messages.conversions import stamp_to_ns
from aim_ros.nodes.replay.node import ReplayNode
from aim_ros.perception.alert_report import road_user_status
from aim_ros.perception.camera_stream import ground_camera
from aim_ros.perception.pipeline import Pipeline
from aim_ros.perception.profiles import load_profiles
from aim_ros.perception.settings import Settings
from aim_ros.resources import share_directory
from aim_ros.segmentation.labels import CITYSCAPES
from aim_ros.segmentation.segmenter import Segmenter

MODEL = 'segformer-b0-street'
SIZE = (192, 640)
TARGETS = CITYSCAPES.resolve(['people', 'two_wheelers'])
CYCLISTS = [range(50, 77), range(105, 138)]
# A tree-lined road: by the computed labels, too, the first person is in sight in frame 47.
NOBODY = range(15, 47)


@pytest.fixture(scope='module')
def make_bag(shared_data, tmp_path_factory):
    """Return a function that writes frames of a drive into a bag, once."""
    def make(drive: str, indices: Iterable[int], storage: str = 'mcap') -> Path:
        indices = tuple(indices)
        key = (drive, indices, storage)
        if key not in bags:
            bags[key] = tmp_path_factory.mktemp('bags') / drive
            write_bag(bags[key], frames_of(shared_data, drive, indices), storage=storage)
        return bags[key]
    bags: dict[tuple, Path] = {}
    return make


def frames_of(shared_data: Path, drive: str, indices: Iterable[int]) -> list[Frame]:
    wanted = set(indices)
    source = open_source(str(shared_data / 'kitti_raw' / drive))
    return [frame for frame in source.frames(start=min(wanted)) if frame.index in wanted]


def ground_of(frame: Frame) -> GroundCamera:
    info = camera_info_message(frame.camera_model, Header())
    return ground_camera(info, frame.size, 1.65, 0.0)


def count_of(bag: Path) -> int:
    return len(open_source(str(bag)))


@dataclass(frozen=True)
class Answer:
    """What the node published about one frame."""

    mask: np.ndarray
    summary: dict[str, str]
    tracks: list

    def classes(self) -> set[str]:
        return {values['class'] for values in self.values()}

    def values(self) -> list[dict[str, str]]:
        return [{v.key: v.value for v in status.values} for status in self.tracks]


@pytest.fixture
def play(harness):
    """
    Return a function that replays a bag in lockstep; it gives the answers by stamp.

    `before`, if any, is called with node and ROS before each frame but the first, by its number.
    """
    def play(bag: Path, *, every: int = 1, before=None, **parameters) -> dict[int, Answer]:
        ros = harness.Ros()
        try:
            node = harness.start_node(ros, model=MODEL, **{'input_size': list(SIZE), **parameters})
            camera = harness.match_camera(ros, node)
            replay = ros.add(ReplayNode(parameter_overrides=[
                Parameter('source', value=str(bag)), Parameter('lockstep', value=True),
                Parameter('rate', value=0.0), Parameter('every', value=every),
                Parameter('lockstep_timeout', value=240.0)]))
            ros.wait_for(lambda: node.channels['camera'].input.publisher_count() > 1,
                         what='the replay to be matched')
            tally = []
            player = threading.Thread(
                target=lambda: tally.append(replay.play(threading.Event())), daemon=True)
            if before is None:
                player.start()
            else:
                step_through(ros, player, camera, count_of(bag), partial(before, ros, node))
            ros.wait_for(lambda: tally, what='the replay to end')
            assert tally[0].timeouts == 0
            ros.wait_for(lambda: len(camera.masks) == tally[0].frames, what='the last mask')
            answers = {}
            for mask in camera.masks:
                stamp_ns = stamp_to_ns(mask.header.stamp)
                alerts = ros.wait_for(
                    lambda stamp_ns=stamp_ns: harness.of_stamp(camera.alerts, stamp_ns))
                assert alerts.header == mask.header
                answers[stamp_ns] = Answer(
                    np.frombuffer(mask.data, np.uint8).reshape(mask.height, mask.width),
                    {v.key: v.value for v in alerts.status[0].values}, list(alerts.status[1:]))
            return answers
        finally:
            ros.close()
    def step_through(ros, player, camera, count, before) -> None:
        """Play frame by frame, as a viewer does, and let the end be."""
        pause, step = (harness.match_client(ros, kind, name, kind.Request()) for kind, name in (
            (SetBool, '/replay/pause'), (Trigger, '/replay/step')))
        assert ros.wait_for(pause.call_async(SetBool.Request(data=True)).result).success
        player.start()
        for number in range(1, count):
            ros.wait_for(lambda: len(camera.masks) == number, what=f'frame {number}')
            before(number)
            assert ros.wait_for(step.call_async(Trigger.Request()).result).success
        assert ros.wait_for(pause.call_async(SetBool.Request(data=False)).result).success
    return play


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_every_frame_is_answered_with_its_own_stamp_and_size(
        make_bag, play, shared_data, storage):
    indices = range(60, 66)
    answers = play(make_bag('seq_a', indices, storage))
    frames = frames_of(shared_data, 'seq_a', indices)
    assert list(answers) == [frame.stamp_ns for frame in frames]
    assert all(answer.mask.shape == frame.image.shape[:2]
               for answer, frame in zip(answers.values(), frames, strict=True))


def test_masks_of_a_replay_are_the_same_to_the_byte(make_bag, play):
    bag = make_bag('seq_a', range(60, 68))
    settings = {'driver_profile': 'defensive', 'focus__sampling': 'pixel'}
    first = play(bag, **settings)
    again = play(bag, **settings)
    assert first.keys() == again.keys()
    assert all(np.array_equal(first[stamp].mask, again[stamp].mask) for stamp in first)
    other_seed = play(bag, seed=1, **settings)
    assert any(not np.array_equal(first[stamp].mask, other_seed[stamp].mask) for stamp in first)
    half = play(bag, every=2, **settings)
    assert list(half) == list(first)[::2]
    assert all(np.array_equal(first[stamp].mask, half[stamp].mask) for stamp in half)


@pytest.mark.parametrize('cyclists', CYCLISTS, ids=str)
def test_defensive_alerts_cyclists_and_sees_more_of_them(make_bag, play, cyclists):
    bag = make_bag('seq_a', cyclists)
    neutral, defensive = play(bag), play(bag, driver_profile='defensive')
    assert any(answer.classes() & {'person', 'rider'} for answer in defensive.values())

    def target_pixels(answers):
        return sum(int(np.isin(answer.mask, TARGETS).sum()) for answer in answers.values())

    assert target_pixels(defensive) > target_pixels(neutral)
    assert any(float(values['modulated_share']) > 0
               for answer in defensive.values() for values in answer.values())
    assert all(float(values['modulated_share']) == 0
               for answer in neutral.values() for values in answer.values())


@pytest.mark.parametrize('profile', ['neutral', 'defensive'])
def test_an_empty_road_is_silent(make_bag, play, profile):
    answers = play(make_bag('seq_b', NOBODY[::3]), driver_profile=profile)
    assert [answer.classes() for answer in answers.values()] == [set()] * len(NOBODY[::3])
    assert {answer.summary['level'] for answer in answers.values()} == {'OK'}


def test_a_switch_in_mid_replay(make_bag, play, harness, shared_data):
    indices = range(56, 76)
    in_force: dict[int, Settings] = {}

    def switch(ros, node, number):
        in_force[node.parameters.settings.revision] = node.parameters.settings
        if (profile := {6: 'defensive', 12: 'highway'}.get(number)):
            driver = harness.match_client(
                ros, SetParameters, '/segmentation/set_parameters', SetParameters.Request())
            answer = ros.wait_for(driver.call_async(SetParameters.Request(parameters=[
                Parameter('driver_profile', value=profile).to_parameter_msg()])).result)
            assert answer.results[0].successful

    answers = play(make_bag('seq_a', indices), before=switch)
    revisions = [int(answer.summary['revision']) for answer in answers.values()]
    assert revisions == [1] * 6 + [2] * 6 + [3] * 8

    reference = Pipeline(Segmenter(MODEL, device='cpu', engine='torch', input_size=SIZE))
    frames = frames_of(shared_data, 'seq_a', indices)
    for frame, answer, revision in zip(frames, answers.values(), revisions, strict=True):
        ground = ground_of(frame)
        expected, = reference.process(
            [frame], in_force[revision], ground={'camera': ground})
        assert np.array_equal(answer.mask, expected.mask)
        assert answer.tracks == status_messages(
            road_user_status(
                alert, CITYSCAPES, expected.frame.size, 'segmentation', 'camera', ground)
            for alert in expected.report.alerts)


def harmful_settings() -> dict[str, Modulation]:
    """Return what each shipped profile does to the logits, and the nastiest legal setting."""
    profiles = load_profiles(share_directory() / 'config' / 'profiles.yaml').profiles
    modulations = {
        name: Modulation(profile.signs(CITYSCAPES), profile.sigma, profile.sampling)
        for name, profile in profiles.items() if profile.sigma > 0}
    modulations['people suppressed'] = Modulation(
        tuple((target, -1) for target in TARGETS), sigma=20.0)
    return modulations


class OneForward(Segmenter):
    """A segmenter that runs a frame through the network once, however many pipelines ask."""

    def forward(self, pixels):
        if pixels.data_ptr() != getattr(self, '_pointer', None):
            self._logits, self._pointer = super().forward(pixels), pixels.data_ptr()
            self._kept = pixels
        return self._logits

    def preprocess(self, frames):
        if frames[0] is not getattr(self, '_frame', None):
            self._frame, self._pixels = frames[0], super().preprocess(frames)
        return self._pixels


def choices() -> dict[str, Settings]:
    """Return each shipped profile with the alert settings it states, and the nastiest setting."""
    owner = AlertSettings(TARGETS)
    profiles = load_profiles(share_directory() / 'config' / 'profiles.yaml').profiles
    chosen = {name: Settings(1, name, modulation, owner, owner_alerts=owner)
              for name, modulation in harmful_settings().items()}
    for name, profile in profiles.items():
        stated = dict(profile.alerts)
        class_ids = CITYSCAPES.resolve(('people', 'two_wheelers', *stated.pop('classes', ())))
        modulation = Modulation(profile.signs(CITYSCAPES), profile.sigma, profile.sampling)
        chosen[name] = Settings(
            1, name, modulation, replace(owner, class_ids=class_ids, **stated), owner_alerts=owner)
    return chosen


@pytest.mark.parametrize('drive', ['seq_a', 'seq_b'])
def test_no_setting_takes_an_alert_away(shared_data, drive):
    segmenter = OneForward(MODEL, device='cpu', engine='openvino', input_size=(256, 832))
    neutral = Pipeline(segmenter)
    others = {name: (Pipeline(segmenter), itertools.repeat(settings))
              for name, settings in choices().items()}
    # Every few frames another one.
    switches = [settings for settings in choices().values() for _ in range(7)]
    others['all in turns'] = Pipeline(segmenter), itertools.cycle(switches)
    passes_all = EmphasisFilter((0.0,) * len(MEASURES), 9.0, 0.5, 'model')
    others['all in turns, filtered'] = (
        Pipeline(segmenter, emphasis_filter=passes_all), itertools.cycle(switches[::-1]))
    counted = 0
    for frame in open_source(str(shared_data / 'kitti_raw' / drive)).frames():
        ground = {'camera': ground_of(frame)}
        expected, = neutral.process(
            [frame], Settings(1, 'neutral', Modulation(), AlertSettings(TARGETS)), ground=ground)
        counted += len(expected.report.alerts)
        for name, (pipeline, settings) in others.items():
            actual, = pipeline.process([frame], next(settings), ground=ground)
            where = f'{name}, frame {frame.index}'
            assert actual.neutral == expected.report, where
            for alert in expected.report.alerts:
                assert any(contains(other.box, alert.box) and other.level >= alert.level
                           for other in actual.report.alerts), f'{where}: {alert} is lost'
    assert counted > 0
