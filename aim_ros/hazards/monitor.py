"""
Safety alerts of one camera, in two streams.

No driver can silence a hazard, nor delay it, by construction: the *neutral* stream is perceived
from the unmodulated decision alone, under the owner's settings. What modulation and profile add,
in the *focused* stream, only extends its road users, or comes beside them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
import itertools
from operator import attrgetter

from aim_ros.hazards.alerts import Alert
from aim_ros.hazards.alerts import AlertReport
from aim_ros.hazards.alerts import AlertSettings
from aim_ros.hazards.emphasis import FocusedStream
from aim_ros.hazards.emphasis_filter import EmphasisFilter
from aim_ros.hazards.evidence import doubt
from aim_ros.hazards.frame_clock import FrameClock
from aim_ros.hazards.frame_clock import Tick
from aim_ros.hazards.geometry import GroundCamera
from aim_ros.hazards.groups import RoadUserClasses
from aim_ros.hazards.pitching import PitchMeter
from aim_ros.hazards.raising import alerts_of
from aim_ros.hazards.raising import decide
from aim_ros.hazards.raising import Scene
from aim_ros.hazards.sight import Sight
from aim_ros.hazards.tracker import Tracker


@dataclass(frozen=True)
class Hazards:
    """
    What one frame is answered with.

    :param published: the neutral alerts, extended, and what comes beside them.
    :param neutral: the alerts of the unmodulated decision under the owner's settings.
    """

    published: AlertReport
    neutral: AlertReport


class AlertMonitor:
    """
    Watches over one camera.

    :param classes: the model's classes.
    """

    def __init__(self, classes: RoadUserClasses):
        self._classes = classes
        self._clock = FrameClock()
        self._pitch = PitchMeter()
        self._tracker = Tracker(itertools.count(1))
        self._focused = FocusedStream()
        self._neutral_ids: frozenset[int] = frozenset()
        self._published_ids: frozenset[int] = frozenset()

    def restart(self) -> None:
        """Forget everything but which ids were given."""
        self._clock = FrameClock()
        self._forget()

    def _forget(self) -> None:
        """Forget what was seen."""
        self._pitch = PitchMeter()
        self._tracker.restart()
        self._focused.restart()

    def update(
        self,
        base: Sight,
        focused: Sight | None,
        stamp_ns: int,
        size: tuple[int, int],
        settings: AlertSettings,
        *,
        owner: AlertSettings | None = None,
        camera: GroundCamera | None = None,
        filter_: EmphasisFilter | None = None,
    ) -> Hazards:
        """
        Take in a frame.

        :param base: what the unmodulated decision shows, of the owner's classes.
        :param focused: what either decision shows, of the classes in force; None where that is
            the same, as there is neither modulation nor a profile.
        :param stamp_ns: header stamp of the frame.
        :param size: (height, width) of the image.
        :param settings: those in force.
        :param owner: those without a profile; None for `settings`.
        :param camera: calibration for distance and bearing; None takes near from `near_row`.
        :param filter_: what road users that only the modulation sees have to pass; None has them
            seen for longer.
        """
        owner = owner or settings
        tick = self._clock.advance(stamp_ns, size, owner.clear_after)
        if tick.restarted:
            self._forget()
        elif tick.resized_from is not None:
            scale = size[0] / tick.resized_from[0], size[1] / tick.resized_from[1]
            self._tracker.resize(scale)
            self._focused.resize(scale)
        pitched = self._pitch.advance(
            camera, base.pixels and base.pixels.picture, tick.now_ns)
        scene = Scene(tick.now_ns, size, owner, camera, self._classes, tick.like_ns, pitched)
        self._tracker.keep(self._classes.groups_of(owner.class_ids))
        self._tracker.update(
            doubt(base.regions, camera, size), tick.now_ns, size, owner, base.pixels,
            tick.like_ns, pitched)
        tracks = self._tracker.tracks
        decide(tracks, scene, owner.raise_after)
        alerts = alerts_of(tracks.where(tracks.raised), scene)
        neutral = self._report(alerts, self._neutral_ids, tick)
        in_force = scene if settings is owner else replace(scene, settings=settings)
        if focused is not None:
            focused = replace(focused, regions=doubt(focused.regions, camera, size))
        alerts = self._focused.extend(
            self._tracker, alerts, focused, in_force, filter_, owner.clear_after)
        published = self._report(alerts, self._published_ids, tick)
        self._neutral_ids = frozenset(alert.track_id for alert in neutral.alerts)
        self._published_ids = frozenset(alert.track_id for alert in published.alerts)
        return Hazards(published, neutral)

    @staticmethod
    def _report(alerts: Sequence[Alert], before: frozenset[int], tick: Tick) -> AlertReport:
        now = {alert.track_id for alert in alerts}
        return AlertReport(
            tuple(sorted(alerts, key=attrgetter('track_id'))), tuple(sorted(now - before)),
            tuple(sorted(before - now)), tick.restarted, tick.stepped_back_s,
            tick.resized_from)
