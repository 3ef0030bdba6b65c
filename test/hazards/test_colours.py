import numpy as np
import pytest

from aim_ros.hazards.colours import differences
from aim_ros.hazards.colours import histogram
from aim_ros.hazards.colours import Picture

RED, BLUE, GREEN, DARK = (150, 40, 45), (56, 84, 134), (74, 92, 70), (34, 34, 38)
HEIGHT, WIDTH = 60, 20


def person(top, bottom, light=1.0, noise=0, channels=3):
    """The image of somebody in two colours who fills it."""
    image = np.empty((HEIGHT, WIDTH, channels))
    image[:HEIGHT // 2, :, :3], image[HEIGHT // 2:, :, :3] = top, bottom
    image += np.random.default_rng(1).normal(0, noise, image.shape)
    return np.clip(image * light, 0, 255).astype(np.uint8)


def seen(image, channels=(0, 1, 2), rows=HEIGHT):
    pixels = np.zeros(image.shape[:2], bool)
    pixels[:rows] = True
    return histogram(Picture(image, channels), pixels, (0, 0), (0, HEIGHT))


def unlike(one, other):
    return float(differences(one[None], other[None])[0])


def test_shares_sum_up_to_one_in_each_band():
    assert seen(person(RED, BLUE)).sum(1) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize('changes', [{'light': 0.9}, {'light': 1.1}, {'noise': 10}])
def test_light_and_noise_change_little_of_what_one_wears(changes):
    assert unlike(seen(person(RED, BLUE)), seen(person(RED, BLUE, **changes))) < 0.3


@pytest.mark.parametrize('other', [(GREEN, BLUE), (RED, GREEN), (BLUE, RED), (DARK, DARK)])
def test_other_clothes_are_unlike(other):
    assert unlike(seen(person(RED, BLUE)), seen(person(*other))) > 0.3


def test_clothes_are_the_same_in_every_order_of_channels_and_at_every_place():
    image = person(RED, BLUE)
    expected = seen(image)
    assert np.array_equal(seen(image[:, :, ::-1], (2, 1, 0)), expected)
    wide = np.zeros((200, 300, 3), np.uint8)
    wide[70:70 + HEIGHT, 110:110 + WIDTH] = image
    moved = histogram(Picture(wide), np.ones((HEIGHT, WIDTH), bool), (110, 70), (70, HEIGHT))
    assert np.array_equal(moved, expected)


def test_a_grey_image_tells_light_from_dark():
    light, dark = (np.full((HEIGHT, WIDTH, 1), value, np.uint8) for value in (200, 40))
    assert unlike(seen(light, (0, 0, 0)), seen(dark, (0, 0, 0))) > 0.9


def test_what_is_not_seen_is_not_compared():
    upper = seen(person(RED, GREEN), rows=HEIGHT // 2)
    assert not upper[1].any()
    assert unlike(upper, seen(person(RED, BLUE))) < 0.01
    assert np.isnan(unlike(seen(person(RED, BLUE), rows=0), seen(person(RED, BLUE))))
