import numpy as np
import pytest

from aim_ros.hazards.geometry import GroundCamera
from aim_ros.media.street import Street
from aim_ros.perception.free_space import find_free_space
from aim_ros.perception.free_space import Surfaces
from aim_ros.segmentation.labels import CITYSCAPES
from aim_ros.segmentation.labels import LabelSet
from aim_ros.street.canvas import hull
from aim_ros.street.layout import Layout

ROAD, SIDEWALK, SKY, PERSON, CAR, BICYCLE = 0, 1, 10, 11, 13, 18
SURFACES = Surfaces.of(CITYSCAPES, (ROAD,))
CAMERA = GroundCamera(fx=200, fy=200, cx=99.5, cy=39.5, height=1.6)


def road(height=120, width=200):
    """An image of a road up to the horizon, which lies between rows 39 and 40."""
    mask = np.full((height, width), SKY, np.uint8)
    mask[40:] = ROAD
    return mask


def find(mask, camera=CAMERA, max_range=50.0):
    return find_free_space(mask, camera, SURFACES, max_range)


def test_the_classes_are_sorted_by_their_roles():
    assert SURFACES.drivable == (ROAD,)
    assert SURFACES.upright == (11, 12, 17, 18)
    assert SURFACES.wheeled == (13, 14, 15, 16)
    assert Surfaces.of(LabelSet(('floor',)), (0,)) == Surfaces((0,))


def test_a_kerb_by_hand():
    mask = road()
    mask[:, 150:] = np.where(np.arange(120)[:, None] < 72, SIDEWALK, ROAD)
    found = find(mask)
    assert found.columns.tolist() == list(range(150, 200))
    # The lower edge of row 71 lies 32 of 200 pixels below the axis, so 1.6 / 0.16 = 10 m ahead.
    assert found.x == pytest.approx(10)
    assert found.y == pytest.approx(-10 * (np.arange(150, 200) - 99.5) / 200)
    assert set(found.class_ids.tolist()) == {SIDEWALK}
    assert found.class_ids.dtype == np.uint8
    assert found.nearest == pytest.approx(1.6 / (80 / 200))
    assert found.limits[:150] == pytest.approx(50)
    assert found.limits[150:] == pytest.approx(10)


def test_the_nearest_end_counts_whatever_lies_behind():
    mask = road()
    mask[60, 20] = SIDEWALK
    mask[80, 20] = PERSON
    assert find(mask).x == pytest.approx([1.6 / (41 / 200)])


def test_what_ends_beyond_the_range_ends_nothing():
    mask = road()
    mask[:42] = SIDEWALK
    assert find(mask, max_range=50).columns.size == 0
    assert find(mask, max_range=200).columns.size == 200


def test_no_ground_in_sight_is_none_that_is_free():
    looking_up = GroundCamera(fx=200, fy=200, cx=99.5, cy=39.5, height=1.6, pitch=-0.7)
    found = find(road(), looking_up)
    assert found.columns.size == 0
    assert not found.limits.any()


def test_with_pitch_ends_are_on_the_ground_of_the_level_frame():
    pitch, ahead, left = 0.2, 8.0, 1.5
    camera = GroundCamera(fx=800, fy=800, cx=399.5, cy=159.5, height=1.6, pitch=pitch)
    depth = ahead * np.cos(pitch) + 1.6 * np.sin(pitch)
    row = 159.5 + 800 * (1.6 * np.cos(pitch) - ahead * np.sin(pitch)) / depth
    column = 399.5 - 800 * left / depth
    mask = np.zeros((480, 800), np.uint8)
    mask[round(row - 0.5), round(column)] = SIDEWALK
    found = find(mask, camera)
    assert found.x == pytest.approx([ahead], rel=0.02)
    assert found.y == pytest.approx([left], rel=0.02)


def test_a_person_is_as_far_away_as_the_foot_also_where_an_arm_hangs_over_the_road():
    mask = road()
    mask[30:80, 100:104] = PERSON
    mask[45:50, 104:110] = PERSON
    found = find(mask)
    assert found.columns.tolist() == list(range(100, 110))
    assert found.x == pytest.approx(8)


