import dataclasses
import json
from pathlib import Path

import numpy as np
from PIL import Image
import pytest
from train_extra import skip_where_missing

skip_where_missing()

from training_fixtures import make_data  # noqa: E402
from training_fixtures import save_answers  # noqa: E402

from aim_ros.resources import share_directory  # noqa: E402
from aim_ros.training import augment  # noqa: E402
from aim_ros.training import config  # noqa: E402
from aim_ros.training import data  # noqa: E402
from aim_ros.training import pasting  # noqa: E402
from aim_ros.training.sources import LabelledFrame  # noqa: E402
from aim_ros.training.sources import Source  # noqa: E402

PERSON, RIDER, CAR, TRUCK, BICYCLE = 11, 12, 13, 14, 18

NO_LABELS = r'^made has no labels: set labels, or taught and data\.computed$'


def test_frames_of_the_validation_list_are_not_trained_on(tmp_path):
    settings = make_data(tmp_path)
    training, validation = data.load_training(settings), data.load_validation(settings)
    assert [f.name for f in validation.frames] == ['f2']
    assert [f.name for f in training[0].frames] == ['f0', 'f1', 'f3']


def test_a_source_that_holds_validation_frames_is_refused(tmp_path):
    settings = make_data(tmp_path, leave_out=False)
    with pytest.raises(ValueError, match='1 validation frames would be trained on'):
        data.load_training(settings)


def crops(settings, *, teacher=None, zoom=1, **changes):
    chosen = config.AugmentConfig(**{'crop': (48, 64), 'paste_height': (8, 30), **changes})
    return augment.CropDataset(data.load_training(settings), chosen, seed=5, length=64,
                               teacher=teacher, zoom=zoom)


def test_a_crop_depends_on_seed_and_index_alone(tmp_path):
    settings = make_data(tmp_path)
    first, second = crops(settings), crops(settings)
    for index in (7, 3, 7, 40):
        a, b = first[index], second[index]
        assert np.array_equal(a['image'], b['image'])
        assert np.array_equal(a['labels'], b['labels'])
    assert not np.array_equal(first[7]['labels'], first[8]['labels'])


def test_crops_favour_rare_classes(tmp_path):
    settings = make_data(tmp_path)
    plain = {'paste_probability': 0.0, 'rare_classes': (PERSON,)}
    often = crops(settings, rare_probability=1.0, **plain)
    seldom = crops(settings, rare_probability=0.0, **plain)
    share = [np.mean([(PERSON in d[i]['labels']) for i in range(40)]) for d in (often, seldom)]
    assert share[0] > 0.95 > share[1]


@pytest.mark.parametrize('zoom', [1, 2])
@pytest.mark.parametrize('mix', [0.0, 1.0])
def test_image_and_labels_stay_aligned(tmp_path, mix, zoom):
    # In these frames every class has one colour, so each pixel's label can be read from it.
    settings = make_data(tmp_path, scale=(1.0, 1.0))
    dataset = crops(settings, colour=0.0, blur=0.0, noise=0.0, grey=0.0, aspect=0.0,
                    paste_probability=0.0, cutmix_probability=mix, zoom=zoom)
    for index in range(12):
        crop = dataset[index]
        known = crop['labels'] != 255
        # Edges mix colours; far the most pixels are not edges.
        wanted = 10 * crop['labels'].astype(int)
        close = np.abs(crop['image'][0].astype(int) - wanted) < 12
        assert close[known].mean() > 0.9


@pytest.mark.parametrize('zoom', [1, 2])
@pytest.mark.parametrize('mix', [0.0, 1.0])
def test_the_teachers_probabilities_stay_aligned_with_the_labels(tmp_path, mix, zoom):
    settings = save_answers(tmp_path / 'answers', make_data(tmp_path))
    dataset = crops(settings, paste_probability=0.0, cutmix_probability=mix, zoom=zoom)
    for index in range(12):
        crop = dataset[index]
        assert crop['wanted'].shape == (19, 12, 16)
        blocks = crop['labels'].reshape(12, 4, 16, 4)
        plain = (blocks == blocks[:, :1, :, :1]).all((1, 3)) & (crop['asked'] > 0)
        assert plain.mean() > 0.5
        # Cells of one label; a cell beside them may still have its edge half a cell off.
        agreed = crop['wanted'].argmax(0) == blocks[:, 0, :, 0]
        assert agreed[plain].mean() > 0.95


