import colorsys
import itertools

import pytest

from aim_ros.segmentation.labels import CITYSCAPES
from aim_ros.segmentation.labels import LabelSet
from aim_ros.segmentation.labels import nearest
from aim_ros.segmentation.labels import normalise
from aim_ros.segmentation.labels import ROLES
from aim_ros.segmentation.labels import UnknownClassError

# As in the `id2label` of the ADE20K SegFormers on the Hugging Face hub.
ADE20K_ROAD_CLASSES = {
    4: 'tree', 6: 'road', 7: 'bed ', 9: 'grass', 11: 'sidewalk', 12: 'person', 17: 'plant',
    20: 'car', 29: 'field', 43: 'signboard', 66: 'flower', 72: 'palm', 80: 'bus', 83: 'truck',
    87: 'streetlight', 93: 'pole', 102: 'van', 116: 'minibike', 127: 'bicycle',
    136: 'traffic light',
}

ADE20K_ROLES = {
    'people': (12,),
    'two_wheelers': (116, 127),
    'vehicles': (20, 80, 83, 102),
    'signals': (43, 136),
    'greenery': (4, 9, 17, 29, 66, 72),
    'drivable': (6,),
}

CITYSCAPES_ROLES = {
    'people': (11, 12),
    'two_wheelers': (17, 18),
    'vehicles': (13, 14, 15, 16),
    'signals': (6, 7),
    'greenery': (8, 9),
    'drivable': (0,),
}


def with_ids(names_by_id):
    """A label set with these names at these ids, and names that mean nothing elsewhere."""
    return LabelSet(tuple(
        names_by_id.get(i, f'filler {i}') for i in range(max(names_by_id) + 1)))


def refusal(labels, *names):
    with pytest.raises(UnknownClassError) as error:
        labels.resolve(names)
    return str(error.value)


def test_cityscapes_has_the_published_train_ids():
    assert len(CITYSCAPES) == 19
    assert CITYSCAPES.names[0] == 'road'
    assert CITYSCAPES.names[11] == 'person'
    assert CITYSCAPES.names[18] == 'bicycle'


def test_there_are_tests_for_every_role():
    assert set(ROLES) == set(CITYSCAPES_ROLES) == set(ADE20K_ROLES)


@pytest.mark.parametrize(('role', 'ids'), CITYSCAPES_ROLES.items())
def test_roles_on_cityscapes(role, ids):
    assert CITYSCAPES.resolve([role]) == ids


@pytest.mark.parametrize(('role', 'ids'), ADE20K_ROLES.items())
def test_roles_on_the_road_classes_of_ade20k(role, ids):
    assert with_ids(ADE20K_ROAD_CLASSES).resolve([role]) == ids


@pytest.mark.parametrize('role', ROLES)
def test_roles_on_all_of_ade20k(role, ade20k_names, ade20k_full_names):
    assert len(ade20k_names) == 150
    for names in (ade20k_names, ade20k_full_names):
        assert LabelSet(names).resolve([role]) == ADE20K_ROLES[role]


def test_the_road_classes_are_spelt_as_in_the_list_of_ade20k(ade20k_names):
    for class_id, name in ADE20K_ROAD_CLASSES.items():
        assert ade20k_names[class_id] == name


def test_roles_on_the_second_vistas_and_on_apolloscape():
    """Vistas calls a single person an individual, Apolloscape a motorcycle a motorbicycle."""
    vistas = LabelSet((
        'human--person--individual', 'human--person--person-group', 'human--rider--rider-group',
        'object--vehicle--motorcycle', 'nature--terrain'))
    assert vistas.resolve(['people']) == (0, 1, 2)
    assert vistas.overlooked(()) == ('human--person--individual', )
    apolloscape = LabelSet(('motorbicycle', 'bicycle_group', 'motorcycle_group', 'tricycle'))
    assert apolloscape.resolve(['two_wheelers']) == (0, 1, 2)


