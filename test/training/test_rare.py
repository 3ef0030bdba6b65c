"""Crops are centred on rare classes that frames show, wherever they are drawn."""

import numpy as np
from train_extra import skip_where_missing

skip_where_missing()

from aim_ros.training.config import AugmentConfig  # noqa: E402
from aim_ros.training.config import SourceConfig  # noqa: E402
from aim_ros.training.rare import rare_places  # noqa: E402
from aim_ros.training.sources import LabelledFrame  # noqa: E402
from aim_ros.training.sources import Source  # noqa: E402

PERSON, RIDER, CAR = 11, 12, 13


def frame(*shown):
    """Return a frame of road with a patch of each class, of so many pixels."""
    labels = np.zeros((20, 200), np.uint8)
    for row, (wanted, pixels) in enumerate(shown):
        labels[2 * row, :pixels] = wanted
    return LabelledFrame('f', np.zeros((20, 200, 3), np.uint8), labels)


def source(*frames, rare=None):
    return Source(SourceConfig('s', '', '', rare_classes=rare), frames)


SETTINGS = AugmentConfig(rare_classes=(PERSON, RIDER))


def test_places_are_pixels_of_the_class_in_frames_that_show_enough_of_it():
    first = source(frame((PERSON, 39)), frame((RIDER, 40), (CAR, 90)), frame((RIDER, 60)),
                   frame((PERSON, 100), (RIDER, 3)))
    only_cars = source(frame((PERSON, 90), (CAR, 50)), rare=(CAR,))
    nothing = source(frame((PERSON, 90)), rare=())
    found = rare_places([first, only_cars, nothing], SETTINGS, seed=4)
    assert [[[index for index, _ in places] for places in one] for one in found] == [
        [[1, 2], [3]], [[0]], []]
    for one, classes, its in zip(found, ([RIDER, PERSON], [CAR], []),
                                 (first, only_cars, nothing), strict=True):
        for places, wanted in zip(one, classes, strict=True):
            for index, pixels in places:
                assert pixels.shape == (32, 2)
                assert (its.frames[index].labels[tuple(pixels.T)] == wanted).all()
                assert len(np.unique(pixels, axis=0)) > 5


def test_places_depend_on_the_seed_and_the_number_of_the_source_alone():
    def columns(sources, number, seed):
        (_, pixels), = rare_places(sources, SETTINGS, seed)[number][0]
        return pixels[:, 1].tolist()

    one, other = source(frame((PERSON, 90))), source(frame((RIDER, 80), (PERSON, 150)))
    assert columns([one], 0, 1) == columns([one, other], 0, 1)
    assert columns([one, one], 1, 1) == columns([other, one], 1, 1)
    assert columns([one, one], 0, 1) != columns([one, one], 1, 1)
    assert columns([one], 0, 1) != columns([one], 0, 2)
