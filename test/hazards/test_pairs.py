from hazard_scenes import CAR
from hazard_scenes import CLASSES
from hazard_scenes import PERSON
from hazard_scenes import RIDER
import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from aim_ros.hazards import assignment
from aim_ros.hazards import emphasis
from aim_ros.hazards import parting
from aim_ros.hazards import regions
from aim_ros.hazards import tracker
from aim_ros.hazards.alerts import AlertSettings
from aim_ros.hazards.boxes import pairwise_shared
from aim_ros.hazards.components import Scores
from aim_ros.hazards.monitor import AlertMonitor
from aim_ros.hazards.pairs import connected
from aim_ros.hazards.pairs import neighbours
from aim_ros.hazards.pairs import shared
from aim_ros.hazards.sight import perceive

IDS = (PERSON, RIDER, CAR)
SIZE, GRID = (120, 300), (15, 38)


def all_pairs(a, b):
    """Return the indices of all boxes of `a` with all of `b`."""
    return tuple(np.indices((len(a), len(b))).reshape(2, -1))


def random_boxes(generator, count):
    places = generator.uniform(-20, 200, (count, 2))
    # Whole numbers, so that many borders meet; one that spans them all.
    boxes = np.concatenate((places, generator.uniform(1, 30, (count, 2))), 1).round()
    boxes[:1] = 0, 0, 200, 40
    return boxes


@pytest.mark.parametrize('counts', [(0, 3), (3, 0), (1, 1), (40, 70), (200, 150)])
def test_neighbours_are_all_boxes_that_meet_in_the_order_of_a_table(counts):
    generator = np.random.default_rng(sum(counts))
    a, b = (random_boxes(generator, count) for count in counts)
    i, j = all_pairs(a, b)
    meets = np.all((a[i, :2] <= b[j, :2] + b[j, 2:]) & (b[j, :2] <= a[i, :2] + a[i, 2:]), 1)
    found = neighbours(a, b)
    assert np.array_equal(found, (i[meets], j[meets]))
    assert np.array_equal(shared(a[i], b[j]).reshape(counts), pairwise_shared(a, b))
    assert not shared(a[i], b[j])[~meets].any()


@pytest.mark.parametrize('pairs', [0, 1, 30, 90, 400])
def test_what_pairs_connect_is_numbered_by_its_first_member(pairs):
    generator = np.random.default_rng(pairs)
    i, j = generator.integers(0, 100, (2, pairs))
    graph = coo_array((np.ones(pairs), (i, j)), shape=(100, 100))
    assert np.array_equal(connected(100, i, j), connected_components(graph, directed=False)[1])


def test_a_chain_connects_however_long_it_is():
    order = np.random.default_rng(0).permutation(500)
    assert not connected(500, order[:-1], order[1:]).any()


def noisy_mask(seed, frame):
    """Return class ids of road users who move, in noise that tears them to pieces."""
    ids = np.zeros(SIZE, np.uint8)
    generator = np.random.default_rng(seed)
    for _ in range(25):
        x, y, width, height = generator.integers((0, 0, 3, 8), (280, 100, 25, 50))
        across, down = generator.normal(0, 4, 2)
        left, top = max(int(x + across * frame), 0), max(int(y + down * frame), 0)
        ids[top:top + height, left:left + width] = generator.choice(IDS)
    generator = np.random.default_rng((seed, frame))
    ids[generator.random(SIZE) < 0.1] = 0
    ids[generator.random(SIZE[0]) < 0.15] = 0
    return ids


def watch(seed):
    """Return what a monitor says of random frames."""
    settings = AlertSettings(IDS, min_area=30, raise_after=0.1)
    monitor = AlertMonitor(CLASSES)
    reports = []
    for frame in range(12):
        logits = np.random.default_rng(frame).normal(0, 1, (19, *GRID)).astype(np.float32)
        logits[list(IDS)] += 4
        base, other = noisy_mask(seed, frame), noisy_mask(seed, frame + 1)
        sights = [perceive(base, decision, Scores.lazy(logits, 2), CLASSES, IDS, 30)
                  for decision in (base, other)]
        report = monitor.update(*sights, frame * 100_000_000, SIZE, settings)
        reports.append((sights[0].regions, sights[1].regions, repr(report)))
    return reports


@pytest.mark.parametrize('seed', range(4))
def test_alerts_are_those_that_a_look_at_all_pairs_gives(seed, monkeypatch):
    found = watch(seed)
    assert any('Alert(' in report for _, _, report in found)
    for module in (assignment, emphasis, parting, regions, tracker):
        monkeypatch.setattr(module, 'neighbours', all_pairs)
    assert watch(seed) == found
