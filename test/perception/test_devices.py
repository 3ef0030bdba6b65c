"""The network that ships sees on every device, in its usual precision, what it sees on the CPU."""

from functools import cache
from itertools import islice

import numpy as np
import pytest

from aim_ros.hazards.alerts import Alert
from aim_ros.hazards.alerts import AlertReport
from aim_ros.hazards.alerts import AlertSettings
from aim_ros.hazards.alerts import Level
from aim_ros.hazards.assignment import solver
from aim_ros.hazards.boxes import pairwise_iou
from aim_ros.media.street import Street
from aim_ros.modulation import Modulation
from aim_ros.perception.pipeline import Pipeline
from aim_ros.perception.settings import Settings
from aim_ros.segmentation.segmenter import Segmenter

MODEL, SIZE = 'segformer-b0-street', (256, 832)
ROAD_USERS = (11, 12, 17, 18)
UP = tuple((class_id, 1) for class_id in ROAD_USERS)
MODULATIONS = {
    'off': Modulation(),
    'expected': Modulation(UP, 1.0),
    'pixel': Modulation(UP, 1.0, 'pixel'),
    'gated': Modulation(UP, 1.0, 'gated'),
    'utility': Modulation(utility_sigma=0.5),
}

# A device resizes in another arithmetic, by a grey level at most, and computes in float16: both
# move pixels in a tie, which are a few in a thousand.
SAME = 0.995


@pytest.fixture(scope='module')
def frames():
    """
    Five of the rendered street; in the last, a pedestrian and two cyclists are raised.

    No two who were one region part in them: which of them goes on with the id, and with what the
    modulation adds, may hang on a pixel.
    """
    return list(islice(Street(seed=6, frames=40).frames(start=25), 5))


@pytest.fixture(scope='module')
def segmenter_on():
    return cache(lambda device: Segmenter(MODEL, device=device, engine='torch', input_size=SIZE))


def perceive_all(segmenter, frames, modulation, max_changed):
    pipeline = Pipeline(segmenter, seed=5)
    pipeline.warm_up()
    settings = Settings(
        1, 'test', modulation, AlertSettings(ROAD_USERS), max_changed=max_changed)
    return [pipeline.process([frame], settings, confidence={frame.camera})[0]
            for frame in frames]


@pytest.mark.parametrize(('name', 'max_changed'), [
    *((name, 1.0) for name in MODULATIONS), ('expected', 0.005), ('pixel', 0.005)])
def test_masks_and_alerts_are_those_of_the_cpu(name, max_changed, frames, segmenter_on, device):
    ours, theirs = (
        perceive_all(segmenter_on(place), frames, MODULATIONS[name], max_changed)
        for place in (str(device), 'cpu'))
    for one, other in zip(ours, theirs, strict=True):
        for part in ('mask', 'base', 'focused'):
            first, second = getattr(one, part), getattr(other, part)
            assert first.dtype == second.dtype == np.uint8
            assert (first == second).mean() > SAME, part
        assert np.abs(one.confidence - other.confidence).mean() < 0.005
        assert one.changed_share == pytest.approx(other.changed_share, abs=0.002)
        assert one.changed_share == pytest.approx((one.mask != one.base).mean(), abs=1e-6)
        assert one.modulation.sigma == pytest.approx(other.modulation.sigma, rel=0.15)
    assert_same_alerts(*([perceived.report for perceived in run] for run in (ours, theirs)))
    assert len(ours[-1].report.alerts) >= 3


def assert_same_alerts(ours, theirs):
    """
    Hold the reports of two runs to the same alerts, frame by frame.

    Their ids have to go together in all frames; they may be others, since what is never raised
    has ids too, and may be noise.
    """
    to_theirs, to_ours = {}, {}
    for report, other_report in zip(ours, theirs, strict=True):
        for one, other in in_pairs(report.alerts, other_report.alerts):
            assert (one.kind, one.level, one.class_id, one.near) == (
                other.kind, other.level, other.class_id, other.near)
            assert one.confidence == pytest.approx(other.confidence, abs=0.03)
            assert to_theirs.setdefault(one.track_id, other.track_id) == other.track_id
            assert to_ours.setdefault(other.track_id, one.track_id) == one.track_id


def in_pairs(ours, theirs):
    """Return alerts in pairs, each of one place."""
    assert len(ours) == len(theirs)
    overlap = pairwise_iou(*([alert.box for alert in alerts] for alerts in (ours, theirs)))
    pairs = list(zip(*solver()(-overlap), strict=True))
    assert all(overlap[pair] > 0.8 for pair in pairs)
    return [(ours[i], theirs[j]) for i, j in pairs]


PEDESTRIAN = Alert(1, 'pedestrian', Level.WARN, (20, 20, 20, 40), 11, 500, 0.8)
CYCLIST = Alert(2, 'cyclist', Level.ERROR, (60, 20, 40, 60), 12, 1500, 0.9, near=True)


def reports_of(*frames):
    return [AlertReport(alerts) for alerts in frames]


ALERTS = reports_of((), (PEDESTRIAN,), (PEDESTRIAN, CYCLIST))


def test_alerts_are_the_same_under_other_ids():
    pedestrian = PEDESTRIAN._replace(track_id=7, box=(21, 20, 20, 40), confidence=0.81)
    cyclist = CYCLIST._replace(track_id=1)
    assert_same_alerts(ALERTS, reports_of((), (pedestrian,), (cyclist, pedestrian)))


@pytest.mark.parametrize('alerts', [
    (PEDESTRIAN,),
    (PEDESTRIAN, CYCLIST, CYCLIST._replace(track_id=3)),
    (PEDESTRIAN, CYCLIST._replace(box=(60, 20, 40, 30))),
    (PEDESTRIAN, CYCLIST._replace(box=(20, 80, 40, 60))),
    (PEDESTRIAN, CYCLIST._replace(kind='bicycle')),
    (PEDESTRIAN, CYCLIST._replace(level=Level.WARN)),
    (PEDESTRIAN, CYCLIST._replace(class_id=18)),
    (PEDESTRIAN, CYCLIST._replace(near=False)),
    (PEDESTRIAN, CYCLIST._replace(confidence=0.8)),
    (PEDESTRIAN._replace(track_id=2), CYCLIST._replace(track_id=1)),
    (PEDESTRIAN._replace(track_id=3), CYCLIST),
    (PEDESTRIAN._replace(box=CYCLIST.box), CYCLIST._replace(box=PEDESTRIAN.box)),
])
def test_other_alerts_are_not_the_same(alerts):
    others = [*ALERTS[:-1], AlertReport(alerts)]
    for ours, theirs in ((ALERTS, others), (others, ALERTS)):
        with pytest.raises(AssertionError):
            assert_same_alerts(ours, theirs)


def test_who_comes_again_under_an_id_that_was_anothers_is_not_the_same():
    again = PEDESTRIAN._replace(track_id=CYCLIST.track_id)
    ours, theirs = reports_of((CYCLIST,), (PEDESTRIAN,)), reports_of((CYCLIST,), (again,))
    with pytest.raises(AssertionError):
        assert_same_alerts(ours, theirs)