def test_roles_on_mapillary_vistas_and_camvid():
    vistas = LabelSet((
        'Person', 'Bicyclist', 'Motorcyclist', 'Other Rider', 'Bicycle', 'Motorcycle', 'Car',
        'On Rails', 'Traffic Sign (Back)', 'Traffic Sign (Front)', 'Traffic Light', 'Terrain'))
    assert vistas.resolve(['people']) == (0, 1, 2, 3)
    assert vistas.resolve(['two_wheelers']) == (1, 2, 4, 5)
    assert vistas.resolve(['vehicles']) == (6, 7)
    assert vistas.resolve(['signals']) == (9, 10)
    assert vistas.resolve(['greenery']) == (11,)
    camvid = LabelSet(('sky', 'signsymbol', 'tree', 'pedestrian', 'bicyclist'))
    assert camvid.resolve(['people', 'signals']) == (1, 3, 4)


@pytest.mark.parametrize(('names', 'people', 'wheels'), [
    # CamVid with all its classes, the India Driving Dataset, Waymo, nuScenes, Mapillary, A2D2.
    (('Pedestrian', 'Child', 'Bicyclist', 'MotorcycleScooter', 'SUVPickupTruck'), (0, 1, 2),
     (2, 3)),
    (('person/animal', 'rider', 'motorcycle', 'bicycle', 'autorickshaw'), (0, 1), (2, 3)),
    (('pedestrian', 'cyclist', 'motorcyclist', 'ground_animal', 'bicycle'), (0, 1, 2), (1, 2, 4)),
    (('human.pedestrian.adult', 'human.pedestrian.construction_worker', 'vehicle.bicycle',
      'vehicle.motorcycle', 'vehicle.car'), (0, 1), (2, 3)),
    (('human--person', 'human--rider--bicyclist', 'object--vehicle--bicycle', 'nature--sand'),
     (0, 1), (1, 2)),
    (('Pedestrian 1', 'Pedestrian 3', 'Bicycle 1', 'Car 4'), (0, 1), (2,)),
    (('Human', 'Moving_Car', 'Static_Car'), (0,), ())])
def test_roles_on_other_data_sets(names, people, wheels):
    labels = LabelSet(names)
    assert labels.role('people') == people
    assert labels.role('two_wheelers') == wheels
    assert labels.overlooked((*people, *wheels)) == ()


def test_classes_that_seem_to_be_people_are_found():
    labels = LabelSet(('person', 'road worker', 'man, male', 'pedestrian area', 'manhole',
                       'street.human.toddler-kid', 'bike lane', 'rider'))
    assert labels.overlooked((0,)) == (
        'road worker', 'man, male', 'street.human.toddler-kid', 'rider')


def test_ids_are_sorted_and_named_once_each():
    assert CITYSCAPES.resolve(['bicycle', 'people', 'person', 'car']) == (11, 12, 13, 18)
    assert CITYSCAPES.resolve([]) == ()


@pytest.mark.parametrize('spelling', [
    'traffic light', 'Traffic Light', 'traffic_light', 'TRAFFIC-LIGHT', '  traffic   light '])
def test_spelling_of_a_class_is_free(spelling):
    assert CITYSCAPES.resolve([spelling]) == (6,)


@pytest.mark.parametrize('spelling', ['two_wheelers', 'two wheelers', 'Two-Wheelers'])
def test_spelling_of_a_role_is_free(spelling):
    assert CITYSCAPES.resolve([spelling]) == (17, 18)


def test_a_synonym_or_the_whole_name_stands_for_a_class():
    labels = LabelSet(('wall', 'minibike, motorbike', 'bicycle, bike, wheel, cycle '))
    for name in ('minibike', 'motorbike', 'minibike, motorbike'):
        assert labels.resolve([name]) == (1,)
    assert labels.resolve(['wheel']) == (2,)


def test_a_class_wins_over_a_role_of_its_name():
    labels = LabelSet(('road', 'vehicles', 'car'))
    assert labels.resolve(['vehicles']) == (1,)


def test_a_name_that_two_classes_share_means_both():
    assert LabelSet(('pole', 'road', 'pole')).resolve(['pole']) == (0, 2)


@pytest.mark.parametrize(('typo', 'meant'), [
    ('persn', 'person'), ('bycicle', 'bicycle'), ('trafic light', 'traffic light'),
    ('vehicels', 'vehicles'), ('two weelers', 'two_wheelers')])
def test_a_typo_is_answered_with_the_nearest_names(typo, meant):
    message = refusal(CITYSCAPES, 'car', typo)
    assert repr(typo) in message
    assert 'did you mean' in message
    assert meant in message.split('did you mean')[1].split('(roles')[0]
    assert all(role in message for role in ROLES)