@pytest.mark.parametrize('zoom', [1, 2])
def test_the_teacher_is_not_asked_about_what_was_pasted(tmp_path, zoom):
    settings = save_answers(tmp_path / 'answers', make_data(tmp_path))
    plain = {'colour': 0.0, 'blur': 0.0, 'noise': 0.0, 'grey': 0.0}
    pasted = crops(settings, paste_probability=1.0, zoom=zoom, **plain)
    unasked = 0
    for index in range(20):
        crop = pasted[index]
        blocks = crop['labels'].reshape(12, 4, 16, 4).transpose(0, 2, 1, 3).reshape(12, 16, 16)
        people = (blocks == PERSON).all(2) & (crop['wanted'].argmax(0) != PERSON)
        unasked += people.sum()
        assert not crop['asked'][people].any()
    assert unasked > 10


def test_frames_without_a_teacher_ask_nothing(tmp_path):
    crop = crops(make_data(tmp_path))[0]
    assert not crop['asked'].any()
    assert np.isfinite(crop['wanted']).all()


def test_a_crop_that_the_logits_cannot_cover_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r'augment\.crop is \(50, 64\).* multiples of 4'):
        crops(make_data(tmp_path), crop=(50, 64))


def test_colours_change_independently_of_each_other():
    # Two colours, side by side: a grey crop has one channel, a blurred one more than two colours.
    image = np.full((48, 64, 3), (200, 60, 20), np.uint8)
    image[:, 32:] = (10, 90, 220)
    source = Source(config.SourceConfig('s', '', '', scale=(1.0, 1.0)), (
        LabelledFrame('f', image, np.zeros((48, 64), np.uint8)),))
    chosen = config.AugmentConfig(crop=(48, 64), colour=0, blur=0.5, noise=0, grey=0.5, aspect=0,
                                  rare_probability=0)
    dataset = augment.CropDataset([source], chosen, seed=1, length=60)
    found = []
    for index in range(60):
        crop = dataset[index]['image']
        found.append(((crop == crop[0]).all(), len(np.unique(crop[0])) > 2))
    for both in ((False, False), (False, True), (True, False), (True, True)):
        assert 4 < found.count(both) < 30


def test_a_mixed_crop_shows_two_and_is_trusted_like_the_weaker(tmp_path):
    def plain(value, weight):
        frame = LabelledFrame('f', np.full((48, 64, 3), 50 * value, np.uint8),
                           np.full((48, 64), value, np.uint8))
        settings = config.SourceConfig('s', '', '', weight=weight, scale=(1.0, 1.0))
        return Source(settings, (frame,))

    chosen = config.AugmentConfig(crop=(48, 64), colour=0, blur=0, noise=0, grey=0, aspect=0,
                                  rare_probability=0, cutmix_probability=1.0)
    mixed = augment.CropDataset([plain(1, 1.0), plain(2, 0.5)], chosen, seed=1, length=40)
    both = [crop for crop in map(mixed.__getitem__, range(40))
            if len(np.unique(crop['labels'])) == 2]
    assert both
    for crop in both:
        assert (crop['image'] == 50 * crop['labels']).all()
        assert crop['weight'] == 0.5
        share = (crop['labels'] == crop['labels'][0, 0]).mean()
        assert 0.05 < share < 0.95


def uniform(value, *, known=True, share=1.0):
    """Return a source of one frame of one class and colour, which the teacher has seen or not."""
    wanted = np.full((12, 16, 19), 1 / 19, np.float16) if known else None
    frame = LabelledFrame('f', np.full((48, 64, 3), 50 * value, np.uint8),
                          np.full((48, 64), value, np.uint8), wanted)
    settings = config.SourceConfig('s', '', '', weight=0.5 * value, scale=(1.0, 1.0), share=share)
    return Source(settings, (frame,))


def blended(sources, shown):
    """Return crops that are all blended, and keep what the teacher is shown in `shown`."""
    def teacher(image):
        shown.append(image)
        return np.eye(19, dtype=np.float32)[np.full((12, 16), PERSON)]

    chosen = config.AugmentConfig(crop=(48, 64), colour=0, blur=0, noise=0, grey=0, aspect=0,
                                  rare_probability=0, mixup_probability=1.0)
    return augment.CropDataset(sources, chosen, seed=1, length=20, teacher=teacher, zoom=2)


