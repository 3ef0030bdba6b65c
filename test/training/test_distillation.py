import dataclasses
import json
import os
import subprocess
import sys

import numpy as np
from PIL import Image
import pytest
from train_extra import skip_where_missing

skip_where_missing()

from deadline import DEADLINE  # noqa: E402
import torch  # noqa: E402
from training_fixtures import same  # noqa: E402
from training_fixtures import save_answers  # noqa: E402
from training_fixtures import settings  # noqa: E402
import yaml  # noqa: E402

from aim_ros.training import config  # noqa: E402
from aim_ros.training import data  # noqa: E402
from aim_ros.training import distillation  # noqa: E402
from aim_ros.training import loop  # noqa: E402
from aim_ros.training import model  # noqa: E402


def taught(folder, **train):
    plain = settings(folder, **train)
    answers = folder / 'answers'
    computed = dataclasses.replace(plain.data, computed=str(answers)) if answers.exists() else (
        save_answers(answers, plain.data))
    return dataclasses.replace(
        plain, data=computed, model=config.ModelConfig(drop_path=0.0, dropout=0.0))


def pixels_of(*values):
    """Return (1, C, 1, pixels) from the classes' values of each pixel."""
    return torch.tensor(values).T[None, :, None]


def test_divergence_is_from_the_teachers_classes():
    wanted, asked = pixels_of([0.8, 0.2]), torch.ones(1, 1, 1)
    answer = torch.log(pixels_of([0.5, 0.5]))
    expected = 0.8 * np.log(0.8 / 0.5) + 0.2 * np.log(0.2 / 0.5)
    found = distillation.divergence(answer, wanted, asked, 1.0)
    assert float(found) == pytest.approx(expected, rel=1e-5)
    alike = distillation.divergence(torch.log(wanted), wanted, asked, 2.0)
    assert float(alike) == pytest.approx(0, abs=1e-6)
    # Softened by 2, odds of 4 are odds of 2; times 2 squared.
    expected = 4 * (2 / 3 * np.log(2 / 3 / 0.5) + 1 / 3 * np.log(1 / 3 / 0.5))
    found = distillation.divergence(answer, wanted, asked, 2.0)
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_divergence_counts_the_cells_that_are_asked():
    wanted = pixels_of([0.8, 0.2], [0.5, 0.5], [0.1, 0.9])
    answer = torch.log(pixels_of([0.5, 0.5], [0.5, 0.5], [0.5, 0.5]))
    each = [float(distillation.divergence(answer[..., i:i + 1], wanted[..., i:i + 1],
                                          torch.ones(1, 1, 1), 1.0)) for i in range(3)]
    found = distillation.divergence(answer, wanted, torch.tensor([[[3.0, 1.0, 0.0]]]), 1.0)
    assert float(found) == pytest.approx((3 * each[0] + each[1]) / 4, rel=1e-5)
    assert float(distillation.divergence(answer, wanted, torch.zeros(1, 1, 3), 1.0)) == 0
    # A class that float16 rounds to nothing costs much, but not infinitely much.
    none = distillation.divergence(
        answer[..., :1], pixels_of([1.0, 0.0]), torch.ones(1, 1, 1), 1.0)
    assert float(none) == pytest.approx(np.log(2), rel=1e-4)


def test_a_cell_counts_as_the_classes_that_the_teacher_sees_in_it():
    wanted = pixels_of([1.0, 0.0], [0.25, 0.75])
    found = distillation.worth(wanted.half(), torch.tensor([1.0, 5.0]))
    assert found.tolist() == [[[1.0, 0.25 + 0.75 * 5]]]


def test_a_whole_frame_at_its_own_size_is_cut_unchanged():
    wanted = np.random.default_rng(1).random((6, 8, 3)).astype(np.float16)
    found, known = distillation.cut(wanted, (24, 32), (0, 0), (1, 1), (24, 32))
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert known.all()


