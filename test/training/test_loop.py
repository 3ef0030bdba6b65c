import dataclasses
import json

import numpy as np
import pytest
from train_extra import skip_where_missing

skip_where_missing()

import torch  # noqa: E402
from training_fixtures import same  # noqa: E402
from training_fixtures import save_answers  # noqa: E402
from training_fixtures import save_teacher  # noqa: E402
from training_fixtures import settings  # noqa: E402

from aim_ros.training import config  # noqa: E402
from aim_ros.training import data  # noqa: E402
from aim_ros.training import loop  # noqa: E402
from aim_ros.training import losses  # noqa: E402
from aim_ros.training import model  # noqa: E402
from aim_ros.training import optimization  # noqa: E402
from aim_ros.training import processes  # noqa: E402
from aim_ros.training.sources import Source  # noqa: E402


def test_a_stopped_run_goes_on_to_the_identical_state(tmp_path):
    chosen = settings(tmp_path)
    assert loop.Trainer(chosen, tmp_path / 'whole').run()
    assert not loop.Trainer(chosen, tmp_path / 'parts').run(stop_after=2)
    resumed = loop.Trainer(chosen, tmp_path / 'parts')
    assert resumed.step == 2
    assert resumed.run()
    whole, parts = (torch.load(tmp_path / name / loop.STATE, weights_only=True)
                    for name in ('whole', 'parts'))
    whole.pop('seconds'), parts.pop('seconds')
    assert same(whole, parts)
    assert not same(whole['model'], whole['ema'])
    best = json.loads((tmp_path / 'whole' / 'best' / 'step.json').read_text())
    assert best['step'] == 4
    log = [json.loads(line) for line in (tmp_path / 'parts' / loop.LOG).read_text().splitlines()]
    assert [entry['step'] for entry in log if 'loss' in entry] == [1, 2, 3, 4]


def test_a_run_says_from_where_it_begins(tmp_path, capsys):
    folder = tmp_path / 'run'
    loop.Trainer(settings(tmp_path), folder).run(stop_after=1)
    assert 'from random weights: step 0 of 4, 0.0 minutes\n' in capsys.readouterr().out
    trainer = loop.Trainer(settings(tmp_path, minutes=90, steps=2), folder)
    trainer.seconds = 150.0
    trainer.run()
    begun = f'goes on from {folder / loop.STATE}: step 1 of 2, 2.5 of 90 minutes'
    assert f'{begun}; no best checkpoint here yet\n' in capsys.readouterr().out
    loop.Trainer(settings(tmp_path), folder).run(stop_after=1)
    output = capsys.readouterr().out
    assert 'step 2 of 4, ' in output
    assert 'no best' not in output

    model.save(model.build(config.ModelConfig()), tmp_path / 'weights', (32, 64))
    started = dataclasses.replace(
        settings(tmp_path), model=config.ModelConfig(start=str(tmp_path / 'weights')))
    assert loop.Trainer(started, tmp_path / 'new').beginning.startswith(
        f'from {tmp_path / "weights"}: step 0 of 4')


def test_a_state_alone_goes_on_in_a_new_folder_with_other_settings(tmp_path):
    chosen = settings(tmp_path)
    assert loop.Trainer(chosen, tmp_path / 'run').run()
    path = tmp_path / 'run' / loop.STATE
    state = torch.load(path, weights_only=True)
    state['best_figures'] = {'mIoU': 2.0, 'chosen IoU': 2.0}
    larger = dataclasses.replace(
        settings(tmp_path, steps=5),
        augment=dataclasses.replace(chosen.augment, crop=(64, 96)))
    (tmp_path / 'new').mkdir()
    torch.save(state, tmp_path / 'new' / loop.STATE)
    trainer = loop.Trainer(larger, tmp_path / 'new')
    assert (trainer.step, trainer.progress) == (4, 0.8)
    assert trainer.run()
    # Figures of a checkpoint that was left behind keep none from being written.
    best = json.loads((tmp_path / 'new' / 'best' / 'step.json').read_text())
    assert best['step'] == 5


