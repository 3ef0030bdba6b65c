from dataclasses import replace
from itertools import islice
from itertools import pairwise

import numpy as np
import pytest

from aim_ros.imaging.camera import CameraModel
from aim_ros.media.street import Street
from aim_ros.street.canvas import Canvas
from aim_ros.street.canvas import Texture
from aim_ros.street.canvas import View
from aim_ros.street.light import draw_light
from aim_ros.street.people import foot_at
from aim_ros.street.story import block_length
from aim_ros.street.story import PERIOD
from aim_ros.street.story import signal_phase
from aim_ros.street.story import travelled

PERSON, RIDER, CAR, BICYCLE = 11, 12, 13, 18
CLASS_OF = {
    'person': PERSON, 'cyclist': RIDER, 'car': CAR, 'bicycle': BICYCLE, 'traffic light': 6,
    'traffic sign': 7,
}


@pytest.fixture(scope='module')
def street():
    return Street(seed=3)


@pytest.fixture(scope='module')
def played(street):
    return list(street.frames(every=12))


def frame(street, index):
    return next(street.frames(start=index))


def crossing_person(street, index):
    """Give the nearest person on the zebra in front of the driver, as ground truth has it."""
    middle = street.camera.cx
    for thing in street.objects(index):
        x, _, width, _ = thing.box
        if thing.kind == 'person' and abs(x + width / 2 - middle) < 0.12 * street.camera.width:
            return thing
    raise AssertionError('nobody crosses the road')


def test_frames_are_whole(street, played):
    assert len(street) == 120
    assert len(played) == 10
    for index, item in enumerate(played):
        assert item.encoding == 'rgb8'
        assert item.image.shape == (375, 1242, 3)
        assert item.labels.shape == (375, 1242)
        assert item.index == 12 * index
        assert item.stamp_ns == played[0].stamp_ns + index * 1_200_000_000
        assert item.camera_model is street.camera


def test_every_pixel_has_a_class_and_the_drive_has_all_that_matters(played):
    seen = set()
    for item in played:
        seen |= set(np.unique(item.labels).tolist())
    assert seen <= set(range(19))
    assert {0, 1, 2, 5, 6, 7, 8, 10, PERSON, RIDER, CAR, BICYCLE} <= seen


def test_layout_of_the_picture(played):
    for item in played:
        assert (item.labels[-1, 500:700] == 0).mean() > 0.9  # the own lane
        assert (item.labels[:5, 580:640] == 10).mean() > 0.5  # sky over the road
        assert (item.labels[185:, :] != 10).all()


def test_the_same_seed_gives_the_same_frames_in_any_order(street, played):
    again = Street(seed=3)
    for item in (played[5], played[2]):
        copy = frame(again, item.index)
        np.testing.assert_array_equal(copy.image, item.image)
        np.testing.assert_array_equal(copy.labels, item.labels)
        assert again.objects(item.index) == street.objects(item.index)


def test_other_seeds_give_other_streets(played):
    others = [frame(Street(seed=seed), 60) for seed in (4, 5)]
    images = [played[5].image, *(item.image for item in others)]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(images[one].astype(int) - images[other]).mean() > 10
    for item in others:
        assert (item.labels != played[5].labels).mean() > 0.1


def test_frames_change_as_the_driver_moves(played):
    for one, other in pairwise(played):
        assert np.abs(one.image.astype(int) - other.image).mean() > 1


@pytest.mark.parametrize('index', [50, 60, 70])
def test_the_foot_row_of_the_pedestrian_gives_his_distance(street, index):
    person = crossing_person(street, index)
    x, y, width, height = person.box
    labels = frame(street, index).labels[y : y + height + 4, x : x + width]
    foot = y + int(np.flatnonzero((labels == PERSON).any(axis=1))[-1])
    camera = street.camera
    # The sole ends at the lower edge of its last row; that row is worth 0.1 m at this distance.
    distance = camera.fy * 1.65 / (foot + 0.5 - camera.cy)
    assert distance == pytest.approx(person.distance, rel=0.02)


