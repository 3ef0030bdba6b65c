from contextlib import nullcontext
from dataclasses import FrozenInstanceError
from dataclasses import replace
import threading

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from aim_ros.decoding.decode import decode
from aim_ros.hazards.alerts import AlertSettings
from aim_ros.hazards.alerts import Level
from aim_ros.hazards.boxes import contains
from aim_ros.hazards.components import Scores
from aim_ros.hazards.geometry import GroundCamera
from aim_ros.hazards.groups import RoadUserClasses
from aim_ros.hazards.monitor import AlertMonitor
from aim_ros.hazards.sight import perceive
from aim_ros.hazards.tracks import Tracks
from aim_ros.imaging.frame import Frame
from aim_ros.modulation import frame_key
from aim_ros.modulation import Modulation
from aim_ros.perception.defaults import default_values
from aim_ros.perception.pipeline import LogitsError
from aim_ros.perception.pipeline import Pipeline
from aim_ros.perception.pipeline import STAGES
from aim_ros.perception.settings import build_settings
from aim_ros.perception.settings import Settings
from aim_ros.segmentation.labels import CITYSCAPES
from aim_ros.segmentation.segmenter import Segmenter

ROAD, PERSON, RIDER, CAR = 0, 11, 12, 13
GRID, SIZE = (8, 12), (64, 96)
MS = 1_000_000

NEUTRAL = Settings(
    revision=1, profile='neutral', modulation=Modulation(),
    alerts=AlertSettings((PERSON, RIDER), min_area=1, raise_after=0.2, clear_after=0.5))


def under(revision=2, *, alerts=None, **modulation):
    """Settings with another modulation and, where given, other alerts."""
    return replace(NEUTRAL, revision=revision, profile='custom',
                   modulation=Modulation(**modulation),
                   alerts=replace(NEUTRAL.alerts, **(alerts or {})))


class PreparedSegmenter:
    """A segmenter whose logits for a frame are those that a test prepared for its stamp."""

    def __init__(self, logits_by_stamp, temperature=1.0):
        self.logits_by_stamp = logits_by_stamp
        self.temperature = temperature
        self.device = torch.device('cpu')
        self.labels = CITYSCAPES

    def threads(self):
        return nullcontext()

    def groups(self, frames):
        return [list(range(len(frames)))]

    def preprocess(self, frames):
        return torch.tensor([frame.stamp_ns for frame in frames])

    def forward(self, pixels):
        return torch.stack([self.logits_by_stamp[stamp] for stamp in pixels.tolist()])


def blank(stamp_ns, camera='camera', size=SIZE):
    return Frame(np.zeros((*size, 3), np.uint8), camera=camera, stamp_ns=stamp_ns)