def test_a_typo_in_one_of_many_synonyms_is_answered_with_the_synonym():
    labels = LabelSet(('road, route', 'person, individual, someone, somebody, mortal, soul'))
    assert 'did you mean person?' in refusal(labels, 'persn')


def test_a_name_like_no_other_is_answered_with_the_classes():
    message = refusal(LabelSet(('road', 'sky')), 'xylophone')
    assert 'did you mean' not in message
    assert 'classes: road, sky ' in message


def test_a_long_list_of_classes_is_cut():
    message = refusal(LabelSet(tuple(f'c{i:03d}' for i in range(300))), 'xylophone')
    assert 'c023' in message
    assert 'c024' not in message
    assert '(300 in all)' in message


def test_a_role_without_a_class_here_says_so():
    message = refusal(LabelSet(('road', 'sky')), 'people')
    assert "no class of the role 'people'" in message
    assert 'road, sky' in message


def test_nearest_gives_the_best_first_and_keeps_the_spelling():
    assert nearest('two wheeler', ['Two_Wheelers', 'people'])[0] == 'Two_Wheelers'
    assert nearest('car', ['cat', 'car', 'cab', 'cap'], count=2)[0] == 'car'
    assert len(nearest('car', ['cat', 'car', 'cab', 'cap'], count=2)) == 2
    assert nearest('zzz', ['person', 'car']) == []


def test_normalise():
    assert normalise(' On-Rails__Tram\t') == 'on rails tram'


def test_from_id2label_sorts_by_id_and_takes_keys_of_either_type():
    assert LabelSet.from_id2label({'1': 'b', 0: 'a', '2': ' bed '}).names == ('a', 'b', 'bed')


def test_from_id2label_keeps_duplicates_apart():
    labels = LabelSet.from_id2label({'0': 'screen', '1': 'road', '2': 'screen'})
    assert labels.names == ('screen', 'road', 'screen')
    assert labels.resolve(['screen']) == (0, 2)


def test_from_id2label_names_what_has_no_name():
    labels = LabelSet.from_id2label({'0': '', '1': ' ', '2': None, '3': 0, '4': 'road'})
    assert labels.names == ('class 0', 'class 1', 'class 2', '0', 'road')


@pytest.mark.parametrize('ids', [(0, 2), (1, 2), (-1, 0)])
def test_from_id2label_refuses_a_gap(ids):
    with pytest.raises(ValueError, match=r'id2label must map 0\.\.1') as error:
        LabelSet.from_id2label({i: f'class {i}' for i in ids})
    assert str(sorted(ids)) in str(error.value)


def test_from_id2label_refuses_what_is_no_id():
    with pytest.raises(ValueError, match='id2label must map ids to names') as error:
        LabelSet.from_id2label({'road': 0, 'sky': 1})
    assert "'road'" in str(error.value)


def test_there_is_at_least_one_class():
    with pytest.raises(ValueError, match='at least one class'):
        LabelSet(())
    with pytest.raises(ValueError, match='at least one class'):
        LabelSet.from_id2label({})


@pytest.mark.parametrize(('classes', 'encoding'), [
    (1, 'mono8'), (19, 'mono8'), (150, 'mono8'), (255, 'mono8'), (256, 'mono16'),
    (300, 'mono16')])
def test_mask_encoding_holds_every_id(classes, encoding):
    assert LabelSet(tuple(map(str, range(classes)))).mask_encoding == encoding


def test_colours_of_cityscapes_are_the_published_ones():
    assert CITYSCAPES.colors[0] == (128, 64, 128)
    assert CITYSCAPES.colors[11] == (220, 20, 60)
    assert CITYSCAPES.colors[18] == (119, 11, 32)
    assert len(set(CITYSCAPES.colors)) == 19


def test_a_class_has_its_colour_in_any_label_set():
    labels = LabelSet(('xylophone', 'person, individual', 'Traffic_Light'))
    assert labels.colors[1] == (220, 20, 60)
    assert labels.colors[2] == (250, 170, 30)


def test_other_colours_are_far_apart_between_neighbours():
    labels = LabelSet(tuple(f'thing {i}' for i in range(40)))
    hues = [colorsys.rgb_to_hsv(*(part / 255 for part in color))[0] for color in labels.colors]
    for one, next_one in itertools.pairwise(hues):
        apart = abs(one - next_one) % 1.0
        assert min(apart, 1 - apart) > 0.3