def test_a_teacher_is_shown_the_blends_of_a_run(tmp_path):
    pytest.importorskip('openvino')
    plain = settings(tmp_path, steps=2)
    save_teacher(tmp_path)
    chosen = dataclasses.replace(
        plain, data=save_answers(tmp_path / 'answers', plain.data),
        teacher=config.TeacherConfig(weights=str(tmp_path)),
        augment=dataclasses.replace(plain.augment, mixup_probability=1.0))
    trainer = loop.Trainer(chosen, tmp_path / 'run')
    crops = trainer.batches(data.load_training(chosen.data)).dataset
    assert crops.zoom == 2
    # It is sure of the labels where it saw the frames, and of nothing where it has random weights.
    assert crops[0]['wanted'].max() < 0.9
    assert trainer.run()

    alone = dataclasses.replace(chosen, data=plain.data)
    trainer = loop.Trainer(alone, tmp_path / 'alone')
    assert trainer.batches(data.load_training(alone.data)).dataset.teacher is None


def test_a_state_of_another_version_or_optimizer_is_refused(tmp_path):
    loop.Trainer(settings(tmp_path), tmp_path / 'run').run(stop_after=1)
    with pytest.raises(ValueError, match=r'a run without Muon: set train\.muon as it was'):
        loop.Trainer(settings(tmp_path, muon=True), tmp_path / 'run')
    path = tmp_path / 'run' / loop.STATE
    state = torch.load(path, weights_only=True)
    del state['ema']
    torch.save(state, path)
    with pytest.raises(ValueError, match=r'last\.pt is from another version of this tool'):
        loop.Trainer(settings(tmp_path), tmp_path / 'run')


def test_a_state_of_another_network_is_refused(tmp_path):
    loop.Trainer(settings(tmp_path), tmp_path / 'run').run(stop_after=1)
    larger = dataclasses.replace(settings(tmp_path), model=config.ModelConfig(size='b1'))
    with pytest.raises(ValueError, match=r'holds a run of another network: set model\.size'):
        loop.Trainer(larger, tmp_path / 'run')


def test_the_best_checkpoint_is_judged_by_the_settings_of_today(tmp_path):
    chosen = settings(tmp_path, steps=2, validate_every=1)
    trainer = loop.Trainer(chosen, tmp_path / 'run')
    trainer.best = {'mIoU': -0.1, 'chosen IoU': 9.0}
    trainer.save()
    (tmp_path / 'run' / 'best').mkdir()
    loop.Trainer(chosen, tmp_path / 'run').run(stop_after=1)
    assert not (tmp_path / 'run' / 'best' / 'step.json').exists()
    by_miou = settings(tmp_path, steps=2, validate_every=1, chosen_weight=0.0)
    loop.Trainer(by_miou, tmp_path / 'run').run()
    assert json.loads((tmp_path / 'run' / 'best' / 'step.json').read_text())['step'] == 2


def test_the_best_checkpoint_is_chosen_on_all_sources_alike(tmp_path, monkeypatch):
    # 'b' has one frame of two: a source counts by itself, not by its pixels.
    chosen = settings(tmp_path, chosen_classes=(0, 1, 2), chosen_weight=0.5)
    trainer = loop.Trainer(chosen, tmp_path / 'run')
    matrices = {(32, 64): [[6, 0, 0], [0, 2, 2], [0, 0, 0]], (16, 32): [[3, 1, 0], [0, 0, 0],
                                                                       [0, 0, 0]]}
    monkeypatch.setattr(loop.metrics, 'predictor', lambda network, processor, size: size)
    monkeypatch.setattr(loop.metrics, 'evaluate', lambda size, frames:
                        loop.metrics.Figures(np.array(matrices[size])))
    sources = [Source(config.SourceConfig(name, '', input_size=size), ())
               for name, size in (('a', None), ('b', (16, 32)))]
    trainer.validate(sources)
    iou = ((1 + 0.5) / 2 + 3 / 4) / 2
    assert trainer.latest == pytest.approx({'mIoU': iou, 'chosen IoU': iou})
    step = json.loads((tmp_path / 'run' / 'best' / 'step.json').read_text())
    assert step['score'] == pytest.approx(1.5 * iou)


def test_more_processes_than_gpus_are_refused(monkeypatch):
    for name in ('WORLD_SIZE', 'LOCAL_WORLD_SIZE'):
        monkeypatch.setenv(name, '2')
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 1)
    with pytest.raises(ValueError, match='2 processes, 1 GPUs: start one process a GPU'):
        processes.join_processes(torch.device('cuda'))


def test_the_best_checkpoint_loads_and_answers(tmp_path):
    loop.Trainer(settings(tmp_path, steps=1, validate_every=1), tmp_path / 'run').run()
    loaded = model.build(config.ModelConfig(start=str(tmp_path / 'run' / 'best'))).eval()
    assert loaded.config.id2label[11] == 'person'
    assert loaded(torch.zeros(1, 3, 32, 64)).logits.shape == (1, 19, 8, 16)