def photo(stamp_ns=1, camera='camera', size=SIZE, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    return Frame(pixels, camera=camera, stamp_ns=stamp_ns)


def scene(*people, gap=4.0, other=CAR):
    """Logits (19, 8, 12): `people` cells, by `gap` over `other`, which is everywhere else."""
    logits = torch.full((19, *GRID), -5.0)
    logits[other] = 0.0
    for row, column in people:
        logits[PERSON, row, column] = gap
    return logits


@pytest.fixture
def segmenter(make_checkpoint):
    """A tiny network whose masks vary: random weights alone give one class nearly everywhere."""
    segmenter = Segmenter(
        str(make_checkpoint()), device='cpu', engine='torch', input_size=(64, 96))
    with torch.no_grad():
        classifier = segmenter.engine.network.decode_head.classifier
        classifier.weight.mul_(200)
        grid = segmenter.forward(segmenter.preprocess([photo()]))[0]
        classifier.bias.sub_(grid.flatten(1).mean(1))
    return segmenter


def outcome(perception):
    """All of a perception but its times."""
    report = perception.report
    return (perception.mask.tolist(), perception.base.tolist(), perception.focused.tolist(),
            perception.changed_share, report)


# Keys


def test_seed_camera_and_stamp_decide_the_noise(segmenter):
    settings = under(signs=((1, 1), (4, -1)), sigma=0.5, sampling='pixel')

    def mask(seed=3, **frame):
        return Pipeline(segmenter, seed).process([photo(**frame)], settings)[0].mask

    assert np.array_equal(mask(), mask())
    for other in (mask(seed=4), mask(camera='other'), mask(stamp_ns=2)):
        assert (mask() != other).mean() > 0.01


def test_dropped_frames_leave_no_trace_in_the_noise(segmenter):
    settings = under(utility_sigma=0.3, signs=((1, 1),), sigma=0.5, sampling='pixel')
    frames = [photo(stamp_ns=stamp, seed=stamp) for stamp in range(1, 9)]
    every, second = Pipeline(segmenter, 5), Pipeline(segmenter, 5)
    masks = {frame.stamp_ns: every.process([frame], settings)[0].mask for frame in frames}
    for frame in frames[::2]:
        mask, = (perception.mask for perception in second.process([frame], settings))
        assert np.array_equal(mask, masks[frame.stamp_ns])


# What comes out of one frame


@pytest.mark.parametrize('modulation', [
    Modulation(), Modulation(((1, 1), (4, -1)), 0.5), Modulation(((1, 1),), 0.5, 'pixel'),
    Modulation(((1, 1),), 0.5, 'pixel', utility_sigma=0.3)])
def test_a_frame_is_decoded_under_its_settings_and_key(segmenter, modulation):
    settings = replace(NEUTRAL, modulation=modulation)
    frame = photo(stamp_ns=77, size=(75, 99))
    result, = Pipeline(segmenter, 9).process([frame], settings, confidence={'camera'})
    logits = segmenter.forward(segmenter.preprocess([frame]))[0]
    expected = decode(
        logits, frame.size, modulation, key=frame_key(9, 'camera', 77), confidence=True)
    for name in ('mask', 'base', 'focused', 'confidence'):
        assert np.array_equal(getattr(result, name), getattr(expected, name).numpy())
    assert result.changed_share == expected.changed_share
    assert len(np.unique(result.base)) > 3, 'the frame should put the decoder to work'


def test_alerts_are_those_of_the_deterministic_decision(segmenter):
    settings = under(signs=((1, 1),), sigma=0.5, sampling='pixel', utility_sigma=0.5, alerts={
        'class_ids': (1, 2, 3), 'raise_after': 0.0})
    frame = photo()
    result, = Pipeline(segmenter).process([frame], settings)
    logits = segmenter.forward(segmenter.preprocess([frame]))[0]
    classes, ids = RoadUserClasses.of(segmenter.labels), settings.alerts.class_ids
    scores = Scores.lazy(logits.numpy(), 3)
    neutral, focused = (
        perceive(result.base, other, scores, classes, ids, settings.alerts.min_area)
        for other in (result.base, result.focused))
    expected = AlertMonitor(classes).update(neutral, focused, 1, frame.size, settings.alerts)
    assert neutral.regions
    assert len(focused.regions) > 0
    assert (result.report, result.neutral) == (expected.published, expected.neutral)
    assert (result.mask != result.focused).any()


@pytest.mark.parametrize('now', [(), ('sky',), ('vehicles', 'sky')])
def test_what_the_owner_has_alerted_is_so_whatever_a_driver_names(now):
    start = {**default_values(), 'cameras': (), 'alerts.classes': ('car',),
             'alerts.raise_after': 0.0, 'alerts.min_area': 1}
    settings = build_settings({**start, 'alerts.classes': now}, CITYSCAPES, start)
    segmenter = PreparedSegmenter({1: scene((5, 5), other=CAR)})
    result, = Pipeline(segmenter).process([blank(1)], settings)
    under_start, = Pipeline(segmenter).process(
        [blank(1)], build_settings(start, CITYSCAPES, start))
    assert 'vehicle' in {alert.kind for alert in result.neutral.alerts}
    assert result.neutral == under_start.report
    assert set(under_start.report.alerts) <= set(result.report.alerts)


def test_masks_are_bytes(segmenter):
    result, = Pipeline(segmenter).process([photo()], under(signs=((1, 1),), sigma=0.5))
    for ids in (result.mask, result.base, result.focused):
        assert ids.dtype == np.uint8
        assert ids.shape == SIZE
        assert ids.flags.c_contiguous


def test_masks_over_255_classes_are_wider(make_checkpoint):
    segmenter = Segmenter(
        str(make_checkpoint([f'class {i}' for i in range(300)])), device='cpu', engine='torch',
        input_size=(64, 96))
    with torch.no_grad():
        segmenter.engine.network.decode_head.classifier.bias[299] = 100.0
    settings = under(signs=((7, 1),), sigma=0.1, sampling='pixel', alerts={'class_ids': (299,)})
    result, = Pipeline(segmenter).process([photo()], settings)
    for ids in (result.mask, result.base, result.focused):
        assert ids.dtype == np.uint16
        assert (ids == 299).all()
    result, = Pipeline(segmenter).process(
        [photo()], replace(settings, alerts=replace(settings.alerts, raise_after=0.0)))
    assert result.report.alerts[0].class_id == 299


def test_confidence_only_where_it_is_wanted(segmenter):
    frames = [photo(camera=name, seed=i) for i, name in enumerate(('left', 'right'))]
    left, right = Pipeline(segmenter).process(frames, NEUTRAL, confidence=frozenset({'right'}))
    assert left.confidence is None
    assert right.confidence.dtype == np.float32
    assert right.confidence.shape == SIZE
    assert 0 < right.confidence.min() <= right.confidence.max() <= 1


def test_temperature_softens_confidence_and_alerts_alike():
    logits = scene(*[(row, column) for row in range(8) for column in range(12)], gap=4.0)
    settings = under(alerts={'raise_after': 0.0})
    for temperature in (1.0, 2.0):
        pipeline = Pipeline(PreparedSegmenter({1: logits}, temperature))
        result, = pipeline.process([blank(1)], settings, confidence={'camera'})
        # Person 4, car 0, the other 17 classes -5.
        weights = np.exp(np.array([4.0, 0.0] + [-5.0] * 17) / temperature)
        expected = weights[0] / weights.sum()
        assert result.confidence == pytest.approx(np.full(SIZE, expected), abs=1e-5)
        # Of the group, of which the riders have -5.
        with_riders = expected + weights[2] / weights.sum()
        assert result.report.alerts[0].confidence == pytest.approx(with_riders, abs=1e-5)


def test_without_alert_classes_nothing_is_alerted(segmenter):
    result, = Pipeline(segmenter).process([photo()], under(alerts={'class_ids': ()}))
    assert result.report.alerts == ()
    assert result.report.level == Level.OK


def test_every_stage_is_timed(monkeypatch):
    clock = iter((0.0, 0.001, 0.003, 0.007, 0.015, 0.031, 0.063))
    monkeypatch.setattr('aim_ros.perception.stopwatch.time.perf_counter', lambda: next(clock))
    pipeline = Pipeline(PreparedSegmenter({1: scene((2, 2))}))
    left, right = pipeline.process([blank(1, 'left'), blank(1, 'right')], NEUTRAL)
    monkeypatch.undo()
    # The network sees the batch as one; each frame is decoded by itself.
    assert left.latency_ms == pytest.approx(
        {'preprocess': 1, 'network': 2, 'decode': 4, 'alerts': 8})
    assert right.latency_ms == pytest.approx(
        {'preprocess': 1, 'network': 2, 'decode': 16, 'alerts': 32})
    assert tuple(left.latency_ms) == tuple(right.latency_ms) == STAGES
    assert next(clock, None) is None


def test_warm_up_runs_every_batch_size(segmenter):
    sizes, network = [], segmenter.engine.network
    network.register_forward_hook(lambda _, inputs, __: sizes.append(len(inputs[0])))
    Pipeline(segmenter).warm_up(3)
    assert set(sizes) == {1, 2, 3}


def test_the_decoder_loads_while_the_network_compiles(monkeypatch):
    decoder, loaded_beside = threading.Event(), []
    monkeypatch.setattr('aim_ros.perception.pipeline.prepare', lambda *_: decoder.set())
    segmenter = PreparedSegmenter({})
    segmenter.warm_up = lambda batch: loaded_beside.append(decoder.wait(60))
    Pipeline(segmenter).warm_up()
    assert loaded_beside == [True]


def test_what_stops_either_is_told(monkeypatch):
    segmenter = PreparedSegmenter({})
    segmenter.warm_up = lambda batch: None
    monkeypatch.setattr('aim_ros.perception.pipeline.prepare', lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        Pipeline(segmenter).warm_up()


def test_frames_on_every_device(segmenter, make_checkpoint, device):
    other = Segmenter(
        str(make_checkpoint()), device=str(device), engine='torch', precision='fp32',
        input_size=(64, 96))
    other.engine.network.load_state_dict(segmenter.engine.network.state_dict())
    settings = under(signs=((1, 1), (4, -1)), sigma=0.5, alerts={'class_ids': (1, 2, 3)})
    pipeline, reference = Pipeline(other), Pipeline(segmenter)
    pipeline.warm_up(2)
    for stamp in (1, 100 * MS):
        frames = [photo(stamp, name, seed=i) for i, name in enumerate(('left', 'right'))]
        for ours, theirs in zip(pipeline.process(frames, settings, confidence={'left'}),
                                reference.process(frames, settings), strict=True):
            assert (ours.mask == theirs.mask).mean() > 0.99
            assert [alert.confidence for alert in ours.report.alerts] == pytest.approx(
                [alert.confidence for alert in theirs.report.alerts], abs=1e-2)
            assert tuple(ours.latency_ms) == STAGES
            assert min(ours.latency_ms.values()) > 0
    with torch.no_grad():
        other.engine.network.decode_head.classifier.bias[5] = float('nan')
    with pytest.raises(LogitsError):
        pipeline.process(frames, settings)


# Settings


def test_a_result_carries_the_settings_that_it_was_made_under(segmenter):
    pipeline = Pipeline(segmenter)
    focused = under(signs=((1, 1),), sigma=2.0)
    first, = pipeline.process([photo(1)], NEUTRAL)
    second, = pipeline.process([photo(2)], focused)
    third, = pipeline.process([photo(3)], NEUTRAL)
    assert [result.settings for result in (first, second, third)] == [NEUTRAL, focused, NEUTRAL]
    assert (second.mask != first.mask).any()
    assert np.array_equal(first.mask, third.mask)
    assert first.frame.stamp_ns == 1


def test_settings_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        NEUTRAL.revision = 5
    with pytest.raises(FrozenInstanceError):
        NEUTRAL.modulation.sigma = 5.0
    with pytest.raises(FrozenInstanceError):
        NEUTRAL.alerts.min_area = 5


# Several cameras


def test_a_batch_gives_what_its_frames_give_alone(segmenter):
    settings = under(signs=((1, 1), (4, -1)), sigma=0.5, sampling='pixel', utility_sigma=0.2,
                     alerts={'class_ids': (1, 2, 3), 'raise_after': 0.0})
    frames = [photo(camera='front', seed=1), photo(camera='left', size=(33, 70), seed=2),
              photo(camera='rear', size=(120, 50), seed=3)]
    together = Pipeline(segmenter).process(frames, settings)
    alone = [Pipeline(segmenter).process([frame], settings)[0] for frame in frames]
    for one, other, frame in zip(together, alone, frames, strict=True):
        assert one.frame is frame
        assert one.mask.shape == frame.size
        # A convolution may round another way in a batch, which only a tie can show.
        for name in ('mask', 'base', 'focused'):
            assert (getattr(one, name) != getattr(other, name)).mean() < 1e-3
        assert len(one.report.alerts) == pytest.approx(len(other.report.alerts), abs=1)


def test_a_batch_of_prepared_logits_gives_exactly_what_its_frames_give_alone():
    generator = torch.Generator().manual_seed(0)
    logits = {stamp: 5 * torch.randn(19, *GRID, generator=generator) for stamp in (1, 2, 3)}
    settings = under(signs=((PERSON, 1), (4, -1)), sigma=0.5, sampling='pixel', utility_sigma=0.2,
                     alerts={'raise_after': 0.0})
    frames = [blank(1, 'front'), blank(2, 'left', (33, 70)), blank(3, 'rear', (120, 50))]
    together = Pipeline(PreparedSegmenter(logits)).process(frames, settings)
    for frame, result in zip(frames, together, strict=True):
        alone, = Pipeline(PreparedSegmenter(logits)).process([frame], settings)
        assert outcome(result) == outcome(alone)
        assert result.report.alerts


def test_each_camera_has_tracks_of_its_own():
    people = {stamp * MS: scene((2, 2)) for stamp in (100, 200, 300, 350)}
    pipeline = Pipeline(PreparedSegmenter(people))
    for stamp in (100, 200):
        pipeline.process([blank(stamp * MS, 'left')], NEUTRAL)
    left, right = pipeline.process(
        [blank(300 * MS, 'left'), blank(300 * MS, 'right')], NEUTRAL)
    assert left.report.raised == (1,)
    assert left.report.alerts[0].age_s == pytest.approx(0.2)
    assert right.report.alerts == ()
    # A stamp that goes back at one camera is none of the other's business.
    left, right = pipeline.process(
        [blank(100 * MS, 'left'), blank(350 * MS, 'right')], under(alerts={'clear_after': 0.1}))
    assert 'went back by 0.200 s' in left.report.restarted
    assert left.report.cleared == (1,)
    assert right.report.restarted == ''


def test_tracks_run_on_their_own_time_where_there_is_one():
    pipeline = Pipeline(PreparedSegmenter({0: scene((2, 2))}))
    for time in (5_000, 5_100, 5_200):
        frame = replace(blank(0), track_ns=time * MS)
        result, = pipeline.process([frame], NEUTRAL)
    assert result.report.raised == (1,)
    assert result.report.alerts[0].age_s == pytest.approx(0.2)


def test_an_error_in_the_alerts_costs_one_frame_and_no_other(monkeypatch):
    stamps = [100 * MS * step for step in range(6)]
    pipeline = Pipeline(PreparedSegmenter({stamp: scene((2, 2)) for stamp in stamps}))
    seen = Tracks.see
    for step, stamp in enumerate(stamps):
        def fail_once(tracks, *args, step=step, **options):
            if step == 2:
                tracks.motion = None
                raise OverflowError('math range error')
            return seen(tracks, *args, **options)
        monkeypatch.setattr(Tracks, 'see', fail_once)
        if step == 2:
            with pytest.raises(OverflowError):
                pipeline.process([blank(stamp)], NEUTRAL)
        else:
            result, = pipeline.process([blank(stamp)], NEUTRAL)
    assert result.report.raised == (2,)


@pytest.mark.parametrize('sizes', [(SIZE, (32, 48)), (SIZE, (80, 96), (128, 192))])
@pytest.mark.parametrize('modulation', [{}, {'signs': ((PERSON, 1),), 'sigma': 1.0}])
def test_sizes_in_turns_raise_a_steady_person_as_one_size_does(sizes, modulation):
    stamps = [100 * MS * step for step in range(12)]
    people = {stamp: scene((4, 5), (5, 5), (6, 5)) for stamp in stamps}
    settings = under(**modulation)
    one, several = Pipeline(PreparedSegmenter(people)), Pipeline(PreparedSegmenter(people))
    for step, stamp in enumerate(stamps):
        expected, = one.process([blank(stamp)], settings)
        result, = several.process([blank(stamp, size=sizes[step % len(sizes)])], settings)
        assert result.report.raised == expected.report.raised
        assert result.report.cleared == ()
        assert result.report.level == expected.report.level
        assert result.report.restarted == ''


def test_each_camera_has_a_calibration_of_its_own():
    logits = {1: scene((2, 2)), 2: scene((2, 2))}
    ground = {'left': GroundCamera(fx=100, fy=100, cx=47.5, cy=0.0, height=1.5)}
    left, right = Pipeline(PreparedSegmenter(logits)).process(
        [blank(1, 'left'), blank(2, 'right')], under(alerts={'raise_after': 0.0}), ground=ground)
    box = left.report.alerts[0].box
    assert left.report.alerts[0].distance_m == pytest.approx(
        1.5 * 100 / (box[1] + box[3] - 0.5))
    assert left.report.alerts[0].bearing_deg > 0
    assert np.isnan(right.report.alerts[0].distance_m)


# Logits that are no numbers


@pytest.mark.parametrize('value', [float('nan'), float('inf'), float('-inf')])
def test_logits_that_are_not_finite(value):
    broken = scene((2, 2))
    broken[3, 4, 5] = value
    stamps = [100 * MS, 200 * MS, 300 * MS]
    pipeline = Pipeline(PreparedSegmenter(
        {stamps[0]: scene((2, 2)), stamps[1]: broken, stamps[2]: scene((2, 2))}))
    pipeline.process([blank(stamps[0])], NEUTRAL)
    with pytest.raises(LogitsError, match='not finite'):
        pipeline.process([blank(stamps[1])], NEUTRAL)
    # The next frame goes on as if the broken one had not come.
    result, = pipeline.process([blank(stamps[2])], NEUTRAL)
    assert result.report.raised == (1,)
    assert result.report.restarted == ''


def test_weights_that_are_not_finite(segmenter):
    with torch.no_grad():
        segmenter.engine.network.decode_head.classifier.weight[0, 0] = float('nan')
    with pytest.raises(LogitsError, match='the network gave logits that are not finite'):
        Pipeline(segmenter).process([photo()], NEUTRAL)


# No profile can silence a hazard


NASTY = [
    under(signs=((PERSON, -1), (RIDER, -1)), sigma=20.0),
    under(signs=((PERSON, -1), (RIDER, -1)), sigma=20.0, sampling='pixel'),
    under(signs=((PERSON, -1), (CAR, 1), (ROAD, 1)), sigma=20.0, sampling='pixel',
          utility_sigma=20.0),
    under(signs=tuple((i, 1) for i in range(19) if i not in (PERSON, RIDER)), sigma=20.0),
    under(signs=((PERSON, 1),), sigma=20.0),
    under(utility_sigma=20.0),
]


def holds(report, neutral):
    """Whether each neutral alert lies in a published one, at no lower level."""
    return all(any(contains(one.box, alert.box) and one.level >= alert.level
                   for one in report.alerts) for alert in neutral.alerts)


@pytest.mark.parametrize('settings', NASTY)
def test_people_suppressed_at_the_largest_sigma_are_alerted_all_the_same(settings):
    stamps = [step * 100 * MS for step in range(1, 6)]
    walking = {stamp: [(row, column + i) for row in (2, 3) for column in (1, 2, 3)]
               for i, stamp in enumerate(stamps)}
    logits = {stamp: scene(*cells, (6, 10)) for stamp, cells in walking.items()}
    neutral, nasty = (Pipeline(PreparedSegmenter(logits)) for _ in range(2))
    for i, stamp in enumerate(stamps):
        plain, = neutral.process([blank(stamp)], NEUTRAL)
        result, = nasty.process([blank(stamp)], settings)
        assert np.array_equal(plain.base, result.base)
        alerted = (result.base == PERSON) | (result.focused == PERSON)
        assert (alerted >= (plain.base == PERSON)).all()
        assert (plain.base == PERSON).any()
        assert result.neutral == plain.neutral == plain.report
        assert holds(result.report, plain.report)
        assert len(plain.report.alerts) == (2 if i >= 2 else 0)
        assert result.report.level >= plain.report.level


def test_the_mask_itself_may_lose_them():
    """What the test above would not notice if suppression had no effect at all."""
    result, = Pipeline(PreparedSegmenter({1: scene((2, 2))})).process([blank(1)], NASTY[0])
    assert (result.base == PERSON).any()
    assert not (result.mask == PERSON).any()
    assert result.neutral == result.report


@hypothesis_settings(max_examples=60)
@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.sampled_from((30, 100, 250, 600)), min_size=1, max_size=6),
    st.lists(st.sampled_from((1, -1, 0)), min_size=4, max_size=4),
    st.sampled_from((0.3, 1.0, 20.0)),
    st.sampled_from(('expected', 'pixel')),
    st.sampled_from((0.0, 1.0)))
