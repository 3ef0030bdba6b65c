"""What the node says of itself on /diagnostics."""

from collections.abc import Mapping

from diagnostic_msgs.msg import DiagnosticStatus

from aim_ros.hazards.alerts import Level
from aim_ros.nodes.camera_channel import CameraChannel
from aim_ros.nodes.conversions import status_message
from aim_ros.perception.settings import Settings


def node_status(name: str, state: str, problem: str, settings: Settings | None,
                values: Mapping[str, object]) -> DiagnosticStatus:
    """
    Make the status of the node as a whole.

    :param state: the lifecycle state's label.
    :param problem: what went wrong last, empty if nothing did.
    :param settings: the settings in force, None before there are any.
    :param values: what else to tell.
    """
    level, message = Level.OK, state
    more: dict[str, object] = {'lifecycle_state': state, **values}
    if settings is not None:
        modulation = settings.modulation
        more.update({
            'profile': settings.profile,
            'revision': settings.revision,
            'sigma': modulation.sigma if modulation.focuses else 0.0,
            'sampling': modulation.sampling,
            'max_changed': settings.max_changed,
            'utility_sigma': modulation.utility_sigma,
        })
        if modulation.utility_sigma > 0:
            level = Level.WARN
            message = (f'{state}; the masks are degraded on purpose: utility.sigma is '
                       f'{modulation.utility_sigma:g}')
    if problem:
        level, message = Level.ERROR, problem
    return status_message(int(level), f'{name}: node', message, name, more)


def camera_status(name: str, channel: CameraChannel, active: bool) -> DiagnosticStatus:
    """Make the status of one camera."""
    health = channel.health
    missing = health.missing_share()
    sigma, limited = channel.focus()
    level, message = Level.OK, 'receiving' if health.count('received') else 'waiting'
    if not active:
        message = 'not subscribed'
    elif channel.is_stale:
        level, message = Level.STALE, f'no frame answered for {health.staleness():.1f} s'
        message += f'; {channel.problem}' if channel.problem else ''
    elif channel.problem:
        level, message = Level.ERROR, channel.problem
    elif health.stamps_frozen():
        level, message = Level.WARN, 'the header stamps stand still'
    elif missing:
        level, message = Level.WARN, f'{missing:.0%} of the frames do not arrive'
    elif limited:
        level, message = Level.WARN, limited
    return status_message(int(level), f'{name}: {channel.name}', message, channel.name, {
        'topic': channel.topic,
        'publishers': channel.publisher_count(),
        'calibration': channel.calibration,
        'missing_share': missing,
        'sigma': sigma,
        **health.summary(),
    })
