"""Road users for tests of the hazards: regions by their boxes, a camera that counts seconds."""

import itertools

from aim_ros.hazards.alerts import AlertSettings
from aim_ros.hazards.boxes import as_boxes
from aim_ros.hazards.components import MAX_PARTS
from aim_ros.hazards.geometry import Corridor
from aim_ros.hazards.groups import RoadUserClasses
from aim_ros.hazards.groups import VULNERABLE
from aim_ros.hazards.monitor import AlertMonitor
from aim_ros.hazards.regions import Region
from aim_ros.hazards.sight import Sight
from aim_ros.hazards.tracker import Tracker
from aim_ros.segmentation.labels import CITYSCAPES

POLE, PERSON, RIDER, CAR, BICYCLE = 5, 11, 12, 13, 18
SIZE = (100, 200)
"""Height and width of the images."""

ASIDE = (20, 10, 20, 30)
"""Far from the corridor and above `near_row`: never raised at once."""

AHEAD = (90, 50, 20, 40)
"""The foot stands at row 90 of 100, in the middle: near and in the corridor."""

CLASSES = RoadUserClasses.of(CITYSCAPES)

SETTINGS = AlertSettings(
    class_ids=(PERSON, RIDER, BICYCLE), min_area=10, raise_after=0.2, clear_after=0.5,
    near_m=20.0, near_row=0.8, corridor=Corridor(top_row=0.5, top_width=0.1, bottom_width=0.5))


def region(box=ASIDE, confidence=1.0, *, parts=(1,), modulated_share=0.0, group=VULNERABLE,
           area=None, floats=False, unlikely=False):
    """A region that fills its box; `parts` are the shares of person, rider, bicycle, ..."""
    area = box[2] * box[3] if area is None else area
    shares = [*parts, *[0] * (MAX_PARTS - len(parts))]
    return Region(group, box, area, tuple(round(area * share) for share in shares), confidence,
                  margin=3.0, perimeter=2 * (box[2] + box[3]), modulated_share=modulated_share,
                  floats=floats, unlikely=unlikely)


def moved(box, across=0, down=0):
    """A box some pixels to the right and down."""
    return box[0] + across, box[1] + down, box[2], box[3]


def as_regions(seen):
    """Return regions for boxes, and regions as they are."""
    return [one if isinstance(one, Region) else region(one) for one in seen]


class Camera:
    """Feeds a monitor, in seconds."""

    def __init__(self, settings=SETTINGS, ground=None, start=0.0, owner=None,
                 emphasis_filter=None):
        self.monitor = AlertMonitor(CLASSES)
        self.settings, self.owner = settings, owner
        self.ground = ground
        self.filter = emphasis_filter
        self.start_ns = round(start * 1e9)

    def watch(self, seconds, *seen, focused=None, size=SIZE, settings=None):
        """Return what is published and the neutral report of a frame."""
        return self.monitor.update(
            Sight(as_regions(seen)), None if focused is None else Sight(as_regions(focused)),
            self.start_ns + round(seconds * 1e9), size, settings or self.settings,
            owner=self.owner, camera=self.ground, filter_=self.filter)

    def see(self, seconds, *seen, **options):
        """Return what is published of a frame."""
        return self.watch(seconds, *seen, **options).published


def ids(report):
    """Return the ids of a report's alerts."""
    return [alert.track_id for alert in report.alerts]


class Follower:
    """Feeds a tracker, in seconds."""

    def __init__(self, settings=SETTINGS):
        self.tracker = Tracker(itertools.count(1))
        self.settings = settings

    def see(self, seconds, *seen, size=SIZE, pixels=None):
        """Return the boxes of the tracks that a frame shows, by id."""
        now_ns = round(seconds * 1e9)
        self.tracker.update(as_regions(seen), now_ns, size, self.settings, pixels)
        tracks = self.tracker.tracks
        seen = tracks.where(tracks.last_ns == now_ns)
        return dict(zip(seen.track_id.tolist(), as_boxes(seen.box), strict=True))
