"""A planner's side of the alerts: act on the worst level, and trust no silence."""

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
from aim_ros.nodes.start_errors import start_errors
from aim_ros.nodes.start_errors import StartError

# Twice the node's own limit: whatever it says or fails to say, older news is no news.
TIMEOUT = 1.5
# From a camera that delivers late, however steadily; or whose clock is ahead, which hides that.
MAX_AGE_MS = 1000.0
ACTIONS = {0: 'drive', 1: 'be ready to brake', 2: 'brake', 3: 'slow down: the camera is blind'}
ERROR, STALE = ord(DiagnosticStatus.ERROR), ord(DiagnosticStatus.STALE)


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
        values = {value.key: value.value for value in summary.values}
        age = _number(values.get('capture_to_publish_ms', '0'))
        # Whoever knows of more levels means no better.
        level = min(summary.level[0], STALE)
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
            self._act(level, '; '.join(track.message for track in tracks) or summary.message)

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
