"""Watches the cameras' streams: planners learn of silence, people of what is odd."""

from collections.abc import Callable
from collections.abc import Iterable
import os
import threading

from aim_ros.nodes.launching.transports import transport_advice
from aim_ros.nodes.logging import RateLimitedLogger
from aim_ros.nodes.segmentation.camera_channel import CameraChannel
from aim_ros.nodes.segmentation.perceiver import CLOCK_ADVICE
from aim_ros.nodes.segmentation.perceiver import SETUP_PERIOD
from aim_ros.nodes.segmentation.problems import describe
from aim_ros.perception.camera_stream import NO_DISTANCES
from aim_ros.perception.settings import Settings
from aim_ros.perception.stream_order import STAND_STILL

_PERIOD = 0.1
_SILENT_AFTER = 2.0
_ABSENT_AFTER = 10.0
_FROZEN_PERIOD = 60.0
"""Seconds between two lines about a frozen camera: a replay that is paused looks so, too."""

_VAIN_PERIOD = 60.0
"""Seconds between two lines about who listens in vain."""

_AHEAD_AFTER = 1.0
"""Seconds: a clock that is simulated may be a frame late."""

_CALIBRATED_AFTER = 10
"""Frames after which a camera's calibration should have come."""


def publish_stale(channels: Iterable[CameraChannel], settings: Settings, log: RateLimitedLogger
                  ) -> None:
    """Tell planners of every camera of which no frame was answered for too long."""
    for channel in channels:
        try:
            _publish_stale(channel, settings, log)
        # What is wrong with one camera's topic must not keep the others' STALE.
        except Exception as error:
            log.error(f'{channel.name} watchdog',
                      f'{channel.topic}: STALE cannot be published: {describe(error)}')


def _publish_stale(channel: CameraChannel, settings: Settings, log: RateLimitedLogger) -> None:
    statistics, limit = channel.statistics, settings.stale_after
    became = channel.output.publish_if_stale(statistics.staleness, limit, channel.input.frame_id)
    # Before a publisher is matched nothing can arrive, and people need no warning.
    if became and (statistics.arrived() or statistics.matched_for() > limit):
        log.warning(
            f'{channel.name} stale', f'{channel.topic}: no frame was answered for '
            f'{statistics.staleness():.1f} s; the alert level is STALE')


def warn_of_stream(channel: CameraChannel, settings: Settings, log: RateLimitedLogger) -> None:
    """Say what is odd about a camera's stream, and what would mend it where that is known."""
    name, topic, statistics = channel.name, channel.topic, channel.statistics
    publishers = channel.input.publisher_count()
    statistics.match(publishers)
    channel.input.look_for_latched_info()
    channel.clouds.subscribe_on_demand()
    if (silence := stream_silence(channel, publishers)):
        log.warning(f'{name} silent', f'{topic}: {silence}')
    if (losses := stream_losses(channel)):
        log.warning(f'{name} losses', f'{topic}: {losses}; {transport_advice(os.environ)}')
    if (jitter := statistics.jitter(settings.owner.clear_after)):
        log.warning(f'{name} jitter', f'{topic}: {jitter}')
    if (frozen := channel.input.frozen):
        log.warning(f'{name} unchanged', f'{topic}: {frozen}', _FROZEN_PERIOD)
    if (blank := channel.input.blank):
        log.warning(f'{name} blank', f'{topic}: {blank}', _FROZEN_PERIOD)
    if (sizes := statistics.odd_sizes()):
        log.warning(f'{name} sizes', f'{topic}: {sizes}')
    if (vain := listened_in_vain(channel, settings)):
        log.warning(f'{name} in vain', f'{topic}: {vain}', _VAIN_PERIOD)
    if (ahead := stream_ahead(channel)):
        log.warning(f'{name} ahead', f'{topic}: {ahead}. {CLOCK_ADVICE}', SETUP_PERIOD)
    if statistics.stamps_frozen():
        log.warning(f'{name} frozen', f'{topic}: {STAND_STILL}')
    if _lacks_calibration(channel):
        # Of its own kind: who was told of none is to be told of a wrong one, too.
        log.warning(
            f'{name} calibration {channel.input.calibration}',
            f'{topic}: {channel.input.calibration_problem}, {NO_DISTANCES}', SETUP_PERIOD)
    if channel.input.calibration == 'used' and (distortion := channel.input.distortion):
        log.warning(f'{name} distorted', f'{topic}: {distortion}', SETUP_PERIOD)
    if channel.input.calibration == 'used' and (foreign := channel.input.foreign):
        log.warning(f'{name} foreign', f'{topic}: {foreign}', SETUP_PERIOD)


