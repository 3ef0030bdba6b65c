"""Crops drawn on a device. In the frames here every class has a colour of its own."""

import dataclasses
import json

import numpy as np
import pytest
from train_extra import skip_where_missing

skip_where_missing('kornia')

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from training_fixtures import make_data  # noqa: E402
from training_fixtures import same  # noqa: E402
from training_fixtures import save_teacher  # noqa: E402
from training_fixtures import settings  # noqa: E402

from aim_ros.training import banks  # noqa: E402
from aim_ros.training import config  # noqa: E402
from aim_ros.training import data  # noqa: E402
from aim_ros.training import loop  # noqa: E402
from aim_ros.training.device_crops import DeviceCrops  # noqa: E402
from aim_ros.training.labels import IGNORE  # noqa: E402
from aim_ros.training.pasting import Instance  # noqa: E402
from aim_ros.training.sources import LabelledFrame  # noqa: E402
from aim_ros.training.sources import Source  # noqa: E402

ROAD, BUILDING, PERSON, CAR = 0, 2, 11, 13
PLAIN = {'crop': (32, 64), 'colour': 0.0, 'blur': 0.0, 'noise': 0.0, 'grey': 0.0,
         'paste_probability': 0.0, 'rare_probability': 0.0, 'paste_height': (12, 16)}


def knows_colours(images):
    """Return the probabilities of a teacher that knows each class's colour."""
    middles = F.interpolate(images, scale_factor=1 / 8, mode='area')[:, 0]
    return F.one_hot((middles / 10).round().long().clamp(0, 18), 19).movedim(3, 1).float()


@pytest.fixture
def sources(tmp_path):
    return data.load_training(make_data(tmp_path))


def crops(sources, device, *, batch=16, seed=1, teacher=knows_colours, **changes):
    return DeviceCrops(sources, config.AugmentConfig(**{**PLAIN, **changes}), seed, batch,
                       device, teacher=teacher)


def agreement(batch, labels):
    """Return the share of pixels whose colour is the label's."""
    known = labels != IGNORE
    colour = (batch['image'][:, 0] / 10).round().to(torch.uint8)
    return (colour == labels)[known].float().mean()


def test_image_labels_and_teacher_are_cut_alike(sources, device):
    batch = crops(sources, device)(0)
    assert batch['image'].shape == (16, 3, 32, 64)
    assert batch['labels'].shape == (16, 32, 64)
    assert batch['wanted'].shape == (16, 19, 8, 16)
    assert set(batch['labels'].unique().tolist()) == {ROAD, BUILDING, PERSON, CAR}
    assert agreement(batch, batch['labels']) > 0.9
    middles = batch['labels'][:, 2::4, 2::4]
    assert batch['asked'].min() == 1
    assert (batch['wanted'].argmax(1) == middles).float().mean() > 0.9
    torch.testing.assert_close(batch['wanted'].sum(1), batch['asked'])
    assert batch['weight'].tolist() == [0.5] * 16


def test_a_batch_depends_on_its_step_and_the_seed_alone(sources, device):
    changes = {**PLAIN, 'colour': 0.8, 'blur': 0.4, 'noise': 0.4, 'paste_probability': 0.5,
               'rare_probability': 0.5, 'cutmix_probability': 0.5, 'mixup_probability': 0.5}
    first, second = crops(sources, device, **changes), crops(sources, device, **changes)
    before = [first(step) for step in range(3)]
    assert same(second(2), before[2])
    assert not same(before[1], before[2])
    assert not same(crops(sources, device, seed=2, **changes)(2), before[2])


def test_half_of_the_crops_are_mirrored(sources, device):
    labels = np.full((96, 160), ROAD, np.uint8)
    labels[50:60, 120:150] = CAR
    frame = LabelledFrame('car', np.repeat(10 * labels[..., None], 3, 2), labels)
    # Whole frames as crops.
    whole = dataclasses.replace(sources[0], frames=(frame,), settings=dataclasses.replace(
        sources[0].settings, scale=(0.4, 0.4)))
    found = crops([whole], device, aspect=0.0, crop=(40, 64))(0)['labels'] == CAR
    right = found[..., 32:].any((1, 2))
    assert 2 <= right.sum() <= 14
    assert not found[~right][..., 32:].any()
    assert found[~right].any((1, 2)).all()


def test_a_crop_larger_than_its_frame_is_unlabelled_beside_it(sources, device):
    frame = LabelledFrame('small', np.full((20, 160, 3), 20, np.uint8),
                          np.full((20, 160), BUILDING, np.uint8))
    small = dataclasses.replace(sources[0], frames=(frame,), settings=dataclasses.replace(
        sources[0].settings, scale=(0.2, 0.2)))
    batch = crops([small, sources[0]], device, batch=32)(0)
    beside = batch['labels'] == IGNORE
    assert beside.any()
    assert not batch['asked'][beside[:, 2::4, 2::4]].any()
    assert batch['image'].amax(1)[beside].max() <= 20


