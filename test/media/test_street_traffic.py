from functools import cache
from itertools import pairwise
from itertools import permutations

import numpy as np
import pytest

from aim_ros.media.street import Street
from aim_ros.street.bicycles import FRAMES
from aim_ros.street.bicycles import ParkedBicycle
from aim_ros.street.canvas import Canvas
from aim_ros.street.canvas import View
from aim_ros.street.car_models import draw_model
from aim_ros.street.cars import Car
from aim_ros.street.crosswise import CrosswiseVehicle
from aim_ros.street.large_models import draw_bus
from aim_ros.street.large_vehicles import LargeVehicle
from aim_ros.street.layout import Layout
from aim_ros.street.order import far_first
from aim_ros.street.scenes import SCENES

CLASS_OF = {'truck': 14, 'bus': 15, 'train': 16}
SIZE = {'truck': (6.0, 24.0, 3.9), 'bus': (10.5, 18.1, 3.2), 'train': (25.9, 32.1, 3.6)}
"""By kind: the least and the greatest length, and the greatest height, metres."""
ROAD_USERS = ('car', 'cyclist', 'person', *CLASS_OF)
SMALL = {'size': (188, 621), 'frames': 120, 'scene': 'traffic'}
SEEDS = (1, 2, 3, 5)
INDICES = (10, 40, 60, 90)


@pytest.fixture(scope='module', params=SEEDS)
def street(request):
    return drive(request.param)


@cache
def drive(seed):
    return Street(seed=seed, **SMALL)


def frame(street, index):
    return next(street.frames(start=index))


def large(street, index):
    return [thing for thing in street.truth(index) if thing.kind in CLASS_OF]


def test_the_scene_comes_after_those_that_there_were():
    assert list(SCENES) == ['groups', 'crossing', 'parked', 'cyclist', 'children', 'empty',
                            'traffic']


def test_trucks_buses_and_trams_are_in_the_pictures():
    shares = dict.fromkeys(CLASS_OF, 0)
    for seed in SEEDS:
        for index in INDICES:
            labels = frame(drive(seed), index).labels
            for kind, label in CLASS_OF.items():
                shares[kind] += (labels == label).mean() / len(SEEDS) / len(INDICES)
    assert shares['bus'] > 0.01
    assert shares['truck'] > 0.01
    assert shares['train'] > 0.002


@pytest.mark.parametrize('scene', ['', 'parked'])
def test_other_streets_have_none(scene):
    street = Street(seed=1, **(SMALL | {'scene': scene}))
    for index in INDICES:
        assert not np.isin(frame(street, index).labels, list(CLASS_OF.values())).any()
        assert large(street, index) == []


def test_every_labelled_pixel_belongs_to_a_vehicle_of_its_kind(street):
    for index in INDICES:
        labels = frame(street, index).labels
        boxes = {kind: np.zeros(labels.shape, bool) for kind in CLASS_OF}
        for thing in large(street, index):
            x, y, width, height = thing.visible
            boxes[thing.kind][y:y + height, x:x + width] = True
            inside = labels[y:y + height, x:x + width] == CLASS_OF[thing.kind]
            assert inside.any(axis=0)[[0, -1]].all()
            assert inside.any(axis=1)[[0, -1]].all()
            assert 0 < thing.share <= 1
        for kind, label in CLASS_OF.items():
            assert not ((labels == label) & ~boxes[kind]).any()


@pytest.mark.parametrize('seed', SEEDS)
def test_the_same_seed_gives_the_same_frames_in_any_order(seed):
    street, again = drive(seed), Street(seed=seed, **SMALL)
    for index in (60, 10):
        np.testing.assert_array_equal(frame(again, index).image, frame(street, index).image)
        np.testing.assert_array_equal(frame(again, index).labels, frame(street, index).labels)
        assert again.truth(index) == street.truth(index)


def test_ids_stay_and_vehicles_move_as_vehicles_do(street):
    places = {}
    for index in range(40, 80):
        for thing in street.objects(index):
            if thing.kind in CLASS_OF:
                places.setdefault((thing.track_id, thing.kind), []).append(
                    (index, thing.distance))
    assert len({track_id for track_id, _ in places}) == len(places)
    for track in places.values():
        for (first, before), (second, after) in pairwise(track):
            assert abs(after - before) <= 2.4 * (second - first)  # 24 m/s: two who meet