def test_a_pedestrian_is_as_high_as_people_are(street):
    person = crossing_person(street, 60)
    x, y, width, height = person.box
    rows = (frame(street, 60).labels[y - 5 : y + height + 5, x : x + width] == PERSON).any(axis=1)
    assert 1.55 < rows.sum() * person.distance / street.camera.fy < 1.95


def test_ground_truth_agrees_with_the_labels(street, played):
    found = set()
    for item in played:
        for thing in street.objects(item.index):
            x, y, width, height = thing.box
            assert width > 0 < height
            assert x >= 0 <= y
            assert x + width <= 1242
            assert y + height <= 375
            inside = item.labels[y : y + height, x : x + width] == CLASS_OF[thing.kind]
            if thing.distance < 20 and min(width, height) > 8 and inside.any():
                found.add(thing.kind)
                # Hidden by others at most in part: otherwise it would not be found at all.
                assert inside.mean() > 0.005
    assert {'person', 'car', 'traffic light', 'traffic sign'} <= found


def test_people_stay_within_their_boxes(street):
    item = frame(street, 60)
    boxes = np.zeros(item.labels.shape, bool)
    for thing in street.objects(60):
        x, y, width, height = thing.box
        if thing.kind in ('person', 'cyclist', 'bicycle'):
            boxes[max(y - 3, 0) : y + height + 3, max(x - 4, 0) : x + width + 4] = True
    people = np.isin(item.labels, (PERSON, RIDER, BICYCLE))
    assert people.any()
    assert not (people & ~boxes).any()


@pytest.mark.parametrize('seed', [0, 7])
def test_somebody_crosses_on_every_street_and_all_of_him_is_seen(seed):
    street = Street(seed=seed, frames=1)
    person = crossing_person(street, 0)
    x, y, width, height = person.box
    labels = frame(street, 0).labels[y : y + height, x : x + width]
    assert 11 < person.distance < 14
    assert (labels == PERSON).sum() > 1000


def test_sizes_rates_and_long_drives():
    street = Street(seed=1, frames=400, size=(96, 320), rate=5.0)
    assert len(street) == 400
    items = list(islice(street.frames(start=1, every=398), 2))
    assert [item.index for item in items] == [1, 399]
    assert items[0].image.shape == (96, 320, 3)
    assert items[1].stamp_ns - items[0].stamp_ns == 398 * 200_000_000
    assert street.camera.fx == pytest.approx(721.5377 * 320 / 1242)
    assert crossing_person(Street(seed=1, frames=9, size=(96, 320)), 4)


@pytest.mark.parametrize(
    'options', [{'seed': -1}, {'frames': 0}, {'size': (375, 10)}, {'rate': 0.0}]
)
def test_numbers_out_of_range(options):
    with pytest.raises(ValueError, match='the street needs a seed of 0 or more, at least 1 frame'):
        Street(**options)


def test_the_light_is_red_while_somebody_is_in_his_lane():
    for tau in np.arange(-1.1, 1.2, 0.1):  # as long as a pedestrian is in a lane of 3.5 m
        assert signal_phase(tau) == 'red'
    phases = [signal_phase(tau) for tau in np.arange(-6, 6, 0.1)]
    changes = [a for a, b in zip(phases, [None, *phases], strict=False) if a != b]
    assert changes == ['green', 'amber', 'red', 'red-amber', 'green']