def test_crops_are_centred_on_rare_classes(sources, device):
    rare = {'rare_classes': (PERSON,), 'rare_probability': 1.0}
    narrow = {'crop': (16, 16)}
    found = (crops(sources, device, **rare, **narrow)(0)['labels'] == PERSON).any((1, 2))
    usual = (crops(sources, device, **narrow)(0)['labels'] == PERSON).any((1, 2))
    assert found.all()
    assert not usual.all()


def test_people_are_pasted_where_they_could_stand(sources, device):
    without = crops(sources, device, batch=32)(0)['labels']
    pasted = crops(sources, device, batch=32, paste_probability=1.0, paste_most=1,
                   paste_classes=(PERSON,))(0)
    # The draws before are the same, so what differs is what was pasted.
    changed = pasted['labels'] != without
    assert changed.any((1, 2)).float().mean() > 0.5
    assert set(pasted['labels'][changed].unique().tolist()) == {PERSON}
    assert agreement(pasted, pasted['labels']) > 0.9
    heights, grounded = [], []
    for before, new in zip(without, changed, strict=True):
        if new.any():
            rows = new.any(1).nonzero()[:, 0]
            heights.append(int(rows[-1] - rows[0] + 1))
            below = min(int(rows[-1]) + 1, 31)
            grounded.append(bool((before[below][new.any(0)] == ROAD).any()))
    # Some stand before others, or are cut off above.
    assert 9 <= max(heights) <= 16
    assert np.mean(grounded) > 0.8
    cells = F.max_pool2d(changed.float()[:, None], 4)[:, 0] > 0
    assert not pasted['asked'][cells].any()
    assert pasted['asked'][~cells].all()


def test_vehicles_are_pasted_of_what_humans_labelled(sources, device):
    large = {'vehicle_classes': (CAR,), 'paste_vehicles': 1.0, 'vehicle_height': (14, 14)}
    assert crops(sources, device, **large).vehicles is None  # a car of 10 rows is too low
    labels = sources[0].frames[0].labels.copy()
    labels[45:90, 20:60] = CAR
    frame = dataclasses.replace(sources[0].frames[0], labels=labels)
    named = dataclasses.replace(sources[0].settings, labels='labels')
    for described, found in ((named, 1), (dataclasses.replace(named, labels=None), 0)):
        source = Source(described, (frame,))
        assert len(crops([source], device, **large).vehicles or ()) == found


def test_a_rectangle_of_another_crop_comes_with_its_labels(sources, device):
    plain, mixed = (crops(sources, device, cutmix_probability=share)(0) for share in (0.0, 1.0))
    changed = (plain['labels'] != mixed['labels']).float().mean((1, 2))
    assert 0 < changed.max() < 0.6
    assert agreement(mixed, mixed['labels']) > 0.9
    middles = mixed['labels'][:, 2::4, 2::4]
    assert (mixed['wanted'].argmax(1) == middles).float().mean() > 0.9


def test_the_teacher_is_shown_blends(sources, device):
    shown = []

    def teacher(images):
        shown.append(images)
        return knows_colours(images)

    drawn = crops(sources, device, mixup_probability=1.0, teacher=teacher)
    whole = len(shown)
    batch = drawn(0)
    assert len(shown) == whole + 1
    assert shown[-1].shape == (16, 3, 64, 128)
    # Labels are left where both crops have the same, and there the blend has its colour.
    assert (batch['labels'] == IGNORE).any()
    assert agreement(batch, batch['labels']) > 0.9
    wanted = F.interpolate(knows_colours(shown[-1]), (8, 16), mode='area')
    torch.testing.assert_close(batch['wanted'], wanted)


def test_as_many_crops_are_blended_in_every_step(sources, device):
    shown = []

    def teacher(images):
        shown.append(len(images))
        return knows_colours(images)

    for share, expected in ((0.5, {8}), (0.3, {4, 5})):
        drawn = crops(sources, device, mixup_probability=share, teacher=teacher)
        shown.clear()
        for step in range(12):
            drawn(step)
        assert set(shown) == expected
        assert len(shown) == 12


def test_half_of_the_crops_are_noisy(sources, device):
    grey = dataclasses.replace(sources[0], frames=(LabelledFrame(
        'grey', np.full((96, 160, 3), 128, np.uint8), np.full((96, 160), ROAD, np.uint8)),))
    plain, noisy = (crops([grey], device, batch=128, noise=noise) for noise in (0.0, 1.0))
    noisy.compression = torch.nn.Identity()
    noise = (noisy(0)['image'] - plain(0)['image']) / 255
    changed = noise.flatten(1).any(1)
    assert 40 <= changed.sum() <= 88
    spread = noise[changed].std((1, 2, 3))
    assert 0.0095 < spread.min() < 0.015
    assert 0.045 < spread.max() < 0.0525
    assert (noise[changed].mean((1, 2, 3)).abs() < 0.005).all()