def test_the_teacher_says_what_is_in_a_blend():
    shown, greys = [], set()
    crops = blended([uniform(1), uniform(2)], shown)
    for crop in map(crops.__getitem__, range(len(crops))):
        (image,) = shown
        shown.clear()
        assert image.shape == (96, 128, 3)
        assert (crop['image'] == image[0, 0, 0]).all()
        assert (crop['wanted'].argmax(0) == PERSON).all()
        assert crop['asked'].all()
        # Labels only where both say the same.
        (label,) = np.unique(crop['labels'])
        assert label == {50: 1, 100: 2}.get(int(image[0, 0, 0]), 255)
        assert crop['weight'] == (1.0 if label == 2 else 0.5)
        greys.add(int(image[0, 0, 0]))
    assert min(greys) < 65 < 85 < max(greys)


def test_what_the_teacher_is_not_asked_of_is_not_blended():
    shown = []
    rendered = blended([uniform(1, known=False)], shown)
    assert all((rendered[index]['labels'] == 1).all() for index in range(20))
    assert not shown
    mixed = blended([uniform(1), uniform(2, known=False)], shown)
    assert {int(mixed[index]['labels'][0, 0]) for index in range(20)} == {1, 2}
    assert all((image == 50).all() for image in shown)


def test_in_a_blend_the_teacher_is_asked_of_what_was_pasted(tmp_path):
    def teacher(image):
        return np.full((12, 16, 19), 1 / 19, np.float32)

    settings = save_answers(tmp_path / 'answers', make_data(tmp_path))
    whole = {'paste_probability': 1.0, 'cutmix_probability': 0.5}
    both = crops(settings, teacher=teacher, zoom=2, mixup_probability=1.0, **whole)
    assert all(both[index]['asked'].all() for index in range(20))
    pasted = crops(settings, teacher=teacher, zoom=2, mixup_probability=0.0, **whole)
    assert not all(pasted[index]['asked'].all() for index in range(20))


def test_a_pasted_person_stands_where_it_was_put():
    person = pasting.Instance(np.full((22, 12, 3), 200, np.uint8),
                              np.full((22, 12), 255, np.uint8))
    person.labels[1:-1, 1:-1] = PERSON
    image, labels = np.zeros((60, 80, 3), np.uint8), np.zeros((60, 80), np.uint8)
    pasting.paste(image, labels, person, height=22, foot=50, column=40, gain=1.0, flip=False)
    rows, columns = np.nonzero(labels == PERSON)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (29, 48, 35, 44)
    assert (image[labels == PERSON] == 200).all()
    assert not image[labels != PERSON].any()
    pasting.paste(image, labels, person, height=22, foot=5, column=-3, gain=1.0, flip=True)
    assert (labels[:5, :5] == PERSON).any()  # cut off at the border


def road(trucks_grey=None, labelled_by='labels'):
    """Return a source of one frame of road, black, if it has no truck; then it is never drawn."""
    image, labels = np.zeros((48, 64, 3), np.uint8), np.zeros((48, 64), np.uint8)
    if trucks_grey is not None:
        image[9:37, 10:40], labels[9:37, 10:40] = trucks_grey, TRUCK
    settings = config.SourceConfig('s', '', labelled_by, scale=(1.0, 1.0), horizon=0.25,
                                   share=float(trucks_grey is None))
    return Source(settings, (LabelledFrame('f', image, labels),))


def test_vehicles_that_a_human_labelled_are_pasted_where_they_could_stand():
    chosen = config.AugmentConfig(
        crop=(48, 64), colour=0, blur=0, noise=0, grey=0, aspect=0, rare_probability=0,
        paste_probability=0, paste_vehicles=1.0, vehicle_height=(30, 30))
    sources = [road(), road(100), road(200, labelled_by=None)]
    pasted = augment.CropDataset(sources, chosen, seed=1, length=20)
    for crop in map(pasted.__getitem__, range(20)):
        trucks = crop['labels'] == TRUCK
        assert trucks.any()
        # The horizon is row 12: of a truck 30 rows high 12 to 20 are below it.
        assert 21 <= np.nonzero(trucks)[0].max() <= 32
        inside = crop['image'][0][trucks]
        assert np.median(inside) <= 131  # up to 1.3 times 100
        assert not crop['image'][0][~trucks].max() > 131
    never = augment.CropDataset(sources, dataclasses.replace(chosen, paste_vehicles=0.0),
                                seed=1, length=20)
    assert not any((crop['labels'] == TRUCK).any() for crop in map(never.__getitem__, range(20)))