def warn_of_frames(channels: Iterable[CameraChannel], log: RateLimitedLogger) -> None:
    """Say which cameras' images name no frame, or one that another camera's name, too."""
    topics: dict[str, list[str]] = {}
    for channel in channels:
        if channel.statistics.arrived():
            topics.setdefault(channel.input.image_frame, []).append(channel.topic)
    for frame, named in topics.items():
        said = 'name no frame' if not frame else f'name the frame {frame!r} alike'
        if not frame or len(named) > 1:
            log.warning(
                f'frame {frame}', f'{", ".join(named)}: the headers of the images {said}, so '
                'that nobody can tell where points, free_space and occupancy are; give each '
                'camera driver a frame_id of its own', SETUP_PERIOD)


def stream_silence(channel: CameraChannel, publishers: int) -> str:
    """Return what is known of a camera from which nothing arrives; empty where something does."""
    statistics = channel.statistics
    silence = statistics.silence()
    if silence <= _SILENT_AFTER:
        return ''
    if not publishers:
        # Who is there and cannot be heard is not late.
        if (unmatched := channel.input.unmatched()):
            return f'{unmatched}; the alert level is STALE'
        return (f'nobody has published there for {silence:.0f} s; the alert level is STALE'
                if silence > _ABSENT_AFTER else '')
    matched = f'{publishers} publisher{"s are" if publishers > 1 else " is"} matched'
    if statistics.arrived():
        return (f'nothing arrived for {silence:.0f} s, after {statistics.count("received")} '
                f'frames; {matched}')
    if statistics.lost_share():
        return f'nothing arrived for {silence:.0f} s, though {matched}'
    return (f'nothing arrived for {silence:.0f} s, though {matched}: either nothing is sent, or '
            f'{transport_advice(os.environ)}')


def stream_losses(channel: CameraChannel) -> str:
    """Return what the middleware says of lost frames; empty where it lost few."""
    share = channel.statistics.lost_share()
    return (f'{share:.0%} of the frames are sent and do not arrive, as the middleware counts'
            if share else '')


def stream_ahead(channel: CameraChannel) -> str:
    """Return what is wrong with stamps that are ahead of the node's clock; empty if none are."""
    ahead = channel.statistics.ahead()
    return (f'the header stamps are {ahead:.1f} s ahead of the clock of this node: who tells the '
            'age of an alert by them takes it for new' if ahead > _AHEAD_AFTER else '')


def _lacks_calibration(channel: CameraChannel) -> bool:
    """Whether a camera's distances are not to be had, though a calibration should have come."""
    return (channel.statistics.count('answered') >= _CALIBRATED_AFTER
            and channel.input.calibration != 'used')


def stream_calibration(channel: CameraChannel) -> str:
    """Return why a calibration that came is not used; empty if it is, or if none came."""
    problem = channel.input.calibration_problem
    return (f'{problem}, {NO_DISTANCES}'
            if problem and channel.input.calibration == 'unusable' else '')


def listened_in_vain(channel: CameraChannel, settings: Settings) -> str:
    """Return why planners who listen get no free space or points; empty where nobody is so."""
    reasons = []
    if channel.output.ground.is_wanted():
        reason = ''
        if not settings.outputs.surfaces.drivable:
            reason = 'the model has no class that free_space.classes names'
        elif _lacks_calibration(channel):
            reason = channel.input.calibration_problem
        if reason:
            reasons.append(f'free_space and occupancy are listened to in vain: {reason}')
    if (silence := channel.clouds.silence()) > _SILENT_AFTER:
        reasons.append(f'points are listened to in vain: no cloud arrived on {channel.name}/'
                       f'points_in for {silence:.0f} s')
    return '; '.join(reasons)


class Watchdog:
    """
    Calls a function ten times a second in a thread of its own.

    The executor's threads are for those who ask: what they are busy with must not delay a STALE.

    :param check: what to call.
    :param on_error: called with what `check` raises; it is called again all the same.
    """

    def __init__(self, check: Callable[[], None], on_error: Callable[[Exception], None]):
        self._check = check
        self._on_error = on_error
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name='watchdog', daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Call no more, and wait for a call that is under way."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_PERIOD):
            try:
                self._check()
            # Whatever goes wrong with one STALE, the next one is due.
            except Exception as error:
                self._on_error(error)
