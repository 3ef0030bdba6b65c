from dataclasses import replace
import re

from hazard_scenes import region
import numpy as np
import pytest

from aim_ros.experiments.emphasis import choose_threshold
from aim_ros.experiments.emphasis import Examples
from aim_ros.experiments.emphasis import fit
from aim_ros.hazards.emphasis_filter import EmphasisFilter
from aim_ros.hazards.emphasis_filter import MEASURES
from aim_ros.hazards.emphasis_filter import measures


def examples(count=200, seed=0):
    """Regions whose probability alone tells the real ones."""
    generator = np.random.default_rng(seed)
    values = generator.normal(0, 1, (count, len(MEASURES)))
    real = values[:, 0] + 0.3 * generator.normal(0, 1, count) > 0.5
    frames = np.array([f'street_{index // 10}_{index % 10:03}' for index in range(count)])
    return Examples(values, real, frames)


def test_a_fit_tells_the_real_ones_from_the_others():
    found = examples()
    fitted, sentence = fit(found, 'model')
    assert fitted.model == 'model'
    kept = np.array([fitted.weight(values) > 0 for values in examples(seed=1).values])
    assert kept[examples(seed=1).real].mean() > 0.8
    assert np.abs(fitted.weights).argmax() == 0
    assert 'precision' in sentence


def test_too_few_examples_fit_nothing():
    few = Examples(examples().values[:30], np.zeros(30, bool), examples().frames[:30])
    fitted, sentence = fit(few, 'model')
    assert fitted is None
    assert 'only 0 of 30' in sentence


def test_a_fit_that_tells_them_apart_by_chance_is_none():
    found = examples()
    real = np.random.default_rng(1).random(len(found.real)) < 0.4
    fitted, sentence = fit(replace(found, real=real), 'model')
    assert fitted is None
    assert re.search(r'curve of 0\.\d\d within folds, standard error 0\.\d\d', sentence)


def test_what_the_frames_of_one_scene_have_in_common_is_not_learned():
    # Values tell the scenes apart, which are real in no order.
    generator = np.random.default_rng(2)
    scene = np.arange(400) // 4
    values = generator.normal(0, 1, (100, len(MEASURES)))[scene]
    real = (generator.random(100) < 0.5)[scene]
    frames = np.array([f'street_{one}_{index:03}' for index, one in enumerate(scene)])
    fitted, _ = fit(Examples(values, real, frames), 'model')
    assert fitted is None


def test_frames_of_a_single_scene_fit_nothing():
    found = examples()
    alone = np.array([f'street_{index:03}' for index in range(len(found.frames))])
    fitted, sentence = fit(replace(found, frames=alone), 'model')
    assert fitted is None
    assert 'Scenes: 1, folds over them: 1, with both kinds: 1 (at least 3 are needed)' in sentence
    assert 'largest share of the pairs in one: 100 % (at most 50 % is allowed)' in sentence


def mostly_of_one_scene(others: np.ndarray) -> Examples:
    """Examples told apart in one scene of 100; `others` are the kinds in the other 15 scenes."""
    generator = np.random.default_rng(3)
    values = generator.normal(0, 1, (100 + others.size, len(MEASURES)))
    real = np.concatenate((values[:100, 0] > 0, others.ravel()))
    scene = np.concatenate((np.zeros(100, int), 1 + np.arange(others.size) // others.shape[1]))
    frames = np.array([f'street_{one}_{index:03}' for index, one in enumerate(scene)])
    return Examples(values, real, frames)


def test_a_fold_that_alone_holds_both_kinds_does_not_decide():
    fitted, sentence = fit(mostly_of_one_scene(np.zeros((15, 10), bool)), 'model')
    assert fitted is None
    assert 'Scenes: 16, folds over them: 5, with both kinds: 1 (at least 3' in sentence


def test_a_fold_with_most_of_the_pairs_does_not_decide():
    others = np.tile([True, False, False], (15, 1))
    fitted, sentence = fit(mostly_of_one_scene(others), 'model')
    assert fitted is None
    assert 'with both kinds: 5 (at least 3' in sentence
    share = int(re.search(r'one: (\d+) %', sentence)[1])
    assert 50 < share < 100


def test_a_fit_that_is_not_surely_better_than_chance_is_none():
    # In four of five scenes the first measure tells, in the fifth it tells the opposite.
    generator = np.random.default_rng(4)
    values = generator.normal(0, 1, (100, len(MEASURES)))
    scene = np.arange(100) // 20
    real = (values[:, 0] > 0) ^ (scene == 4)
    frames = np.array([f'street_{one}_{index:03}' for index, one in enumerate(scene)])
    fitted, sentence = fit(Examples(values, real, frames), 'model')
    auc, error = map(float, re.findall(r'0\.\d\d', sentence)[:2])
    assert auc > 0.6
    assert auc - 2 * error < 0.5
    assert fitted is None


def test_the_threshold_is_the_least_that_is_precise_enough():
    probability = np.array([0.1, 0.2, 0.3, 0.4, 0.9, 0.95])
    real = np.array([False, False, False, True, True, True])
    threshold, recall, precision = choose_threshold(probability, real)
    assert 0.0 < threshold <= 0.1
    assert (recall, precision) == (1.0, 0.5)
    threshold, recall, precision = choose_threshold(probability, ~real)
    assert precision == 0.5


def test_measures_by_hand():
    values = dict(zip(MEASURES, measures(region((10, 20, 20, 40), 0.4, modulated_share=1.0),
                                         (100, 200), [(50, 20, 20, 40)]), strict=True))
    assert values['probability'] == 0.4
    assert values['log_area'] == pytest.approx(np.log(800 / 20000))
    assert values['log_aspect'] == pytest.approx(np.log(0.5))
    assert values['row'] == pytest.approx(0.6)
    assert values['fullness'] == 1
    assert values['modulated_share'] == 1
    assert values['neutral_distance'] == pytest.approx(20 / 40)
    assert values['people_share'] == 1


@pytest.mark.parametrize('change', [
    {'weights': (1.0,)}, {'threshold': 0.0}, {'threshold': 1.5}, {'bias': float('nan')},
    {'weights': (float('inf'),) * len(MEASURES)}])
def test_a_filter_that_cannot_be(change):
    values = {'weights': (0.0,) * len(MEASURES), 'bias': 0.0, 'threshold': 0.5, 'model': ''}
    with pytest.raises(ValueError, match=r'weights|bias|threshold'):
        EmphasisFilter(**{**values, **change})