def test_a_rider_and_its_bicycle_are_one_instance(tmp_path):
    labels = np.zeros((80, 80), np.uint8)
    labels[20:40, 30:40] = RIDER
    labels[40:60, 25:45] = BICYCLE
    labels[10:50, 60:70] = PERSON
    labels[70:80, 0:9] = PERSON  # touches the border: not whole
    source = Source(config.SourceConfig('s', '', ''), (
        LabelledFrame('f', np.zeros((80, 80, 3), np.uint8), labels),))
    chosen = (PERSON, RIDER, 17, BICYCLE)
    found = pasting.cut_instances(source, chosen, least_area=100)
    kinds = sorted(sorted(np.unique(i.labels).tolist()) for i in found)
    assert kinds == [[PERSON, 255], [RIDER, BICYCLE, 255]]
    # Rider and bicycle leave corners of their box free.
    (person,) = pasting.cut_instances(source, chosen, least_area=100, least_fill=0.8)
    assert PERSON in person.labels


@pytest.mark.parametrize(('override', 'message'), [
    ('train.stepz=3', "unknown \\['stepz'\\]"),
    ('train.steps=many', 'config.train.steps is .many.: int is wanted'),
    ('augment.crop=[1, 2, 3]', 'has 3 values: 2 are wanted'),
    ('model=b1', 'a table of settings is wanted'),
    ('train.steps', 'section.key=value'),
    ('train.lr=fast', 'config.train.lr is .fast.: float is wanted'),
])
def test_a_wrong_setting_is_named(tmp_path, override, message):
    path = tmp_path / 'c.yaml'
    path.write_text('train: {steps: 4}\n')
    with pytest.raises(ValueError, match=message):
        config.load(path, [override])


def test_a_configuration_reads_back_from_plain_data(tmp_path):
    path = tmp_path / 'c.yaml'
    path.write_text('train: {lr: 1, class_weights: {11: 3}}\naugment: {crop: [64, 96]}\n')
    loaded = config.load(path, ['train.seed=9', 'model.start=null', 'train.clip=1e-3'])
    assert (loaded.train.lr, loaded.train.seed, loaded.train.clip) == (1.0, 9, 1e-3)
    assert loaded.train.class_weights == {11: 3.0}
    assert config.from_dict(config.to_dict(loaded)) == loaded
    # As a run keeps its own.
    path.write_text(json.dumps(config.to_dict(loaded)))
    assert config.load(path) == loaded


def test_a_configuration_gives_only_what_differs_from_its_base(tmp_path):
    (tmp_path / 'a.yaml').write_text(
        'train: {lr: 1, steps: 5, class_weights: {11: 3}}\naugment: {crop: [64, 96]}\n')
    (tmp_path / 'b.yaml').write_text(
        'base: a.yaml\ntrain: {lr: 2, class_weights: {12: 4}}\naugment: {crop: [32, 64]}\n')
    loaded = config.load(tmp_path / 'b.yaml', ['train.seed=9'])
    assert (loaded.train.lr, loaded.train.steps, loaded.train.seed) == (2.0, 5, 9)
    assert loaded.train.class_weights == {11: 3.0, 12: 4.0}
    assert loaded.augment.crop == (32, 64)


def test_the_shipped_configuration_measures_on_nothing_that_it_trains_or_chooses_on(shared_data):
    chosen = config.load(share_directory() / 'config' / 'training' / 'segformer.yaml').data
    chosen = dataclasses.replace(chosen, root=str(shared_data))
    trained, choice = (
        {path for source in sources for path in data.image_paths(shared_data, source)}
        for sources in (chosen.sources, chosen.choice))
    measured = set(data.image_paths(shared_data, chosen.validation))
    reported = measured - choice
    assert len(trained) > 1100
    assert (len(measured), len(reported)) == (28, 16)
    assert not trained & (choice | measured)
    lists = share_directory() / 'config' / 'training'
    assert {p.stem for p in reported} == data.read_names(lists, 'kitti_report.txt')
    folders = {Path(s.images) for s in chosen.sources} & {
        Path(s.images) for s in chosen.choice if s.labels is None}
    assert not folders  # whole sources are held out