@cache
def layout(seed):
    return Layout(seed, Street(seed=seed, **SMALL).camera, 'traffic')


def vehicles(streets, time=0.0):
    for street in streets:
        for block in street.blocks(0.0, 200.0):
            for thing in (street.leader(time), *block.fixed, *street.actors(block, time)):
                if getattr(thing, 'kind', '') in CLASS_OF:
                    yield street, thing


def test_sizes_are_those_of_real_vehicles():
    kinds = set()
    for _, thing in vehicles(map(layout, range(8))):
        kinds.add(thing.kind)
        shortest, longest, highest = SIZE[thing.kind]
        assert shortest <= thing.model.length <= longest
        assert 1.9 <= thing.model.width <= 2.55
        assert 2.2 <= thing.model.height <= highest
    assert kinds == set(CLASS_OF)


def test_a_vehicle_is_as_large_in_the_picture_as_its_distance_says():
    camera = Street(seed=1).camera
    for street, thing in vehicles(map(layout, range(3))):
        if isinstance(thing, CrosswiseVehicle):
            continue
        for distance in (12.0, 30.0, 60.0):
            near_end = thing.z - thing.half_length
            canvas = Canvas(View(camera, near_end - distance), street.light)
            thing.draw(canvas, street.light)
            end = thing.model.sections[-1 if thing.facing > 0 else 0]
            rows, columns = np.nonzero(canvas.labels == CLASS_OF[thing.kind])
            scale = camera.fx / distance
            middle = camera.cx + thing.x * scale
            if abs(middle - camera.cx) > 0.3 * camera.width:
                continue
            on_end = rows[np.abs(columns - middle) < 0.3 * end.width * scale]
            bottom = camera.cy + 1.65 * scale
            # Wheels stand on the ground, some way behind the end; a tram's are hidden.
            clear = end.outline(thing.facing < 0)[0][0]
            farther = distance / (distance + end.wheels_back(thing.facing < 0))
            lowest = camera.cy + max((1.65 - clear) * scale,
                                     1.65 * scale * farther if end.axles else 0.0)
            assert rows.max() + 1 == pytest.approx(lowest, abs=2.5)
            assert on_end.min() <= bottom - 0.85 * end.height * scale + 2
            assert on_end.min() >= bottom - (thing.model.height + end.rise) * scale - 2
            seen = columns[rows > bottom - 1.2 * scale]
            assert np.ptp(seen) + 1 >= 0.9 * end.width * scale


def ends(thing):
    """Give the lowest and the highest x and z, without mirrors, which pass above heads."""
    if thing.kind == 'cyclist':
        return thing.extent()[:, [0, 2]].min(axis=0), thing.extent()[:, [0, 2]].max(axis=0)
    if thing.kind == 'person':
        return np.array((thing.x, thing.z)) - 0.15, np.array((thing.x, thing.z)) + 0.15
    middle = np.array((thing.x, thing.z))
    half = np.array((thing.model.width, thing.model.length)) / 2
    if isinstance(thing, CrosswiseVehicle):
        half = half[::-1]
    return middle - half, middle + half


def test_nobody_drives_through_anybody():
    for street in map(layout, range(6)):
        for time in np.arange(-7.0, 8.0, 1.0):
            boxes = [street.leader(time)]
            for block in street.blocks(0.0, 200.0):
                boxes += [thing for thing in (*block.fixed, *street.actors(block, time))
                          if getattr(thing, 'kind', '') in ROAD_USERS]
            spans = [(thing.kind, *ends(thing)) for thing in boxes]
            for number, (kind, low, high) in enumerate(spans):
                for other_kind, other_low, other_high in spans[number + 1:]:
                    if {kind, other_kind} & set(CLASS_OF):
                        overlap = np.minimum(high, other_high) - np.maximum(low, other_low)
                        assert overlap.min() < 0.05, (kind, other_kind, time)


