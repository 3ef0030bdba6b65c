import math

import numpy as np
import pytest

from aim_ros.experiments.statistics import mean_interval


def test_interval_of_three_samples_is_students():
    interval = mean_interval([1.0, 2.0, 3.0])
    # t of 2 degrees of freedom at 97.5 %, from the tables.
    assert interval.mean == 2.0
    assert interval.high - 2.0 == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)
    assert interval.half_width == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)


def test_repetitions_run_over_the_axis():
    samples = np.array([[1.0, 10.0], [3.0, 10.0]])
    interval = mean_interval(samples)
    np.testing.assert_allclose(interval.mean, [2, 10])
    np.testing.assert_allclose(interval.low, [2 - 12.706205, 10], rtol=1e-6)
    np.testing.assert_allclose(mean_interval(samples, axis=1).mean, [5.5, 6.5])


def test_one_sample_has_an_unknown_interval():
    interval = mean_interval([[4.0, 5.0]])
    np.testing.assert_array_equal(interval.mean, [4, 5])
    assert np.isnan(interval.low).all()
    assert np.isnan(interval.half_width).all()


@pytest.mark.parametrize(('samples', 'confidence'), [([], 0.95), ([1.0], 1.0), ([1.0], 0.0)])
def test_impossible_requests_are_refused(samples, confidence):
    with pytest.raises(ValueError):
        mean_interval(samples, confidence=confidence)