@pytest.mark.skipif(not torch.cuda.is_available(), reason='no CUDA device')
def test_training_runs_on_cuda(tmp_path):
    chosen = settings(tmp_path, device='cuda', bf16=True)
    trainer = loop.Trainer(chosen, tmp_path / 'run')
    assert trainer.run()
    assert next(trainer.model.parameters()).device.type == 'cuda'


def test_bf16_trains_with_finite_loss(tmp_path):
    trainer = loop.Trainer(settings(tmp_path, bf16=True), tmp_path / 'run')
    batch = {'image': torch.randint(0, 255, (2, 3, 32, 64), dtype=torch.uint8),
             'labels': torch.zeros(2, 32, 64, dtype=torch.uint8), 'weight': torch.ones(2)}
    losses = [float(trainer.train_step(batch)) for _ in range(4)]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize('size', ['b0', 'b1', 'b2'])
def test_the_training_forward_pass_is_the_models_own(size):
    torch.manual_seed(1)
    network = model.build(config.ModelConfig(size=size)).eval()
    for module in network.modules():  # a fresh batch norm would hide its statistics
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
    pixels = torch.randn(2, 3, 32, 64)
    with torch.no_grad():
        torch.testing.assert_close(model.logits(network, pixels), network(pixels).logits,
                                   rtol=1e-4, atol=1e-5)


def test_a_network_forgets_a_part_of_its_matrices(tmp_path):
    start = model.build(config.ModelConfig())
    for parameter in start.parameters():
        torch.nn.init.constant_(parameter, 3.0)
    model.save(start, tmp_path, (32, 64))
    torch.manual_seed(4)
    forgetful = model.build(config.ModelConfig(start=str(tmp_path), keep=0.25))
    torch.manual_seed(4)
    fresh = dict(model.build(config.ModelConfig()).named_parameters())
    for name, found in forgetful.named_parameters():
        wanted = 0.25 * 3 + 0.75 * fresh[name] if found.ndim > 1 else torch.full_like(found, 3)
        torch.testing.assert_close(found, wanted)


def test_an_unknown_size_is_named():
    with pytest.raises(ValueError, match=r"'b9'; sizes: b0, b1, b2$"):
        model.build(config.ModelConfig(size='b9'))


@pytest.mark.parametrize(('changes', 'message'), [
    ({'size': 'b1'}, 'holds a b0, model.size is b1; model.start=null'),
    ({'start': 'nowhere'}, 'model.start: nowhere holds no checkpoint'),
    ({'start': None, 'keep': 0.5}, 'model.keep is 0.5: there is no model.start to forget'),
])
def test_settings_that_the_start_contradicts_are_refused(tmp_path, changes, message):
    model.save(model.build(config.ModelConfig()), tmp_path, (32, 64))
    with pytest.raises(ValueError, match=message):
        model.build(config.ModelConfig(**{'start': str(tmp_path), **changes}))
    same_size = model.build(config.ModelConfig(start=str(tmp_path), size='b0'))
    assert same_size.config.hidden_sizes == [32, 64, 160, 256]


def rates(**settings):
    chosen = config.TrainConfig(steps=10, **settings)
    return [optimization.learning_rate(s, s / 10, chosen) for s in range(11)]


def test_learning_rate_warms_up_and_ends_at_zero():
    found = rates(lr=1.0, warmup=4, power=1.0)
    assert found[:4] == pytest.approx([0.25, 0.5 * 0.9, 0.75 * 0.8, 0.7])
    assert found[5] == pytest.approx(0.5)
    assert found[10] == 0.0
    assert rates(lr=1.0, warmup=0, power=1.0)[0] == 1.0


def test_learning_rate_stays_until_its_decay_begins():
    found = rates(lr=2.0, warmup=0, power=1.0, decay_steps=4)
    assert found == pytest.approx([2.0] * 7 + [1.5, 1.0, 0.5, 0.0])


