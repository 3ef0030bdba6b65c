import dataclasses

import pytest

from aim_ros.hazards.alerts import AlertSettings
from aim_ros.hazards.geometry import Corridor
from aim_ros.modulation import Modulation
from aim_ros.perception.free_space import Surfaces
from aim_ros.perception.settings import build_settings
from aim_ros.perception.settings import Mount
from aim_ros.perception.settings import OutputSettings
from aim_ros.perception.settings import Settings
from aim_ros.perception.settings import SettingsError
from aim_ros.perception.settings import warn_of_overlooked
from aim_ros.segmentation.labels import CITYSCAPES
from aim_ros.segmentation.labels import LabelSet

VALUES = {
    'driver_profile': 'defensive', 'cameras': ('left', 'right'),
    'left.height': 1.2, 'left.pitch': 0.1, 'right.height': 1.3, 'right.pitch': 0.0,
    'utility.sigma': 0.5, 'focus.classes': ('people',), 'focus.suppress_classes': ('rider', 'car'),
    'focus.sigma': 2.0, 'focus.sampling': 'gated', 'focus.max_changed': 0.1,
    'alerts.required_classes': ('person',), 'alerts.classes': ('car', 'person'),
    'alerts.min_area': 50, 'alerts.raise_after': 0.1, 'alerts.clear_after': 0.6,
    'alerts.near_m': 25.0, 'alerts.near_row': 0.5, 'alerts.stale_after': 0.4,
    'alerts.max_age': 3.0, 'alerts.corridor.top_row': 0.5, 'alerts.corridor.top_width': 0.2,
    'alerts.corridor.bottom_width': 0.6, 'alerts.corridor.center': 0.4,
    'free_space.classes': ('drivable', 'sidewalk'), 'free_space.max_range': 30.0,
    'free_space.cell_size': 0.5, 'points.class_ids': 'autoware',
    'left.points.transform': (1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0), 'right.points.transform': (),
}


def test_settings_are_frozen_down_to_the_mounts():
    mounts = {'left': Mount(1.2, 0.1)}
    settings = Settings(1, 'neutral', Modulation(), AlertSettings(()), mounts=mounts)
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.stale_after = 0.0
    with pytest.raises(TypeError):
        settings.mounts['left'] = Mount()
    mounts['left'] = Mount()
    assert settings.mounts == {'left': Mount(1.2, 0.1)}
    assert dataclasses.replace(settings, revision=1) == settings
    assert dataclasses.replace(settings, mounts={}) != settings


def test_every_parameter_has_its_place():
    assert build_settings(VALUES, CITYSCAPES) == Settings(
        revision=0,
        profile='defensive',
        # The rider, named on both sides, is left alone.
        modulation=Modulation(
            signs=((11, 1), (13, -1)), sigma=2.0, sampling='gated', utility_sigma=0.5),
        alerts=AlertSettings(
            class_ids=(11, 13), min_area=50, raise_after=0.1, clear_after=0.6, near_m=25.0,
            near_row=0.5, corridor=Corridor(
                top_row=0.5, top_width=0.2, bottom_width=0.6, center=0.4)),
        max_changed=0.1,
        stale_after=0.4,
        max_age=3.0,
        mounts={'left': Mount(1.2, 0.1), 'right': Mount(1.3, 0.0)},
        outputs=OutputSettings(
            surfaces=Surfaces((0, 1), (11, 12, 17, 18), (13, 14, 15, 16)), max_range=30.0,
            cell_size=0.5, point_ids='autoware', point_transforms={
                'left': (1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0), 'right': ()}))


def test_the_owner_has_the_values_at_start():
    start = {**VALUES, 'alerts.near_m': 12.0, 'alerts.classes': ()}
    settings = build_settings(VALUES, CITYSCAPES, start)
    assert settings.owner_alerts.near_m == 12.0
    assert set(settings.owner_alerts.class_ids) <= set(settings.alerts.class_ids)
    assert settings.alerts == build_settings(VALUES, CITYSCAPES).alerts


@pytest.mark.parametrize(('at_start', 'now'), [
    (('vehicles',), ()), (('car', 'sky'), ('traffic sign',)), ((), ('vehicles',)),
    (('person',), ('person',))])
def test_what_the_owner_has_alerted_no_driver_takes_away(at_start, now):
    start = {**VALUES, 'alerts.classes': at_start}
    settings = build_settings({**VALUES, 'alerts.classes': now}, CITYSCAPES, start)
    assert settings.owner.class_ids == CITYSCAPES.resolve(('person', *at_start))
    assert settings.alerts.class_ids == CITYSCAPES.resolve(('person', *at_start, *now))


def test_settings_that_lack_a_class_of_the_owners_are_refused():
    with pytest.raises(ValueError, match=r'lacks the class ids \[13\] of owner_alerts'):
        Settings(1, 'custom', Modulation(), AlertSettings((11, 12)),
                 owner_alerts=AlertSettings((11, 13)))


def test_a_corridor_never_narrows_towards_the_car():
    settings = build_settings({**VALUES, 'alerts.corridor.top_width': 0.9}, CITYSCAPES)
    assert settings.alerts.corridor.bottom_width == 0.9


@pytest.mark.parametrize('name', [
    'focus.classes', 'focus.suppress_classes', 'alerts.required_classes', 'alerts.classes',
    'free_space.classes'])
def test_a_class_that_the_model_lacks_is_reported_by_the_parameter_that_names_it(name):
    with pytest.raises(SettingsError) as error:
        build_settings({**VALUES, name: ('persn',)}, CITYSCAPES)
    assert error.value.parameter == name
    assert str(error.value).startswith(f"{name}: unknown class or role 'persn'; did you mean")


def test_a_grid_that_would_stop_the_cameras_is_refused():
    large = {**VALUES, 'free_space.max_range': 200.0, 'free_space.cell_size': 0.1}
    assert build_settings(large, CITYSCAPES).outputs.cell_size == 0.1
    with pytest.raises(SettingsError, match=r'max_range 200 it must be at least 0\.1; got 0\.02'
                       ) as error:
        build_settings({**large, 'free_space.cell_size': 0.02}, CITYSCAPES)
    assert error.value.parameter == 'free_space.cell_size'


def test_a_model_without_a_road_is_taken_unless_one_is_asked_for():
    indoors = LabelSet(('floor', 'person', 'rider', 'car'))
    values = {**VALUES, 'focus.classes': (), 'free_space.classes': ('drivable',)}
    assert build_settings(values, indoors).outputs.surfaces.drivable == ()
    with pytest.raises(SettingsError, match='no class of the role'):
        build_settings({**values, 'free_space.classes': ('drivable', 'floor')}, indoors)
    assert build_settings(
        {**values, 'free_space.classes': ('floor',)}, indoors).outputs.surfaces.drivable == (0,)


def test_people_who_are_not_alerted_are_warned_of(caplog):
    values = {**VALUES, 'alerts.required_classes': ('people',)}
    labels = LabelSet((*CITYSCAPES.names, 'road worker'))
    warn_of_overlooked(build_settings(values, labels), labels)
    assert 'seem to be people, and are not alerted: road worker; name them in' in caplog.text
    caplog.clear()
    warn_of_overlooked(build_settings(values, CITYSCAPES), CITYSCAPES)
    assert caplog.text == ''
