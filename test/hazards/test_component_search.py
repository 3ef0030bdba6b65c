from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest

from aim_ros.hazards import component_search
from aim_ros.hazards import components_numba
from aim_ros.hazards.component_search import perimeter
from aim_ros.hazards.components import ClassGroups
from aim_ros.hazards.components import Scores

FINDERS = {'numba': components_numba.find_components, 'opencv': component_search.find_by_opencv}


@pytest.fixture(params=FINDERS)
def find(request):
    return FINDERS[request.param]


def groups(*members):
    """Groups of class ids, each class a part of its own."""
    group, part = np.full(65536, -1, np.int16), np.zeros(65536, np.int16)
    for number, ids in enumerate(members):
        for place, class_id in enumerate(ids):
            group[class_id], part[class_id] = number, place
    return ClassGroups(group, part, len(members))


def flat(count):
    half = np.full((count, 1, 1), 0.5, np.float32)
    return Scores(half, 2 * half, np.empty((0, 1, 1), np.float32))


def grid(*values):
    values = np.asarray(values, np.float32)
    return Scores(values, 10 * values, np.empty((0, *values.shape[1:]), np.float32))


def picture(rows):
    return np.array([[int(pixel) for pixel in row] for row in rows], np.uint8)


def test_components_by_hand(find):
    ids = picture(['01100', '00101', '00001'])
    found = find(ids, ids, groups((1,)), flat(1))
    assert found.box.tolist() == [[1, 0, 2, 2], [4, 1, 1, 2]]
    assert found.area.tolist() == [3, 2]
    assert found.probability.tolist() == [0.5, 0.5]
    assert found.margin.tolist() == [1, 1]
    assert found.turned.tolist() == [0, 0]
    # Of three pixels in an angle, 8 of the 12 edges are outside; of two, 6 of 8.
    assert found.perimeter.tolist() == [8, 6]


def test_components_join_over_corners(find):
    ids = np.eye(3, dtype=np.uint8)
    found = find(ids, ids, groups((1,)), flat(1))
    assert found.box.tolist() == [[0, 0, 3, 3]]
    assert found.perimeter.tolist() == [12]


def test_classes_of_a_group_that_touch_are_one_component(find):
    ids = picture(['010', '030', '202'])
    found = find(ids, ids, groups((1, 2), (3,)), flat(2))
    assert found.group.tolist() == [0, 0, 0, 1]
    found = find(ids, ids, groups((1, 2, 3)), flat(1))
    assert found.box.tolist() == [[0, 0, 3, 3]]
    assert found.parts[0, :4].tolist() == [1, 2, 1, 0]


def test_a_snake_is_one_component_and_its_inside_another(find):
    ids = picture(
        ['1111111', '0000001', '1111101', '1000101', '1010101', '1011101', '1000001', '1111111'])
    found = find(ids, ids, groups((1,)), flat(1))
    assert found.box.tolist() == [[0, 0, 7, 8]]
    assert found.area.tolist() == [ids.sum()]
    found = find(ids, ids, groups((0,)), flat(1))
    assert found.area.sum() == (ids == 0).sum()


def test_components_that_meet_only_at_the_end_of_a_comb(find):
    ids = np.zeros((6, 101), np.uint8)
    ids[:5, ::2] = 7
    assert len(find(ids, ids, groups((7,)), flat(1)).area) == 51
    ids[5] = 7
    assert find(ids, ids, groups((7,)), flat(1)).area.tolist() == [5 * 51 + 101]


def test_a_pixel_may_count_for_two_groups(find):
    base, other = picture(['1120']), picture(['1222'])
    found = find(base, other, groups((1,), (2,)), flat(2))
    assert found.group.tolist() == [0, 1]
    assert found.box.tolist() == [[0, 0, 2, 1], [1, 0, 3, 1]]
    assert found.turned.tolist() == [0, 2]


def test_a_pixel_that_turns_within_its_group_counts_once_as_it_was(find):
    base, other = picture(['1120']), picture(['2220'])
    found = find(base, other, groups((1, 2)), flat(1))
    assert found.area.tolist() == [3]
    assert found.parts[0, :2].tolist() == [2, 1]
    assert found.turned.tolist() == [0]