def test_the_driver_stops_at_every_crossing_and_drives_as_cars_do():
    times = np.arange(-20.0, 40.0, 0.01)
    way = np.array([travelled(time, 9.0) for time in times])
    speed = np.diff(way) / 0.01
    assert speed.min() > -1e-6
    assert speed.max() == pytest.approx(9.0)
    assert np.abs(np.diff(speed) / 0.01).max() < 4.5  # metres per second squared
    for crossing in (-PERIOD, 0.0, PERIOD):
        waiting = (times[:-1] > crossing - 0.3) & (times[:-1] < crossing + 2.5)
        np.testing.assert_allclose(speed[waiting], 0, atol=1e-6)
    assert travelled(5.0 + PERIOD, 9.0) - travelled(5.0, 9.0) == pytest.approx(block_length(9.0))
    assert travelled(0.0, 9.0) == 0


def test_a_standing_foot_stays_where_it_is():
    stride = 0.84
    places = [foot_at(phase, stride)[0] + phase * stride for phase in np.arange(0, 0.6, 0.05)]
    np.testing.assert_allclose(places, places[0], atol=1e-9)
    assert all(foot_at(phase, stride)[1] == 0 for phase in np.arange(0, 0.6, 0.05))
    assert foot_at(0.8, stride)[1] > 0.03


def make_canvas():
    model = CameraModel(200, 100, fx=100.0, fy=100.0, cx=100.0, cy=50.0)
    clear = replace(draw_light(np.random.default_rng(0)), haze_distance=1e9)
    return Canvas(View(model, 0.0), clear)


def wall(x0, x1, y0, y1, z):
    return np.array(((x0, y1, z), (x1, y1, z), (x1, y0, z), (x0, y0, z)))


def test_a_texture_falls_on_the_pixels_that_it_covers():
    canvas = make_canvas()
    picture = np.zeros((64, 64, 4), np.uint8)
    picture[...] = (10, 200, 30, 255)
    picture[:, :32] = (200, 10, 30, 255)
    # At 10 m one metre is 10 pixels: columns 80 to 120, rows 50 - 1.65 * 10 ... + 1.35 * 10.
    canvas.texture(wall(-2, 2, 0.3, 3.3, 10.0), Texture(picture), 2)
    rows, columns = np.nonzero(canvas.labels == 2)
    assert (columns.min(), columns.max()) == (80, 120)
    assert (rows.min(), rows.max()) == (34, 63)
    np.testing.assert_allclose(canvas.image[50, 90], (200, 10, 30), atol=2)
    np.testing.assert_allclose(canvas.image[50, 110], (10, 200, 30), atol=2)
    assert (canvas.image[:, :78] == 0).all()


def test_a_fine_texture_is_averaged_from_afar():
    canvas = make_canvas()
    picture = np.zeros((256, 256, 4), np.uint8)
    picture[..., 3] = 255
    picture[(np.indices((256, 256)).sum(axis=0) % 2).astype(bool)] = 255
    canvas.texture(wall(-5, 5, 0, 10, 100.0), Texture(picture), 2)
    inside = canvas.image[canvas.labels == 2].astype(int)
    assert len(inside) > 60
    assert abs(np.median(inside) - 128) < 3


def test_a_patch_blends_its_edges_and_labels_the_half_that_it_covers():
    canvas = make_canvas()
    square = wall(-1.03, 1.02, 0, 2, 10.0)  # from 89.7 to 110.2: pixels 90 to 110
    patch = canvas.patch(square, fine=4)
    patch.fill(patch.fix_all(square), (255, 255, 255))
    canvas.paste_patch(patch, CAR, 10.0)
    columns = np.flatnonzero((canvas.labels == CAR).any(axis=0))
    assert (columns.min(), columns.max()) == (90, 110)
    assert (canvas.image[55, 92:108] == 255).all()


def test_things_outside_the_picture_are_left_out():
    canvas = make_canvas()
    patch = canvas.patch(wall(50, 60, 0, 2, 10.0))
    assert patch.empty
    canvas.paste_patch(patch, CAR, 10.0)
    canvas.texture(wall(-60, -50, 0, 2, 10.0), Texture(np.zeros((8, 8, 4), np.uint8)), 2)
    assert not canvas.image.any()