@pytest.mark.parametrize(('corner', 'scale'), [
    ((0, 0), (0.5, 0.5)), ((10, 30), (0.8, 0.7)), ((13.3, 7.9), (1.0, 1.0)),
    ((20.5, 40.25), (0.45, 0.6)), ((11, 50), (1.7, 2.1)),
])
def test_probabilities_are_cut_and_scaled_as_the_image_is(corner, scale):
    # A frame whose image and probabilities are one smooth function of the place.
    rows, columns = np.mgrid[:192, :320] + 0.5

    def values(y, x):
        return 0.5 + 0.4 * np.sin(y / 30) * np.cos(x / 40)

    grid = np.mgrid[:48, :80] * 4 + 2
    wanted = values(*grid)[..., None]
    crop = (48, 64)
    found, known = distillation.cut(wanted, (192, 320), corner, scale, crop)
    box = (corner[1], corner[0], corner[1] + crop[1] / scale[1], corner[0] + crop[0] / scale[0])
    image = Image.fromarray(values(rows, columns).astype(np.float32)).resize(
        (crop[1], crop[0]), Image.Resampling.BILINEAR, box)
    cells = np.asarray(image).reshape(12, 4, 16, 4).mean((1, 3))
    assert known.all()
    np.testing.assert_allclose(found[1:-1, 1:-1, 0], cells[1:-1, 1:-1], atol=0.02)


def test_what_lies_outside_of_the_frame_is_not_known():
    wanted = np.ones((6, 8, 2), np.float16)
    found, known = distillation.cut(wanted, (24, 32), (-8, 4), (1, 1), (32, 40))
    assert known.tolist() == [[2 <= row < 8 and column < 7 for column in range(10)]
                              for row in range(8)]
    assert np.array_equal(found[known], np.ones((42, 2)))
    assert not found[~known].any()


@pytest.mark.parametrize(('bf16', 'muon'), [(False, False), (True, True)])
def test_a_taught_run_that_stopped_goes_on_to_the_identical_state(tmp_path, bf16, muon):
    chosen = taught(tmp_path, bf16=bf16, muon=muon)
    assert loop.Trainer(chosen, tmp_path / 'whole').run()
    assert not loop.Trainer(chosen, tmp_path / 'parts').run(stop_after=2)
    assert loop.Trainer(chosen, tmp_path / 'parts').run()
    whole, parts = (torch.load(tmp_path / name / loop.STATE, weights_only=True)
                    for name in ('whole', 'parts'))
    whole.pop('seconds'), parts.pop('seconds')
    assert same(whole, parts)


def test_training_comes_closer_to_the_teacher_without_a_label(tmp_path):
    chosen = taught(tmp_path, steps=1000, warmup=1, lr=2e-3)
    trainer = loop.Trainer(chosen, tmp_path / 'run')
    batch = next(iter(trainer.batches(data.load_training(chosen.data))))
    batch['labels'].fill_(255)
    assert batch['asked'].any()
    pixels = (batch['image'].float() - trainer.mean) / trainer.std

    def distance():
        with torch.no_grad():
            return float(distillation.divergence(
                model.logits(trainer.model, pixels), batch['wanted'], batch['asked'], 1.0))

    before = distance()
    for _ in range(20):
        trainer.train_step(batch)
    assert distance() < 0.5 * before


def test_two_processes_train_by_the_documented_command(tmp_path):
    chosen = taught(tmp_path, bf16=True, steps=2, validate_every=2)
    (tmp_path / 'run.yaml').write_text(yaml.safe_dump(json.loads(
        json.dumps(config.to_dict(chosen)))))
    done = subprocess.run([
        sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc-per-node', '2',
        '-m', 'aim_ros.training', '--config', str(tmp_path / 'run.yaml'),
        'train', '--out', str(tmp_path / 'run'),
    ], env={**os.environ, 'OMP_NUM_THREADS': '1', 'CUDA_VISIBLE_DEVICES': ''},
        capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count('mIoU') == 1  # by one of the two
    assert 'finished' in done.stdout
    state = torch.load(tmp_path / 'run' / loop.STATE, weights_only=True)
    assert state['step'] == 2
    assert json.loads((tmp_path / 'run' / 'best' / 'step.json').read_text())['step'] == 2