def test_no_modulation_delays_or_silences_an_alert(seed, steps, signs, sigma, sampling, utility):
    """From logits to alerts: whatever is raised without modulation is raised with it, in time."""
    generator = torch.Generator().manual_seed(seed)
    chosen = tuple((target, sign) for target, sign in enumerate(signs) if sign)
    alerts = AlertSettings((0, 1), min_area=4, raise_after=0.2, clear_after=0.3)
    plain = replace(NEUTRAL, alerts=alerts)
    modulated = replace(plain, modulation=Modulation(chosen, sigma, sampling, utility))
    stamps = np.cumsum(steps) * MS
    # What one frame shows, the next shows for the most part too.
    drift, logits = torch.randn(4, 3, 4, generator=generator), {}
    for stamp in stamps:
        drift = 0.8 * drift + 0.6 * torch.randn(4, 3, 4, generator=generator)
        logits[int(stamp)] = interpolate(drift[None], size=(6, 8))[0]
    pipelines = [Pipeline(PreparedSegmenter(logits)) for _ in range(2)]
    for stamp in stamps:
        frame = blank(int(stamp), size=(24, 32))
        neutral, = pipelines[0].process([frame], plain)
        other, = pipelines[1].process([frame], modulated)
        assert other.neutral == neutral.neutral == neutral.report
        assert holds(other.report, neutral.report)
        assert other.report.level >= neutral.report.level


def test_only_what_both_decisions_find_drivable_is():
    perception, = Pipeline(PreparedSegmenter({0: scene()})).process([blank(0)], NEUTRAL)
    base = np.array([[0, 0, 1, 11]], np.uint8)
    focused = np.array([[0, 11, 0, 0]], np.uint8)
    assert replace(perception, base=base, focused=focused).blocking((0,)).tolist() == [
        [0, 11, 1, 11]]
    assert replace(perception, base=base, focused=base).blocking((0,)) is base
