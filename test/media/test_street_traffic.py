from itertools import pairwise
from itertools import permutations

import numpy as np
import pytest

from aim_ros.media.street import Street
from aim_ros.street.canvas import Canvas
from aim_ros.street.canvas import View
from aim_ros.street.car_models import draw_model
from aim_ros.street.cars import Car
from aim_ros.street.crosswise import CrosswiseVehicle
from aim_ros.street.large_models import draw_bus
from aim_ros.street.large_models import draw_truck
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
    return Street(seed=request.param, **SMALL)


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
        street = Street(seed=seed, **SMALL)
        for index in INDICES:
            labels = frame(street, index).labels
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


def test_the_same_seed_gives_the_same_frames_in_any_order(street):
    again = Street(seed=street._seed, **SMALL)
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
    bus = LargeVehicle(draw_bus(np.random.default_rng(1)), -3.3, 20.0, -1)
    lorry = LargeVehicle(draw_truck(np.random.default_rng(1)), 6.0, 21.0, 1)
    behind = Car(*draw_model(np.random.default_rng(1)), -6.2, 16.0, -1)
    ahead = Car(*draw_model(np.random.default_rng(1)), 0.0, 25.0, 1)
    for items in permutations((behind, bus, ahead, lorry)):
        order = far_first(View(camera, 0.0), items, 100.0)
        assert order.index(behind) < order.index(bus) < order.index(ahead)
        assert order.index(lorry) < order.index(ahead)


def test_a_long_vehicle_is_seen_as_long_as_its_far_end_is_ahead():
    bus = LargeVehicle(draw_bus(np.random.default_rng(1)), -3.3, 20.0, -1)
    view = Street(seed=1).camera
    end = 20.0 + bus.half_length
    assert far_first(View(view, end - 2.0), [bus], 100.0) == [bus]
    assert far_first(View(view, end - 1.0), [bus], 100.0) == []


def test_people_and_cyclists_are_hidden_in_part():
    shares = [thing.share for seed in SEEDS for index in INDICES
              for thing in Street(seed=seed, **SMALL).truth(index, ('person', 'cyclist'))]
    assert sum(share < 0.8 for share in shares) > 5
