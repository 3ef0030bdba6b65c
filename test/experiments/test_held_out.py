import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from aim_ros.experiments.held_out import auc_within
from aim_ros.experiments.held_out import folds_over
from aim_ros.experiments.held_out import held_out
from aim_ros.experiments.held_out import pairs_within
from aim_ros.experiments.held_out import scenes_of


def areas(tells: float, draws: int) -> tuple[np.ndarray, np.ndarray]:
    """
    Return the areas, and their errors, of fits to 94 examples in 12 scenes.

    :param tells: how much the first measure does; 0 is noise.
    """
    generator = np.random.default_rng(1)
    found = []
    for _ in range(draws):
        values = generator.normal(0, 1, (94, 12))
        scenes = generator.integers(0, 12, 94)
        real = tells * values[:, 0] + generator.normal(0, 1, 94) > 0
        folds = folds_over(scenes, real)
        found.append(auc_within(held_out(values, real, folds), real, folds))
    return tuple(np.transpose(found))


def test_noise_has_half_the_area_and_errors_as_it_varies():
    found, errors = areas(0.0, 100)
    assert found.mean() == pytest.approx(0.5, abs=0.03)
    assert errors.mean() == pytest.approx(found.std(), rel=0.25)


def test_what_tells_has_a_large_area():
    found, errors = areas(3.0, 5)
    assert found.min() > 0.85
    assert errors.max() < 0.1


def test_a_fit_that_says_nothing_has_half_the_area_where_the_scenes_differ():
    # It tells only how many of the other scenes are real: the fewer there, the more here.
    scenes = np.arange(100) // 20
    real = np.arange(100) % 20 < np.array([2, 6, 10, 14, 18])[scenes]
    folds = folds_over(scenes, real)
    probability = held_out(np.zeros((100, 3)), real, folds)
    assert roc_auc_score(real, probability) < 0.25
    assert auc_within(probability, real, folds) == pytest.approx((0.5, 0))


def test_pairs_are_compared_within_folds_only():
    folds = [np.array([0, 1]), np.array([2, 3, 4, 5]), np.array([6, 7])]
    real = np.array([True, False, True, True, False, False, True, True])
    # The first fold is in order, three of four pairs of the second; the third has none.
    probability = np.array([0.9, 0.8, 0.4, 0.1, 0.3, 0.05, 0.0, 0.0])
    assert pairs_within(real, folds).tolist() == [1, 4, 0]
    area, error = auc_within(probability, real, folds)
    assert area == pytest.approx((1 + 3) / 5)
    # Weights of 0.2 and 0.8, areas 0.2 above and 0.05 below their mean, two of three folds:
    # (1 + 2 / 2) (2 / 1) (0.04^2 + 0.04^2).
    assert error == pytest.approx(math.sqrt(4 * 0.0032))


def test_folds_without_both_kinds_have_no_area():
    folds = [np.array([0, 1]), np.array([2, 3])]
    with pytest.raises(ValueError, match='at least 2 folds must hold both kinds, got 1'):
        auc_within(np.zeros(4), np.array([True, False, True, True]), folds)


def test_what_is_of_one_kind_cannot_be_fitted():
    folds = [np.array([0, 1]), np.array([2, 3])]
    with pytest.raises(ValueError, match='class'):
        held_out(np.zeros((4, 2)), np.array([True, False, True, True]), folds)


def test_no_scene_is_in_two_folds():
    generator = np.random.default_rng(1)
    scenes = generator.integers(0, 9, 80)
    folds = folds_over(scenes, generator.random(80) < 0.5)
    assert sorted(np.concatenate(folds)) == list(range(80))
    for scene in range(9):
        assert sum(scene in scenes[fold] for fold in folds) == 1


@pytest.mark.parametrize('scenes', [1, 2, 4])
def test_there_are_no_more_folds_than_scenes(scenes):
    folds = folds_over(np.arange(40) % scenes, np.arange(40) % 3 == 0)
    assert len(folds) == scenes
    assert all(map(len, folds))


def test_frames_whose_names_differ_in_their_last_number_are_of_one_scene():
    drives = np.array([f'town_{drive}_{frame:02}' for drive in range(5) for frame in range(3)])
    assert len(set(scenes_of(drives))) == 5
    assert len(set(scenes_of(np.array([f'{frame:010}' for frame in range(7)])))) == 1
    photographs = np.array([f'ADE_val_{number:08}' for number in range(7)])
    assert len(set(scenes_of(photographs))) == 7
