import csv

import numpy as np
import pytest

from aim_ros.experiments.cli import main
from aim_ros.experiments.findings import crossing
from aim_ros.experiments.segmentation import choose_targets
from aim_ros.segmentation.labels import CITYSCAPES
from aim_ros.segmentation.labels import LabelSet
from aim_ros.segmentation.segmenter import Segmenter


def rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_end_to_end_and_quick_the_second_time(checkpoint, street, tmp_path, monkeypatch, capsys):
    command = ['segmentation', '--model', str(checkpoint), '--data', str(street), '--seeds', '2',
               '--cache', str(tmp_path / 'cache'), '--classes', 'person', 'car', 'people', '--out']
    assert main([*command, str(tmp_path / 'a')]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / 'a' / 'report.html')

    utility = rows(tmp_path / 'a' / 'utility.csv')
    assert [float(row['sigma']) for row in utility] == list(range(21))
    assert (float(utility[0]['flicker %']), utility[0]['mIoU % of the paper']) == (0, '46.2')
    assert float(utility[20]['flicker %']) > 50
    [base] = {row['miou'] for row in rows(tmp_path / 'a' / 'focus.csv') if row['sigma'] == '0.0'}
    assert float(base) == pytest.approx(float(utility[0]['mIoU %']) / 100)

    focus = rows(tmp_path / 'a' / 'focus.csv')
    kinds = {(row['class'], row['sign'], row['sampling']) for row in focus}
    assert len(kinds) == 3 * (4 + 3)
    for name, sign, sampling in kinds:
        accuracy = [float(row['accuracy']) for row in focus
                    if (row['class'], row['sign'], row['sampling']) == (name, sign, sampling)]
        # One draw, or none, for all sigmas: a target can only grow, or only shrink.
        assert accuracy == sorted(accuracy, reverse=sign == '-1')
    assert {row['accuracy_low'] for row in focus if row['sampling'] == 'expected'} == {'nan'}
    assert len(list((tmp_path / 'a').glob('example_*.jpg'))) == 3

    def no_network(*_):
        raise AssertionError('the logits were to be kept')

    monkeypatch.setattr(Segmenter, 'forward', no_network)
    assert main([*command, str(tmp_path / 'b')]) == 0
    first, second = ((tmp_path / run / 'focus.csv').read_bytes() for run in 'ab')
    assert first == second


def test_quick_takes_few(checkpoint, street, tmp_path):
    assert main(['segmentation', '--model', str(checkpoint), '--data', str(street), '--quick',
                 '--cache', str(tmp_path), '--classes', 'car', '--out', str(tmp_path / 'o')]) == 0
    assert len(rows(tmp_path / 'o' / 'utility.csv')) == 11


def test_the_papers_classes_or_the_nearest():
    targets = choose_targets(CITYSCAPES, None)
    names = [target.name for target in targets if target.sign > 0]
    assert names == ['person', 'car', 'vegetation', 'bicycle', 'bus', 'pole', 'traffic light',
                     'rider', 'people', 'two_wheelers', 'vehicles', 'signals']
    assert [target.name for target in targets if target.sign < 0] == names[:8]
    few = choose_targets(LabelSet(('person, individual', 'streetlight, street lamp')), None)
    few = [target.name for target in few if target.sign > 0]
    assert few == ['person', 'streetlight', 'people']


def test_crossing_is_linear_between_sigmas():
    sigmas = np.array([0.0, 1.0, 2.0])
    assert crossing(sigmas, np.array([0, 0.002, 0.01]), 0.004) == (pytest.approx(1.25), True)
    assert crossing(sigmas, np.array([0, -0.1, 0.004]), 0.004) == (2.0, False)
    # A later dip back below the tolerance does not count.
    assert crossing(sigmas, np.array([0, 0.01, 0.001]), 0.005) == (pytest.approx(0.5), True)