def test_whole_frames_are_shown_at_three_sizes(sources, device):
    sizes = []

    def teacher(images):
        sizes.append(tuple(images.shape[2:]))
        return torch.full((len(images), 19, *(side // 8 for side in images.shape[2:])),
                          len(sizes) / 19, device=device)

    bank = crops(sources[:1], device, teacher=teacher, batch=1).frames
    # 96x160, enlarged by 1.5, 2 and 2.5.
    assert sizes[:3] == [(128, 256), (192, 320), (256, 384)]
    assert bank.grids[0].tolist() == [32, 48]
    assert float(bank.wanted[0, :, :32, :48].float().mean()) == pytest.approx(2 / 19, rel=1e-3)


def test_frames_of_one_size_are_shown_together(sources, device, monkeypatch):
    monkeypatch.setattr(banks, '_SHOWN', 2)
    small = dataclasses.replace(sources[0], frames=(LabelledFrame(
        'small', np.full((64, 96, 3), 10 * CAR, np.uint8), np.full((64, 96), CAR, np.uint8)),))
    assert len(sources[0].frames) == 3
    counts = []

    def teacher(images):
        counts.append(len(images))
        return knows_colours(images)

    parts = [dataclasses.replace(sources[0], frames=sources[0].frames[part])
             for part in (slice(1), slice(1, None))]
    between = [parts[0], small, parts[1]]
    bank = banks.FrameBank(between, device, teacher)
    # At three sizes each: two of one size, the third one twice, and the small one.
    assert counts == [2] * 6 + [1] * 3
    assert bank.places.tolist() == [0, 3, 1, 2]
    for index, frame in enumerate(frame for source in between for frame in source.frames):
        rows, columns = bank.grids[index]
        seen = bank.wanted[bank.places[index], :, :rows, :columns].argmax(0).cpu()
        labels = torch.tensor(frame.labels)[None, None].float()
        labels = F.interpolate(labels, (rows, columns), mode='nearest-exact')[0, 0]
        assert (seen == labels).float().mean() > 0.9


def test_frames_of_untaught_sources_are_not_shown_to_the_teacher(sources, device):
    exact = dataclasses.replace(sources[0], settings=dataclasses.replace(
        sources[0].settings, taught=False))
    shown = []

    def teacher(images):
        shown.append(images)
        return knows_colours(images)

    both = crops([sources[0], exact], device, mixup_probability=1.0, teacher=teacher, batch=32)
    assert sum(map(len, shown)) == 3 * len(sources[0].frames)
    batch = both(0)
    asked = batch['asked'].amax((1, 2)) > 0
    assert 0 < asked.sum() < 32
    assert not (batch['labels'][~asked] == IGNORE).any()  # they are not blended


def test_an_untaught_source_alone_is_drawn_unasked(sources, device):
    exact = dataclasses.replace(sources[0], settings=dataclasses.replace(
        sources[0].settings, taught=False))
    batch = crops([exact], device, mixup_probability=1.0)(0)
    assert not batch['asked'].any()
    assert agreement(batch, batch['labels']) > 0.9


def test_without_a_teacher_crops_are_not_blended(sources, device):
    batch = crops(sources, device, mixup_probability=1.0, teacher=None)(0)
    assert not batch['asked'].any()
    assert not (batch['labels'] == IGNORE).any()


def test_a_crop_off_the_grid_is_refused(sources, device):
    with pytest.raises(ValueError, match=r'augment\.crop is \(30, 64\)'):
        crops(sources, device, crop=(30, 64))


def test_small_instances_do_not_alias(device):
    stripes = np.zeros((192, 192, 3), np.uint8)
    stripes[:, ::2] = 255
    bank = banks.InstanceBank([Instance(stripes, np.full((192, 192), PERSON, np.uint8))], device)
    for height, spread in ((192, 100), (24, 3)):
        tile = bank.tiles[bank.tile(np.array([0]), np.array([height]))[0], 0].float()
        assert (tile.std() > spread) == (height == 192)


def test_a_run_on_the_device_goes_on_where_it_stopped(tmp_path, device):
    plain = settings(tmp_path, device=device.type)
    save_teacher(tmp_path)
    chosen = dataclasses.replace(
        plain, teacher=config.TeacherConfig(weights=str(tmp_path)),
        augment=dataclasses.replace(plain.augment, on_device=True, mixup_probability=0.5))
    assert loop.Trainer(chosen, tmp_path / 'whole').run()
    loop.Trainer(chosen, tmp_path / 'parts').run(stop_after=2)
    assert loop.Trainer(chosen, tmp_path / 'parts').run()
    whole, parts = (
        [entry['loss'] for entry in map(json.loads, (
            tmp_path / name / loop.LOG).read_text().splitlines()) if 'loss' in entry]
        for name in ('whole', 'parts'))
    # A run logs the mean since it began; on a GPU sums come in any order.
    assert whole[:2] == pytest.approx(parts[:2], rel=1e-2)
    assert len(parts) == 4
    if device.type == 'cpu':
        weights = (torch.load(tmp_path / name / loop.STATE, weights_only=True)['model']
                   for name in ('whole', 'parts'))
        assert same(*weights)
