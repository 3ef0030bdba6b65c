from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest

from aim_ros.hazards.boxes import are_truncated
from aim_ros.hazards.boxes import as_boxes
from aim_ros.hazards.boxes import clip
from aim_ros.hazards.boxes import clipped
from aim_ros.hazards.boxes import contains
from aim_ros.hazards.boxes import pairwise_iou
from aim_ros.hazards.boxes import pairwise_shared
from aim_ros.hazards.boxes import union
from aim_ros.hazards.boxes import unions

boxes = st.tuples(*[st.integers(0, 30)] * 2, *[st.integers(1, 30)] * 2)


@pytest.mark.parametrize(('a', 'b', 'shared', 'ratio'), [
    ((0, 0, 4, 4), (2, 2, 4, 4), 4, 4 / 28),
    ((0, 0, 4, 4), (0, 0, 4, 4), 16, 1),
    ((0, 0, 10, 10), (2, 3, 5, 4), 20, 0.2),
    ((0, 0, 4, 4), (4, 0, 4, 4), 0, 0),
    ((0, 0, 4, 4), (0, 9, 4, 4), 0, 0),
    ((5, 5, 2, 8), (3, 7, 8, 2), 4, 4 / 28),
])
def test_overlap_by_hand(a, b, shared, ratio):
    assert shared == ratio * (a[2] * a[3] + b[2] * b[3] - shared)
    far = (900, 300, 7, 7)
    assert pairwise_iou([a, far], [b]) == pytest.approx(np.array([[ratio], [0]]))
    assert pairwise_iou([b], [far, a]) == pytest.approx(np.array([[0, ratio]]))


def test_without_boxes_there_is_nothing_to_share():
    assert pairwise_iou([], [(0, 0, 1, 1)]).shape == (0, 1)
    assert pairwise_shared(np.empty((0, 4)), np.empty((0, 4))).shape == (0, 0)


@given(boxes, boxes)
def test_a_union_is_the_smallest_box_that_holds_both(a, b):
    both = union(a, b)
    assert contains(both, a)
    assert contains(both, b)
    assert both[0] == min(a[0], b[0])
    assert both[0] + both[2] == max(a[0] + a[2], b[0] + b[2])
    assert as_boxes(unions(np.array([a]), np.array([b]))) == [both]


@pytest.mark.parametrize(('box', 'inside'), [
    ((2, 3, 4, 5), (2, 3, 4, 5)), ((-2, -3, 4, 5), (0, 0, 2, 2)), ((8, 18, 9, 9), (8, 18, 2, 2)),
    ((10, 0, 5, 5), None), ((-5, 0, 5, 5), None)])
def test_the_part_of_a_box_in_the_image(box, inside):
    assert clipped(box, (20, 10)) == inside
    part, meets = clip(np.array([box]), (20, 10))
    assert meets == [inside is not None]
    assert inside is None or as_boxes(part) == [inside]


@pytest.mark.parametrize(('box', 'truncated'), [
    ((1, 1, 198, 98), False), ((0, 1, 5, 5), True), ((1, 0, 5, 5), True), ((195, 1, 5, 5), True),
    ((1, 95, 5, 5), True), ((194, 94, 5, 5), False)])
def test_truncated_at_any_border(box, truncated):
    assert are_truncated(np.array([box]), (100, 200)) == [truncated]
