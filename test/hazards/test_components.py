import builtins

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest

from aim_ros.hazards import components
from aim_ros.hazards import components_cpu
from aim_ros.hazards.components import Softmax

FINDERS = {'numba': components_cpu.find_components, 'opencv': components._find_by_opencv}


@pytest.fixture(params=FINDERS)
def find(request):
    return FINDERS[request.param]


def flat(classes):
    return np.full((classes, 1, 1), 0.5, np.float32)


def as_set(found):
    return sorted((k, tuple(box), area, round(confidence, 4), round(turned, 6))
                  for k, box, area, confidence, turned in zip(
                      *(values.tolist() for values in found), strict=True))


def test_a_snake_is_one_component_and_its_inside_another(find):
    rows = ['1111111', '......1', '11111.1', '1...1.1', '1.1.1.1', '1.111.1', '1.....1', '1111111']
    ids = np.array([[int(pixel == '1') for pixel in row] for row in rows], np.uint8)
    found = find(ids, ids, (1,), flat(1), 1)
    assert found.box.tolist() == [[0, 0, 7, 8]]
    assert found.area.tolist() == [ids.sum()]
    found = find(ids, ids, (0,), flat(1), 1)
    assert found.area.sum() == (ids == 0).sum()


def test_components_that_meet_only_at_the_end_of_a_comb(find):
    ids = np.zeros((6, 101), np.uint8)
    ids[:5, ::2] = 7
    assert len(find(ids, ids, (7,), flat(1), 1).area) == 51
    ids[5] = 7
    found = find(ids, ids, (7,), flat(1), 1)
    assert found.area.tolist() == [5 * 51 + 101]


def test_a_pixel_may_count_for_two_classes(find):
    base = np.array([[1, 1, 2, 0]], np.uint8)
    focused = np.array([[1, 2, 2, 2]], np.uint8)
    found = find(base, focused, (1, 2), flat(2), 1)
    assert found.class_index.tolist() == [0, 1]
    assert found.box.tolist() == [[0, 0, 2, 1], [1, 0, 3, 1]]
    assert found.modulated_share.tolist() == pytest.approx([0, 2 / 3])


def test_more_runs_than_there_is_room_for_at_first(find):
    ids = np.zeros((3, 1000), np.uint8)
    ids[::2, ::2] = 1
    assert len(find(ids, ids, (1,), flat(1), 1).area) == 1000
    assert len(find(ids, ids, (1,), flat(1), 2).area) == 0


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_the_largest_ids(find, dtype):
    largest = np.iinfo(dtype).max
    ids = np.full((2, 3), largest, dtype)
    assert find(ids, ids, (0, largest), flat(2), 1).class_index.tolist() == [1]


@pytest.mark.parametrize('temperature', [1.0, 2.5])
def test_probabilities_from_logits(find, temperature):
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 30, (5, 4, 6)).astype(np.float32)
    ids = generator.integers(0, 5, (9, 13), np.uint8)
    scaled = logits.astype(float) / temperature
    weights = np.exp(scaled - scaled.max(0))
    probability = (weights / weights.sum(0))[[3, 1]].astype(np.float32)
    lazy = find(ids, ids, (3, 1), Softmax(logits, temperature), 1)
    given_all = find(ids, ids, (3, 1), probability, 1)
    assert np.allclose(lazy.confidence, given_all.confidence, atol=1e-5)
    assert lazy.area.tolist() == given_all.area.tolist()


@given(
    st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 40), st.integers(1, 12),
    st.integers(1, 12), st.integers(1, 6), st.booleans())
def test_both_ways_find_the_same(seed, height, width, rows, columns, min_area, modulated):
    generator = np.random.default_rng(seed)
    base, other = generator.integers(0, 4, (2, height, width), np.uint8)
    focused = np.where(generator.random((height, width)) < 0.3, other, base) if modulated else base
    probability = generator.random((2, rows, columns), np.float32)
    both = [find(base, focused, (2, 1), probability, min_area) for find in FINDERS.values()]
    for ours, theirs in zip(*map(as_set, both), strict=True):
        assert ours[:3] == theirs[:3]
        assert ours[3:] == pytest.approx(theirs[3:], abs=2e-4)
    # In reading order of the first pixel, class by class.
    assert both[0].class_index.tolist() == sorted(both[0].class_index.tolist())
    tops = both[0].box[:, 1] + 1000 * both[0].class_index
    assert tops.tolist() == sorted(tops.tolist())
    assert both[0].box.tolist() == both[1].box.tolist()


def test_without_numba_alerts_are_found_all_the_same(monkeypatch, caplog):
    real = builtins.__import__

    def refuse(name, *rest, **options):
        if name == 'aim_ros.hazards' and 'components_cpu' in (rest[2] or ()):
            raise ImportError('No module named numba')
        return real(name, *rest, **options)

    components._compiled.cache_clear()
    monkeypatch.setattr(builtins, '__import__', refuse)
    ids = np.ones((2, 2), np.uint8)
    found = components.find_components(ids, ids, (1,), flat(1), 1)
    found = components.find_components(ids, ids, (1,), flat(1), 1)
    monkeypatch.undo()
    components._compiled.cache_clear()
    assert found.area.tolist() == [4]
    assert len(caplog.records) == 1
    assert 'No module named numba' in caplog.text
