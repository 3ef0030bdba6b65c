import cv2
import numpy as np
import pytest

from aim_ros.hazards.alerts import Alert
from aim_ros.hazards.alerts import Level
from aim_ros.perception.overlay import OverlayAnnotator
from aim_ros.perception.overlay import write
from aim_ros.segmentation.labels import CITYSCAPES
from aim_ros.segmentation.labels import LabelSet

WARN_COLOR, ERROR_COLOR = (255, 190, 0), (255, 40, 40)


def alert(box=(40, 30, 20, 30), level=Level.WARN, distance=float('nan'), track_id=7, **values):
    return Alert(track_id=track_id, kind='pedestrian', level=level, box=box, class_id=11, area=300,
                 confidence=0.5, distance_m=distance, **values)


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (80, 120, 3), np.uint8)


@pytest.fixture
def mask():
    return np.random.default_rng(1).integers(0, 19, (80, 120), np.uint8)


def extent(text, origin):
    """Return left, top, right and bottom of a text, whose font depends on OpenCV."""
    (width, height), drop = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.45, 1)
    return origin[0], origin[1] - height, origin[0] + width, origin[1] + drop


@pytest.fixture
def written(monkeypatch):
    """Return the (text, origin, colour) of whatever is written into a picture."""
    lines = []
    monkeypatch.setattr('aim_ros.perception.overlay.write', lambda picture, text, origin, color:
                        lines.append((text, origin, color)))
    return lines


def test_the_mask_is_blended_in_by_its_colours(image, mask):
    picture = OverlayAnnotator(CITYSCAPES, opacity=0.5).annotate(image, mask)
    colors = np.array(CITYSCAPES.colors)[mask]
    assert picture.dtype == np.uint8
    assert np.abs(picture - (image + colors) / 2).max() <= 0.5


def test_opacity_goes_from_the_image_to_the_mask(image, mask):
    assert (OverlayAnnotator(CITYSCAPES, 0.0).annotate(image, mask) == image).all()
    assert (OverlayAnnotator(CITYSCAPES, 1.0).annotate(image, mask)
            == np.array(CITYSCAPES.colors)[mask]).all()


def test_wide_masks_have_their_colours_too(image):
    labels = LabelSet(tuple(f'class {i}' for i in range(300)))
    mask = np.random.default_rng(1).integers(0, 300, (80, 120), np.uint16)
    assert mask.max() > 255
    picture = OverlayAnnotator(labels, 1.0).annotate(image, mask)
    assert (picture == np.array(labels.colors)[mask]).all()


def test_neither_image_nor_mask_is_changed(image, mask):
    before = image.copy(), mask.copy()
    OverlayAnnotator(CITYSCAPES).annotate(image, mask, [alert()])
    assert (image == before[0]).all()
    assert (mask == before[1]).all()


@pytest.mark.parametrize(('level', 'color'), [
    (Level.WARN, WARN_COLOR), (Level.ERROR, ERROR_COLOR)])
def test_the_box_lies_on_the_outermost_pixels_of_its_region(image, mask, level, color):
    picture = OverlayAnnotator(CITYSCAPES).annotate(image, mask, [alert(level=level)])
    for row, column in ((30, 40), (30, 59), (59, 40), (59, 59), (45, 40), (45, 59), (59, 50)):
        assert tuple(picture[row, column]) == color
    plain = OverlayAnnotator(CITYSCAPES).annotate(image, mask)
    assert (picture[33:56, 43:56] == plain[33:56, 43:56]).all()
    assert (picture[62:] == plain[62:]).all()


@pytest.mark.parametrize(('distance', 'text'), [
    (float('nan'), 'pedestrian 7'), (float('inf'), 'pedestrian 7'), (12.4, 'pedestrian 7 12 m')])
def test_the_text_names_kind_track_and_distance(image, mask, written, distance, text):
    OverlayAnnotator(CITYSCAPES).annotate(image, mask, [alert(distance=distance)])
    (line,) = written
    assert (line[0], line[2]) == (text, WARN_COLOR)
    assert line[1][0] <= 40
    assert 28 <= extent(*line[:2])[3] <= 30


def test_the_text_tells_the_time_to_contact_and_what_only_modulation_sees(image, mask, written):
    OverlayAnnotator(CITYSCAPES).annotate(
        image, mask, [alert(distance=9.0, ttc_s=2.34, emphasised=True)])
    assert written[0][0] == 'pedestrian* 7 9 m 2.3 s'


def test_a_prediction_has_a_broken_box(image, mask):
    annotator, box = OverlayAnnotator(CITYSCAPES), (10, 30, 60, 30)
    seen, coasting = (annotator.annotate(image, mask, [alert(box, coasting=value)])
                      for value in (False, True))
    colored = [(picture[30, 10:70] == WARN_COLOR).all(1).sum() for picture in (seen, coasting)]
    assert colored[0] == 60
    assert 20 < colored[1] < 45


def test_the_text_stays_in_the_picture(image, mask, written):
    OverlayAnnotator(CITYSCAPES).annotate(image, mask, [alert(box=(0, 0, 5, 5))])
    left, top, _, _ = extent(*written[0][:2])
    assert left == 0
    assert 0 <= top <= 2


def test_every_alert_is_drawn(image, mask, written):
    OverlayAnnotator(CITYSCAPES).annotate(
        image, mask, [alert(track_id=1), alert(track_id=2, level=Level.ERROR)])
    assert {(text, color) for text, _, color in written} == {
        ('pedestrian 1', WARN_COLOR), ('pedestrian 2', ERROR_COLOR)}


@pytest.mark.parametrize('boxes', [
    [(100, 100, 20, 40)] * 6,
    [(100 + 15 * i, 100 + i, 12, 40) for i in range(6)],
    [(590, 2, 40, 30), (600, 5, 39, 30), (580, 0, 30, 30)],
    [(0, 150, 30, 49), (10, 160, 30, 39), (5, 155, 30, 44)],
])
def test_texts_lie_on_no_other_and_in_the_picture(written, boxes):
    image = np.zeros((200, 640, 3), np.uint8)
    OverlayAnnotator(CITYSCAPES).annotate(image, np.zeros((200, 640), np.uint8), [
        alert(box, track_id=i, distance=12.0) for i, box in enumerate(boxes)])
    extents = [extent(text, origin) for text, origin, _ in written]
    assert len(extents) == len(boxes)
    for left, top, right, bottom in extents:
        assert min(left, top) >= 0
        assert right <= 640
        assert bottom <= 200
    for i, a in enumerate(extents):
        for b in extents[:i]:
            assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


def test_the_most_urgent_text_stands_at_its_box(written):
    image = np.zeros((80, 320, 3), np.uint8)
    OverlayAnnotator(CITYSCAPES).annotate(
        image, np.zeros((80, 320), np.uint8),
        [alert(track_id=1), alert(track_id=2, level=Level.ERROR)])
    origin, = (origin for text, origin, color in written
               if (text, color) == ('pedestrian 2', ERROR_COLOR))
    assert origin[0] == 40
    assert 28 <= extent('pedestrian 2', origin)[3] <= 30


@pytest.mark.parametrize('ground', [0, 128, 255])
@pytest.mark.parametrize('origin', [(5, 20), (0, 8), (5, 29)])
def test_text_reads_on_any_ground(ground, origin):
    picture = np.full((30, 120, 3), ground, np.uint8)
    write(picture, 'person', origin, (255, 255, 255))
    text = picture[max(origin[1] - 8, 0):origin[1], origin[0]:origin[0] + 40]
    assert text.max() > 200
    assert text.min() < 100
    assert (picture[:, 100:] == ground).all()
