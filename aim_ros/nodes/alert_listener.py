"""A planner's side of the alerts: act on the worst level, and trust no silence."""

from dataclasses import dataclass
import math
import sys
import time

from diagnostic_msgs.msg import DiagnosticArray
from diagnostic_msgs.msg import DiagnosticStatus
import rclpy
from rclpy.clock import Clock
from rclpy.clock import ClockType
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node

from aim_ros.nodes.command_line import NodeParser
from aim_ros.nodes.messages.statuses import LEVELS
from aim_ros.nodes.messages.statuses import status_values
from aim_ros.nodes.start_errors import start_errors
from aim_ros.nodes.start_errors import StartError

# Twice the node's own limit: whatever it says or fails to say, older news is no news.
TIMEOUT = 1.5
# From a camera that delivers late, however steadily; or whose clock is ahead, which hides that.
MAX_AGE_MS = 1000.0
ACTIONS = {0: 'drive', 1: 'be ready to brake', 2: 'brake', 3: 'slow down: the camera is blind'}
ERROR, STALE = ord(DiagnosticStatus.ERROR), ord(DiagnosticStatus.STALE)


@dataclass(frozen=True)
class RoadUser:
    """
    What a planner reads of one road user; `docs/alerts.md` has all the keys.

    Numbers are NaN where the key is absent or its value is none, as often of `ttc_s`.

    :param level: 1 present, 2 near and in the ego corridor.
    :param kind: pedestrian, cyclist, vehicle, ...
    :param distance_m: forward on the ground, metres; infinite above the horizon.
    :param vx, vy: of the middle of its box, to the right and down, pixels a second.
    :param ttc_s, ttc_error_s: time to contact and its standard deviation, seconds.
    :param emphasised: whether only the driver profile's modulation sees it.
    :param coasting: whether it is predicted, and not seen in this frame.
    """

    level: int
    kind: str
    distance_m: float
    vx: float
    vy: float
    ttc_s: float
    ttc_error_s: float
    emphasised: bool
    coasting: bool

    @classmethod
    def read(cls, status: DiagnosticStatus) -> 'RoadUser':
        """Read a status behind the summary."""
        values = status_values(status)
        return cls(
            _level(status), values.get('kind', 'road user'),
            *(_number(values.get(key, 'nan'))
              for key in ('distance_m', 'vx', 'vy', 'ttc_s', 'ttc_error_s')),
            values.get('emphasised') == 'true', values.get('coasting') == 'true')

    def urgency(self) -> tuple[float, ...]:
        """Return what is greater the sooner it has to be acted on; the unknown is least."""
        soonest = (-value if math.isfinite(value) else -math.inf
                   for value in (self.ttc_s, self.distance_m))
        return (self.level, *soonest)

    def __str__(self) -> str:
        parts = [f'{LEVELS[self.level]} {self.kind}']
        if math.isfinite(self.distance_m):
            parts[0] += f' at {self.distance_m:.1f} m'
        if math.isfinite(self.vx) and math.isfinite(self.vy):
            parts.append(f'moves {self.vx:+.0f} {self.vy:+.0f} px/s')
        if math.isfinite(self.ttc_s):
            error = f' +- {self.ttc_error_s:.1f}' if math.isfinite(self.ttc_error_s) else ''
            parts.append(f'contact in {self.ttc_s:.1f}{error} s')
        if self.emphasised:
            parts.append('seen by modulation alone')
        if self.coasting:
            parts.append('predicted')
        return ', '.join(parts)


class AlertListener(Node):
    """Prints what a planner would do whenever that changes."""

    def __init__(self):
        super().__init__('alert_listener')
        self._heard = time.monotonic()
        self.level: int | None = None
        """The level that is acted on; None before the first message."""
        self._known = 0
        self.create_subscription(DiagnosticArray, '/segmentation/camera/alerts', self.hear, 10)
        self.create_timer(0.1, self._watch, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def hear(self, message: DiagnosticArray) -> None:
        """Act on the alerts of a frame; a message that says nothing is none."""
        if not message.status:
            return
        self._heard = time.monotonic()
        summary, *tracks = message.status
        values = status_values(summary)
        age = _number(values.get('capture_to_publish_ms', '0'))
        level = _level(summary)
        # As NaN is not either.
        late = not abs(age) <= MAX_AGE_MS
        if level == ERROR or values.get('last_level') == 'ERROR':
            # A hazard of a while ago is one, and so is one that was seen before the camera went
            # blind, also by a planner that has come since.
            self._known = ERROR
        elif level != STALE and not late:
            self._known = level
        if late:
            self._act(STALE, f'the image is {age / 1000:.1f} s old by its stamp')
        else:
            users = sorted(map(RoadUser.read, tracks), key=RoadUser.urgency, reverse=True)
            self._act(level, '; '.join(map(str, users)) or summary.message)

    def _watch(self) -> None:
        if time.monotonic() - self._heard > TIMEOUT:
            self._act(STALE, 'no alerts message arrives')

    def _act(self, level: int, why: str) -> None:
        # Who goes blind with a hazard ahead does not let go of the brake.
        if level == STALE and self._known == ERROR:
            level = ERROR
        if level != self.level:
            self.level = level
            self.get_logger().info(f'{ACTIONS[level]} ({why})')


def _level(status: DiagnosticStatus) -> int:
    """Return the level of a status; whoever knows of more levels means no better."""
    return min(status.level[0], STALE)


def _number(text: str) -> float:
    """Return the number that a text is, NaN where it is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def main(args: list[str] | None = None) -> int:
    """Listen until interrupted; return the exit code."""
    _, ros = NodeParser(
        'alert_listener', 'Say what a planner would do by the alerts of a camera.',
        'ros2 run aim_ros alert_listener',
        'ros2 run aim_ros alert_listener --ros-args '
        '-r /segmentation/camera/alerts:=/segmentation/front/alerts').parse(args)
    try:
        with start_errors():
            rclpy.init(args=ros)
            listener = AlertListener()
        rclpy.spin(listener)
    except StartError as error:
        print(f'alert_listener cannot start: {error}', file=sys.stderr)
        return 1
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        rclpy.try_shutdown()
    return 0


if __name__ == '__main__':
    sys.exit(main())
