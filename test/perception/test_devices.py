"""The network that ships sees on every device, in its usual precision, what it sees on the CPU."""

from functools import cache
from itertools import islice

import numpy as np
import pytest

from aim_ros.hazards.alerts import AlertSettings
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
    """Five of the rendered street; in the last, pedestrians and cyclists are raised."""
    return list(islice(Street(seed=4, frames=40).frames(start=20), 5))


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
        assert_same_alerts(one.report, other.report)
    assert len(ours[-1].report.alerts) >= 3


def assert_same_alerts(ours, theirs):
    assert len(ours.alerts) == len(theirs.alerts)
    for one, other in zip(ours.alerts, theirs.alerts, strict=True):
        assert (one.track_id, one.kind, one.level, one.class_id, one.near) == (
            other.track_id, other.kind, other.level, other.class_id, other.near)
        assert pairwise_iou([one.box], [other.box])[0, 0] > 0.8
        assert one.confidence == pytest.approx(other.confidence, abs=0.03)
