import numpy as np
import pytest
from train_extra import skip_where_missing

skip_where_missing()

import torch  # noqa: E402

from aim_ros.hazards.geometry import GroundCamera  # noqa: E402
from aim_ros.training import objects  # noqa: E402

PERSON, CAR = 11, 13


def logits_of(decided):
    return torch.nn.functional.one_hot(torch.from_numpy(decided), 19).permute(2, 0, 1).float()


def test_objects_are_counted_by_height_and_by_the_distance_of_their_feet():
    labels = np.zeros((200, 300), np.int64)
    labels[100:110, 10:20] = PERSON  # 10 pixels high, its feet just below the horizon
    labels[60:160, 40:60] = PERSON  # 100 high
    labels[100:130, 100:160] = CAR  # 30 high
    labels[100:103, 200:205] = CAR  # too small to count
    decided = labels.copy()
    decided[100:110, 10:20] = 0
    decided[60:100, 40:60] = 0
    decided[100:130, 100:115] = PERSON
    camera = GroundCamera(fx=100, fy=100, cx=150, cy=99.5, height=1.0)
    figures = objects.ObjectFigures((PERSON, CAR), camera)
    for _ in range(2):
        figures.update(logits_of(decided), torch.from_numpy(labels))

    counts = figures.as_dict()
    assert counts['height']['person']['0-20 px'] == {
        'objects': 2, 'found_objects': 0, 'pixels': 200, 'found_pixels': 0}
    assert counts['height']['person']['from 80 px'] == {
        'objects': 2, 'found_objects': 2, 'pixels': 4000, 'found_pixels': 2400}
    assert counts['height']['car']['20-40 px'] == {
        'objects': 2, 'found_objects': 2, 'pixels': 3600, 'found_pixels': 2700}
    # One metre above the road, 100 pixels a radian: row 160 is 60 below the horizon.
    assert camera.distance(160) == pytest.approx(100 / 60, rel=0.02)
    assert counts['distance']['person']['0-10 m']['objects'] == 2
    assert counts['distance']['person']['10-20 m']['objects'] == 2
    assert sum(share['objects'] for share in counts['distance']['car'].values()) == 2


def test_what_stands_above_the_horizon_is_far_away():
    labels = np.zeros((200, 300), np.int64)
    labels[20:60, 10:20] = PERSON
    figures = objects.ObjectFigures((PERSON,))
    figures.update(logits_of(labels), torch.from_numpy(labels))
    assert figures.as_dict()['distance']['person']['from 40 m']['found_objects'] == 1


def test_the_table_tells_every_kind():
    figures = objects.ObjectFigures((PERSON,))
    labels = np.full((60, 60), PERSON, np.int64)
    figures.update(logits_of(labels), torch.from_numpy(labels))
    table = figures.table('title')
    assert [column.header for column in table.columns] == [
        'class', '0-20 px', '20-40 px', '40-80 px', 'from 80 px',
        '0-10 m', '10-20 m', '20-40 m', 'from 40 m']
    cells = [next(iter(column.cells)) for column in table.columns]
    assert cells == ['person', '-', '-', '1/1 1.00', '-', '-', '-', '-', '1/1 1.00']