def test_more_runs_than_there_is_room_for_at_first(find):
    ids = np.zeros((3, 1000), np.uint8)
    ids[::2, ::2] = 1
    assert len(find(ids, ids, groups((1,)), flat(1)).area) == 1000
    assert len(find(ids, ids, groups((1,)), flat(1), 2).area) == 0


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_the_largest_ids(find, dtype):
    largest = np.iinfo(dtype).max
    ids = np.full((2, 3), largest, dtype)
    assert find(ids, ids, groups((0,), (largest,)), flat(2)).group.tolist() == [1]


def test_scores_are_means_over_the_component_on_the_grid(find):
    # Each of the grid's 2 x 2 cells covers 2 x 3 pixels; the component has 1, 2, 1 and 2 of them.
    ids = np.zeros((4, 6), np.uint8)
    ids[1:3, 2:5] = 1
    found = find(ids, ids, groups((1,)), grid([[0.1, 0.2], [0.3, 0.4]]))
    expected = (0.1 + 2 * 0.2 + 0.3 + 2 * 0.4) / 6
    assert found.probability.tolist() == pytest.approx([expected])
    assert found.margin.tolist() == pytest.approx([10 * expected])


def test_scores_take_no_pixel_of_another_component_in_the_box(find):
    ids = picture(['111', '100', '101'])
    probability = np.where(ids == 1, 1.0, 0.0)
    probability[2, 2] = 0.5
    found = find(ids, ids, groups((1,)), grid(probability))
    assert found.box.tolist() == [[0, 0, 3, 3], [2, 2, 1, 1]]
    assert found.probability.tolist() == pytest.approx([1.0, 0.5])


@pytest.mark.parametrize('temperature', [1.0, 2.5])
def test_scores_from_logits(find, temperature):
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 30, (5, 4, 6)).astype(np.float32)
    ids = generator.integers(0, 5, (9, 13), np.uint8)
    some = groups((3, 0), (1,))
    scaled = logits.astype(float) / temperature
    weights = np.exp(scaled - scaled.max(0))
    weights /= weights.sum(0)
    probability = np.stack((weights[[3, 0]].sum(0), weights[1]))
    margin = np.stack((scaled[[3, 0]].max(0) - scaled[[1, 2, 4]].max(0),
                       scaled[1] - scaled[[0, 2, 3, 4]].max(0)))
    expected = find(ids, ids, some, Scores(
        probability.astype(np.float32), margin.astype(np.float32), logits[:0]))
    found = find(ids, ids, some, Scores.lazy(logits, 2, temperature))
    assert np.allclose(found.probability, expected.probability, atol=1e-5)
    assert np.allclose(found.margin, expected.margin, atol=1e-4)
    assert found.area.tolist() == expected.area.tolist()


@given(
    st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 40), st.integers(1, 12),
    st.integers(1, 12), st.integers(1, 6), st.booleans())
def test_both_ways_find_the_same(seed, height, width, rows, columns, min_area, modulated):
    generator = np.random.default_rng(seed)
    base, other = generator.integers(0, 5, (2, height, width), np.uint8)
    other = np.where(generator.random((height, width)) < 0.3, other, base) if modulated else base
    scores = grid(*generator.random((2, rows, columns), np.float32))
    ours, theirs = (find(base, other, groups((2, 4), (1,)), scores, min_area)
                    for find in FINDERS.values())
    for name in ('group', 'box', 'area', 'parts', 'perimeter', 'turned'):
        assert getattr(ours, name).tolist() == getattr(theirs, name).tolist(), name
    assert np.allclose(ours.probability, theirs.probability, atol=1e-4)
    assert np.allclose(ours.margin, theirs.margin, atol=1e-3)
    # In reading order of the first pixel, group by group.
    assert (np.diff(ours.box[:, 1] + 1000 * ours.group) >= 0).all()


def test_the_perimeter_counts_the_edges_to_other_pixels():
    assert perimeter(np.ones((1, 1), bool)) == 4
    assert perimeter(np.ones((2, 3), bool)) == 10
    assert perimeter(np.array([[True, False], [False, True]])) == 8


def test_without_numba_components_are_found_all_the_same(monkeypatch):
    component_search._compiled.cache_clear()
    monkeypatch.setattr(component_search, 'compiler', lambda: None)
    monkeypatch.setattr(components_numba, 'find_components', None)
    ids = np.ones((2, 2), np.uint8)
    found = component_search.find_components(ids, ids, groups((1,)), flat(1))
    monkeypatch.undo()
    component_search._compiled.cache_clear()
    assert found.area.tolist() == [4]