def test_between_its_wheels_a_vehicle_is_as_near_as_at_them():
    mask = road()
    mask[30:71, 50:90] = CAR  # the body, 0.17 m above the ground
    mask[71:76, 55:60] = CAR
    mask[71:76, 80:85] = CAR
    found = find(mask)
    assert found.x[5:35] == pytest.approx(1.6 / (36 / 200))
    assert (found.x[:5] < 1.6 / (31 / 200) + 1e-9).all()


def test_a_vehicle_beside_one_that_is_farther_away_does_not_bring_that_nearer():
    mask = road()
    mask[30:80, 50:90] = CAR
    mask[30:60, 90:120] = CAR
    found = find(mask)
    assert found.x[:40] == pytest.approx(8)
    assert found.x[40:] == pytest.approx(16)


def test_wide_ids_are_kept():
    mask = road().astype(np.uint16)
    mask[:80] = 300
    found = find(mask)
    assert found.class_ids.dtype == np.uint16
    assert set(found.class_ids.tolist()) == {300}


# The rendered street, where everybody's place is known.


def seen_from(polygon, slopes):
    """Return how far ahead rays, given by x / z, enter a polygon (N, 2: x, z)."""
    nearest = np.full(len(slopes), np.inf)
    for (x0, z0), (x1, z1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        before, after = x0 - slopes * z0, x1 - slopes * z1
        with np.errstate(divide='ignore', invalid='ignore'):
            share = before / (before - after)
        z = z0 + share * (z1 - z0)
        nearest = np.where((share >= 0) & (share <= 1) & (z > 0) & (z < nearest), z, nearest)
    return nearest


def true_ends(layout, camera, time):
    """Return how far ahead kerb, cars and others begin in each column, by what ends the road."""
    slopes = (np.arange(camera.width) - camera.cx) / camera.fx
    left, right = layout.section.kerbs
    ends = {'kerb': np.where(slopes > 0, right / slopes, left / slopes)}
    driver = layout.driver(time)
    things = [layout.leader(time)]
    for block in layout.blocks(driver - layout.length, 2 * layout.length + 110):
        things += layout.actors(block, time)
    for block in layout.blocks(driver, 110):
        things += block.fixed
    for thing in things:
        kind = getattr(thing, 'kind', '')
        group = 'car' if kind == 'car' else 'other'
        if kind in ('car', 'person', 'cyclist', 'bicycle') and 1.2 < thing.z - driver < 110:
            outline = hull(thing.extent()[:, [0, 2]]) - (0, driver)
            ends[group] = np.minimum(
                ends.get(group, np.inf), seen_from(outline, slopes))
    return ends


@pytest.mark.parametrize('seed', [0, 3])
def test_on_the_street_free_space_is_exact_within_a_tenth_up_to_25_metres(seed):
    street = Street(seed=seed, frames=120)
    layout = Layout(seed, street.camera)
    ground = GroundCamera(*street.camera.pinhole, height=1.65)
    groups = {'kerb': (SIDEWALK, 9), 'car': (CAR,), 'other': (PERSON, 12, BICYCLE)}
    errors = {name: [] for name in groups}
    for frame in street.frames(every=15):
        found = find(frame.labels, ground, 40.0)
        # 12 seconds with the crossing in the middle.
        ends = true_ends(layout, street.camera, -6.0 + frame.index / street.rate)
        # Where the road ends below the picture, nobody can tell how far away.
        seen = (found.x <= 25) & (found.x > found.nearest + 1e-6)
        for name, class_ids in groups.items():
            chosen = seen & np.isin(found.class_ids, class_ids)
            if chosen.any():
                truth = ends[name][found.columns[chosen]]
                errors[name].append(found.x[chosen] / truth - 1)
    errors = {name: np.concatenate(parts) for name, parts in errors.items()}
    assert all(len(part) > 300 for part in errors.values())
    assert np.abs(errors['kerb']).max() < 0.1
    everywhere = np.concatenate(list(errors.values()))
    # The rest are columns beside a wheel, where a bumper stands out over the ground, and cars side
    # by side, of which the farther one is taken to be nearer.
    assert (np.abs(everywhere) < 0.1).mean() > 0.96
    assert (everywhere > 0.1).mean() < 0.025
    assert np.median(np.abs(everywhere)) < 0.02