def test_computed_labels_need_a_folder_and_a_teacher_that_saw_them(tmp_path):
    made = make_data(tmp_path)
    alone = dataclasses.replace(made, sources=(
        dataclasses.replace(made.sources[0], labels=None),))
    with pytest.raises(ValueError, match=NO_LABELS):
        data.load_training(alone)
    seen = save_answers(tmp_path / 'answers', alone)
    assert len(data.load_training(seen)[0].frames) == 3
    (tmp_path / 'answers' / 'made' / 'probabilities' / 'f1.npy').unlink()
    with pytest.raises(FileNotFoundError, match=r'f1\.npy is missing: run python -m'):
        data.load_training(seen)


def test_a_source_that_is_not_taught_has_its_labels_alone(tmp_path):
    seen = save_answers(tmp_path / 'answers', make_data(tmp_path))
    alone = dataclasses.replace(seen, sources=(
        dataclasses.replace(seen.sources[0], taught=False),))
    assert all(f.wanted is not None for f in data.load_training(seen)[0].frames)
    assert all(f.wanted is None for f in data.load_training(alone)[0].frames)
    assert not crops(alone)[0]['asked'].any()
    unlabelled = dataclasses.replace(alone, sources=(
        dataclasses.replace(alone.sources[0], labels=None),))
    with pytest.raises(ValueError, match=NO_LABELS):
        data.load_training(unlabelled)


def test_labels_that_are_mostly_wrong_are_ignored(tmp_path):
    settings = make_data(tmp_path).sources[0]
    plain = data.load_source(tmp_path, settings)
    chosen = data.load_source(
        tmp_path, dataclasses.replace(settings, ignore_classes=(PERSON, CAR)))
    for before, after in zip(plain.frames, chosen.frames, strict=True):
        ignored = (before.labels == PERSON) | (before.labels == CAR)
        assert ignored.any()
        assert after.labels.dtype == np.uint8
        assert np.array_equal(after.labels, np.where(ignored, 255, before.labels))


def test_a_list_that_is_no_text_is_named(tmp_path):
    (tmp_path / 'val.txt').write_bytes(b'f1\n\xff')
    with pytest.raises(ValueError, match=r'^val\.txt is no list of names: .*utf-8'):
        data.read_names(tmp_path, 'val.txt')


def test_a_part_of_a_source_can_be_chosen(tmp_path):
    make_data(tmp_path)
    source = config.SourceConfig(name='made', images='images', labels='labels', every=2)
    assert [p.stem for p in data.image_paths(tmp_path, source)] == ['f0', 'f2']
    both = dataclasses.replace(source, leave_out='val.txt')
    assert [p.stem for p in data.image_paths(tmp_path, both)] == ['f0', 'f3']


def test_the_street_is_read_as_its_settings_say(tmp_path):
    chosen = config.StreetConfig(folder=str(tmp_path), share=1.0, first_seed=7, scenes=2, frames=2)
    for kind in ('images', 'labels'):
        (tmp_path / kind).mkdir()
        for name in ('7_030', '7_090', '8_030', '8_090', '9_030', '7_015'):
            Image.new('RGB' if kind == 'images' else 'L', (8, 8)).save(
                tmp_path / kind / f'{name}.png')
    found = [f.name for f in data.load_street(chosen).frames]
    assert found == ['7_030', '7_090', '8_030', '8_090']
    (tmp_path / 'labels' / '8_090.png').unlink()
    with pytest.raises(FileNotFoundError, match='1 of 4 frames of the rendered street are not'):
        data.load_street(chosen)


def test_the_street_is_rendered_once_with_what_is_staged(tmp_path):
    chosen = config.StreetConfig(folder=str(tmp_path), share=1.0, first_seed=7, scenes=3,
                                 frames=1, stages=('', 'children'))
    reports = []
    data.render_street(chosen, reports.append)
    data.render_street(chosen, reports.append)
    assert reports == ['rendered street, seed 7: 1 frames',
                       'rendered street, seed 8, children: 1 frames',
                       'rendered street, seed 9: 1 frames']
    frames = data.load_street(chosen).frames
    assert [f.name for f in frames] == ['7_060', '8_children_060', '9_060']
    assert all((f.labels != 255).mean() > 0.9 for f in frames)


def test_labels_beside_an_image_of_another_size_are_refused(tmp_path):
    settings = make_data(tmp_path)
    Image.new('L', (5, 5)).save(tmp_path / 'labels' / 'f0.png')
    with pytest.raises(ValueError, match='labels \\(5, 5\\)'):
        data.load_training(settings)