@pytest.mark.parametrize('muon', [False, True])
def test_every_parameter_has_its_own_rate_and_decay(tmp_path, muon):
    chosen = dataclasses.replace(
        settings(tmp_path, head_lr_factor=3.0, weight_decay=0.1, muon=muon),
        model=config.ModelConfig(size='b0'))
    trainer = loop.Trainer(chosen, tmp_path / 'run')
    groups = [(o, g) for o in trainer.optimizers for g in o.param_groups]
    found = {p: (g['factor'], g['weight_decay']) for _, g in groups for p in g['params']}
    by_muon = {p for o, g in groups if isinstance(o, torch.optim.Muon) for p in g['params']}
    network = trainer.model
    for parameter in network.segformer.parameters():
        assert found[parameter] == (1.0, 0.1 if parameter.ndim > 1 else 0.0)
    head = network.decode_head.classifier
    assert (found[head.weight], found[head.bias]) == ((3.0, 0.1), (3.0, 0.0))
    everything = list(network.parameters())
    assert len(found) == len(everything) == sum(len(g['params']) for _, g in groups)
    assert by_muon == {p for p in everything if muon and p.ndim == 2}


def test_a_run_goes_on_with_the_decay_and_the_rates_of_its_settings(tmp_path):
    loop.Trainer(settings(tmp_path), tmp_path / 'run').run(stop_after=1)
    changed = settings(tmp_path, head_lr_factor=7.0, weight_decay=0.3)
    trainer = loop.Trainer(changed, tmp_path / 'run')
    groups = [g for optimizer in trainer.optimizers for g in optimizer.param_groups]
    assert {g['factor'] for g in groups} == {1.0, 7.0}
    assert {g['weight_decay'] for g in groups} == {0.0, 0.3}


def test_a_time_budget_ends_the_run(tmp_path):
    trainer = loop.Trainer(settings(tmp_path, minutes=2, steps=100), tmp_path / 'run')
    trainer.seconds = 60
    assert trainer.progress == pytest.approx(0.5)
    trainer.step = 80
    assert trainer.progress == pytest.approx(0.8)
    trainer.seconds = 121
    assert trainer.run()
    assert trainer.step == 80


def test_loss_weighs_samples_and_classes():
    torch.manual_seed(2)
    logits, labels = torch.randn(2, 19, 4, 4), torch.randint(0, 19, (2, 4, 4))
    labels[0, 0] = 255
    classes = torch.rand(19) + 0.5
    equal = losses.weighted_loss(logits, labels, torch.ones(2), classes)
    wanted = torch.nn.functional.cross_entropy(logits, labels, classes, ignore_index=255)
    torch.testing.assert_close(equal, wanted)
    first = losses.weighted_loss(logits, labels, torch.tensor([1.0, 0.0]), classes)
    wanted = torch.nn.functional.cross_entropy(logits[:1], labels[:1], classes, ignore_index=255)
    torch.testing.assert_close(first, wanted)


def test_the_dice_share_counts_each_class_present_once():
    # Class 0 on three pixels, class 1 on one, the fourth row ignored; probabilities 3/4 and 1/4
    # for classes 0 and 1 everywhere.
    logits = torch.zeros(1, 3, 1, 5)
    logits[:, 0], logits[:, 1], logits[:, 2] = np.log(3), 0.0, -40.0
    labels = torch.tensor([[[0, 0, 0, 1, 255]]])
    plain, both = (losses.weighted_loss(logits, labels, torch.ones(1), torch.ones(3), dice=d)
                   for d in (0.0, 2.0))
    first = 2 * (3 * 0.75) / (4 * 0.75 + 3)
    second = 2 * 0.25 / (4 * 0.25 + 1)
    assert float(both - plain) == pytest.approx(2 * (1 - first + 1 - second) / 2, abs=1e-5)


def test_the_dice_share_trusts_a_samples_pixels_by_its_weight():
    logits = torch.randn(2, 3, 4, 6, generator=torch.Generator().manual_seed(2))
    labels = torch.randint(3, (2, 4, 6), generator=torch.Generator().manual_seed(3))
    trusted, twice = (
        losses.weighted_loss(logits[chosen], labels[chosen], torch.tensor(weights), torch.ones(3),
                             dice=1.0)
        for chosen, weights in (([0, 1], [1.0, 0.5]), ([0, 0, 1], [1.0, 1.0, 1.0])))
    torch.testing.assert_close(trusted, twice)


@pytest.mark.parametrize('dice', [0.0, 1.0])
def test_a_batch_without_labels_has_no_loss(dice):
    labels = torch.full((1, 4, 4), 255)
    loss = losses.weighted_loss(torch.randn(1, 19, 2, 2), labels, torch.ones(1), torch.ones(19),
                              dice=dice)
    assert float(loss) == 0
