"""The packed form of a data set holds what a run needs of it."""

import dataclasses

import numpy as np
import pytest
from train_extra import skip_where_missing

skip_where_missing()

from training_fixtures import make_data  # noqa: E402

from aim_ros.training import config  # noqa: E402
from aim_ros.training import data  # noqa: E402
from aim_ros.training.packing import Packed  # noqa: E402
from aim_ros.training.packing import write_packed  # noqa: E402


def test_the_packed_form_reads_back_what_was_written(tmp_path):
    settings = make_data(tmp_path)
    training, validation = data.load_training(settings), data.load_validation(settings)
    size = write_packed(
        tmp_path / 'p.zip', Packed(training, validation), quality=95)
    assert size == (tmp_path / 'p.zip').stat().st_size
    packed = config.DataConfig(packed=str(tmp_path / 'p.zip'), sources=settings.sources)
    read, read_validation = data.load_training(packed), data.load_validation(packed)
    for before, after in [*zip(training, read, strict=True), (validation, read_validation)]:
        for a, b in zip(before.frames, after.frames, strict=True):
            assert a.name == b.name
            if a.image.shape == b.image.shape:
                assert np.array_equal(a.labels, b.labels)
                assert np.abs(a.image.astype(int) - b.image).mean() < 4
    assert read[0].settings.weight == training[0].settings.weight


def test_a_source_packed_at_half_size_keeps_its_objects_size(tmp_path):
    settings = make_data(tmp_path, pack_scale=0.5)
    training, validation = data.load_training(settings), data.load_validation(settings)
    write_packed(tmp_path / 'p.zip', Packed(training, validation))
    packed = config.DataConfig(packed=str(tmp_path / 'p.zip'), sources=settings.sources)
    read = data.load_training(packed)
    assert read[0].frames[0].labels.shape == (48, 80)
    assert read[0].settings.scale == pytest.approx((1.0, 2.0))  # 0.5 .. 1.0 of the original
    # The file tells its scale, whatever a later configuration would pack at.
    later = dataclasses.replace(packed, sources=(
        dataclasses.replace(settings.sources[0], pack_scale=1.0),))
    assert data.load_training(later)[0].settings.scale == pytest.approx((1.0, 2.0))
    assert data.load_validation(packed).frames[0].labels.shape == (96, 160)
    # A teacher is to see them as large as ever.
    assert read[0].settings.teacher_zoom == 2 * training[0].settings.teacher_zoom


def test_what_a_run_is_chosen_by_is_packed_with_it(tmp_path):
    settings = make_data(tmp_path)
    chosen = dataclasses.replace(settings.sources[0], name='chosen', leave_out=None,
                                 only='val.txt', input_size=(32, 64))
    settings = dataclasses.replace(settings, choice=(chosen,))
    write_packed(tmp_path / 'p.zip', Packed(
        data.load_training(settings), data.load_validation(settings), data.load_choice(settings)))
    packed = dataclasses.replace(settings, root='nowhere', packed=str(tmp_path / 'p.zip'))
    (found,) = data.load_choice(packed)
    assert ([frame.name for frame in found.frames], found.settings) == (['f2'], chosen)
    listed = (tmp_path / 'listed.txt')
    listed.write_text('f1\n')
    measured = dataclasses.replace(packed.validation, only=str(listed))
    with pytest.raises(ValueError, match=r'no frame to measure on that .*listed\.txt names'):
        data.load_validation(dataclasses.replace(packed, validation=measured))
    listed.write_text('f1\nf2\n')
    found = data.load_validation(dataclasses.replace(packed, validation=measured))
    assert [frame.name for frame in found.frames] == ['f2']
    assert len(data.load_validation(packed).frames) == 1
    other = dataclasses.replace(packed, choice=(dataclasses.replace(chosen, name='other'),))
    with pytest.raises(ValueError, match=r'p\.zip holds no frames of other: pack them with'):
        data.load_choice(other)