def test_a_vehicle_in_its_yard_is_seen_from_the_side():
    seen = 0
    for street, thing in vehicles(map(layout, range(8))):
        if not isinstance(thing, CrosswiseVehicle):
            continue
        view = View(Street(seed=1).camera, thing.z - 30.0)
        canvas = Canvas(view, street.light)
        thing.draw(canvas, street.light)
        rows, columns = np.nonzero(canvas.labels == CLASS_OF[thing.kind])
        scale = view.scale(thing.z - thing.model.sections[0].width / 2)
        left, right = (view.model.cx + (thing.x + side * thing.model.length / 2) * scale
                       for side in (-1, 1))
        if left > 10 and right < view.model.width - 10:
            seen += 1
            outer, edge = (columns.max() + 1, right) if thing.x > 0 else (columns.min(), left)
            assert outer == pytest.approx(edge, abs=0.15 * scale)
            assert np.ptp(columns) + 1 >= right - left - 3
            assert rows.max() + 1 == pytest.approx(view.model.cy + 1.65 * scale, abs=2)
    assert seen > 5


def test_what_hides_another_is_drawn_after_it():
    camera = Street(seed=1).camera
    rng = np.random.default_rng(1)
    bus = LargeVehicle(draw_bus(rng), -3.3, 20.0, -1)
    behind = Car(*draw_model(rng), -6.2, 16.0, -1)
    beside = ParkedBicycle(FRAMES[0], -1.6, 22.0, 0.0)
    before = ParkedBicycle(FRAMES[0], -3.3, 9.0, 0.0)
    for items in permutations((behind, bus, beside, before)):
        order = far_first(View(camera, 0.0), items, 100.0)
        assert order.index(behind) < order.index(bus) < order.index(beside)
        assert order.index(bus) < order.index(before)


def entry(low, high, slope):
    """Give how far ahead a ray from the camera enters a box on the ground; inf if it does not."""
    ahead = np.array((max(low[1], 0.5), high[1]))
    if slope:
        ahead[0] = max(ahead[0], min(low[0] / slope, high[0] / slope))
        ahead[1] = min(ahead[1], max(low[0] / slope, high[0] / slope))
    elif not low[0] <= 0 <= high[0]:
        return np.inf
    return ahead[0] if ahead[0] < ahead[1] else np.inf


@pytest.mark.parametrize('seed', [0, 2, 5, 6])
def test_whatever_is_before_or_behind_a_long_vehicle_is_drawn_so(seed):
    street, checked = layout(seed), 0
    for time in np.arange(-5.0, 6.0, 1.0):
        z = street.driver(time)
        things = [street.leader(time)]
        for block in street.blocks(z - street.length, 100.0 + street.length):
            things += [thing for thing in (*block.fixed, *street.actors(block, time))
                       if getattr(thing, 'kind', '') in ('car', *CLASS_OF)]
        order = far_first(View(Street(seed=1).camera, z), things, 100.0)
        spans = [(low - (0, z), high - (0, z)) for low, high in map(ends, order)]
        for slope in np.linspace(-0.8, 0.8, 81):
            entries = np.array([entry(*span, slope) for span in spans])
            hit = np.flatnonzero(np.isfinite(entries))
            if len(hit) < 2:
                continue
            nearest, last = hit[entries[hit].argmin()], hit[-1]
            if any(isinstance(order[index], LargeVehicle) for index in (nearest, last)):
                assert nearest == last, (order[nearest], order[last], time, slope)
                checked += 1
    assert checked > 50


def test_a_long_vehicle_is_seen_as_long_as_its_far_end_is_ahead():
    bus = LargeVehicle(draw_bus(np.random.default_rng(1)), -3.3, 20.0, -1)
    view = Street(seed=1).camera
    end = 20.0 + bus.half_length
    assert far_first(View(view, end - 2.0), [bus], 100.0) == [bus]
    assert far_first(View(view, end - 1.0), [bus], 100.0) == []


def test_people_and_cyclists_are_hidden_in_part():
    shares = [thing.share for seed in SEEDS for index in INDICES
              for thing in drive(seed).truth(index, ('person', 'cyclist'))]
    assert sum(share < 0.8 for share in shares) > 5
