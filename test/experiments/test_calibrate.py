import math

import numpy as np
import pytest
import torch

from aim_ros.decoding.limit import changed_share
from aim_ros.experiments.calibrate import profile_yaml
from aim_ros.experiments.calibration import believed_accuracy
from aim_ros.experiments.calibration import LabelledSearch
from aim_ros.experiments.calibration import largest_sigma
from aim_ros.experiments.cli import main
from aim_ros.experiments.datasets import open_dataset
from aim_ros.experiments.logits import CachedSegmenter
from aim_ros.modulation import expected_shift
from aim_ros.modulation import Modulation
from aim_ros.perception.profiles import DriverProfile
from aim_ros.perception.profiles import load_profiles


@pytest.mark.parametrize(('limit', 'accepted', 'found'), [
    (4.0, 0.63, 0.6), (4.0, 0.65, 0.65), (4.0, 0.81, 0.8), (4.0, 0.04, 0.0), (4.0, 0.17, 0.15),
    (1.0, 9.0, 1.0), (0.5, 9.0, 0.5), (0.05, 9.0, 0.05)])
def test_the_largest_sigma_is_found(limit, accepted, found):
    asked = []

    def accept(sigma):
        asked.append(sigma)
        return sigma <= accepted

    assert largest_sigma(accept, limit) == found
    assert max(asked, default=0) <= limit


def test_what_lies_beyond_the_first_refusal_does_not_count():
    assert largest_sigma(lambda sigma: not 0.3 < sigma < 0.7, 4.0) == 0.3


def test_labels_set_sigma(checkpoint, street, tmp_path, capsys):
    command = ['calibrate', '--model', str(checkpoint), '--classes', 'person', 'car', '--data',
               str(street), '--cache', str(tmp_path / 'cache'), '--tolerance', '0.02', '--out',
               str(tmp_path / 'out')]
    assert main(command) == 0
    profile = load_profiles(tmp_path / 'out' / 'profile.yaml').get('calibrated')
    assert f'sigma {profile.sigma:g}' in capsys.readouterr().out
    assert profile.focus_classes == ('person', 'car')

    model = CachedSegmenter(str(checkpoint), cache=tmp_path / 'cache')
    search = LabelledSearch(
        open_dataset(street), model, Modulation(((11, 1), (13, 1))), seeds=1)
    assert search.loss(0.0) == 0
    assert search.loss(profile.sigma) <= 0.02
    assert profile.sigma == 4.0 or search.loss(round(profile.sigma + 0.05, 6)) > 0.02
    text = (tmp_path / 'out' / 'profile.yaml').read_text()
    assert text.startswith('# experiments calibrate --model')
    assert model.checksum in text
    assert '# On these frames, of person (' in text
    assert 'Seeds' not in (tmp_path / 'out' / 'report.html').read_text()


def test_the_bound_of_a_profile_limits_what_is_measured(checkpoint, street, tmp_path):
    model = CachedSegmenter(str(checkpoint), cache=tmp_path / 'cache')
    modulation = Modulation(((11, 1), (13, 1)))
    searches = [LabelledSearch(open_dataset(street), model, modulation, 1, bound)
                for bound in (1.0, 0.02, 0.0)]
    changed = [np.abs(search.figures(3.0).confusion - search.figures(0.0).confusion).sum()
               for search in searches]
    assert changed[0] > changed[1] > changed[2]


def test_a_budget_sets_sigma(checkpoint, street, tmp_path):
    command = ['calibrate', '--model', str(checkpoint), '--profile', 'highway', '--source',
               str(street / 'images'), '--budget', '0.05', '--cache', str(tmp_path / 'cache'),
               '--out', str(tmp_path / 'out')]
    assert main(command) == 0
    profile = load_profiles(tmp_path / 'out' / 'profile.yaml').get('highway')
    model = CachedSegmenter(str(checkpoint), cache=tmp_path / 'cache')
    signs = profile.signs(model.labels)
    assert {sign for _, sign in signs} == {1, -1}
    grids = [torch.from_numpy(model.logits(sample.frame()))
             for sample in open_dataset(street).samples]

    def share(sigma):
        return np.mean([changed_share(grid, Modulation(signs, sigma)) for grid in grids])

    assert 0 < profile.sigma < 4.0
    assert share(profile.sigma) <= 0.05 < share(profile.sigma + 0.002)


@pytest.mark.parametrize(('data', 'seeds'), [
    ('--data', '0 to 1'), ('--source', '0, for the examples')])
def test_the_report_tells_the_seeds_of_what_is_drawn(data, seeds, checkpoint, street, tmp_path):
    folder = street if data == '--data' else street / 'images'
    assert main(['calibrate', '--model', str(checkpoint), '--classes', 'car', data, str(folder),
                 '--sampling', 'pixel', '--seeds', '2', '--max-sigma', '0.2', '--cache',
                 str(tmp_path / 'cache'), '--out', str(tmp_path / 'out')]) == 0
    assert f'<dd>{seeds}</dd>' in (tmp_path / 'out' / 'report.html').read_text()


def test_a_written_profile_is_read_back_whole(tmp_path):
    profile = DriverProfile(
        'mine', 'With: a colon # and a hash', ('people',), ('greenery',), 0.65, 'pixel', 0.02,
        alerts={'classes': ('car',), 'min_area': 50, 'near_m': 12.5})
    path = tmp_path / 'profile.yaml'
    path.write_text(profile_yaml(profile, ['evidence ' * 40]))
    file = load_profiles(path)
    assert file.names == ('neutral', 'mine')
    assert file.get('mine') == profile
    assert all(line.startswith('# ') for line in path.read_text().split('profiles:')[0].split('\n')
               if line)


def test_believed_accuracy_of_two_cells():
    # Class 0 leads class 1 by 1 and by 3: class 1 has the probabilities below.
    logits = torch.tensor([[[1.0, 3.0]], [[0.0, 0.0]]])
    p = [1 / (1 + math.exp(1)), 1 / (1 + math.exp(3))]
    groups = {'one': [1], 'all': [0, 1]}
    before = believed_accuracy(logits, Modulation(((1, 1),)), 1.0, groups)
    # A shift of 2 passes the first gap alone.
    shifted = Modulation(((1, 1),), 2 / expected_shift(1.0))
    after = believed_accuracy(logits, shifted, 1.0, groups)
    assert before == {'one': 0, 'all': 1}
    assert after['one'] == pytest.approx(p[0] / sum(p))
