"""What the node says of itself on /diagnostics."""

from collections.abc import Mapping
from collections.abc import Sequence

from diagnostic_msgs.msg import DiagnosticStatus

from aim_ros.hazards.alerts import Level
from aim_ros.nodes.messages.conversions import status_message
from aim_ros.nodes.segmentation import watchdog
from aim_ros.nodes.segmentation.camera_channel import CameraChannel
from aim_ros.nodes.segmentation.problems import Problem
from aim_ros.perception.settings import Settings


def node_status(name: str, state: str, problem: str, loss: Problem | None,
                channels: Sequence[CameraChannel], settings: Settings | None,
                values: Mapping[str, object]) -> DiagnosticStatus:
    """
    Make the status of the node as a whole.

    :param state: the lifecycle state's label.
    :param problem: which transition failed, and why; empty if none did.
    :param loss: how frames were lost last that cannot be laid on one camera; None if none were.
    :param channels: the cameras, whose recent problems are the node's too.
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
    recent = [(channel, last) for channel in channels
              if (last := channel.problems.last()) is not None and last.recent]
    if problem:
        level, message = Level.ERROR, problem
    elif loss is not None and loss.recent:
        level, message = Level.ERROR, str(loss)
    elif recent:
        # What lasts first.
        channel, last = max(recent, key=lambda item: item[1].lasts)
        level = Level.ERROR if last.lasts else Level.WARN
        message = f'{channel.topic}: {last}'
    more |= _past(loss)
    return status_message(int(level), f'{name}: node', message, name, more)


def camera_status(name: str, channel: CameraChannel, active: bool, settings: Settings,
                  busy: float = 0.0, awaited: tuple[int, int] | None = None
                  ) -> DiagnosticStatus:
    """
    Make the status of one camera.

    :param active: whether the node is.
    :param settings: the settings in force.
    :param busy: seconds for which the worker has been at what it took last.
    :param awaited: (height, width) of the network's input that an image of the camera waits for;
        None if none does. One that alternates between sizes may be answered all the same.
    """
    statistics, publishers = channel.statistics, channel.input.publisher_count()
    sigma, _ = channel.output.focus()
    # Looked at once: the worker notes and resolves problems meanwhile.
    last = channel.problems.last()
    waits = awaited is not None and statistics.staleness() > settings.stale_after
    # Height first, as in the parameter input_size.
    preparing = '' if not waits else (
        f'compiling the network for {awaited[0]}x{awaited[1]} (height x width), which its images '
        'wait for')
    level, message = _verdict(channel, last, publishers, active, settings, busy, preparing)
    values: dict[str, object] = {
        'topic': channel.topic,
        'publishers': publishers,
        'calibration': channel.input.calibration,
        'missing_share': statistics.lost_share(),
        'sigma': sigma,
        **statistics.summary(),
    }
    values |= _past(last)
    return status_message(int(level), f'{name}: {channel.name}', message, channel.name, values)


def _past(last: Problem | None) -> dict[str, object]:
    """Return what is to be known of the last problem, however long ago."""
    return {} if last is None else {
        'last_problem': last.text, 'last_problem_age_s': last.age, 'problems': last.count}


def _verdict(channel: CameraChannel, last: Problem | None, publishers: int, active: bool,
             settings: Settings, busy: float, preparing: str) -> tuple[Level, str]:
    """Return the level and the message of a camera: of what is to be said, the worst."""
    problem = str(last) if last is not None and last.recent else ''
    if not active:
        return Level.OK, 'not subscribed'
    silence = watchdog.stream_silence(channel, publishers)
    if channel.output.is_stale:
        # As where the network hangs.
        slow = (f'what was taken last has been perceived for {busy:.1f} s'
                if busy > settings.stale_after else '')
        parts = [f'no frame answered for {channel.statistics.staleness():.1f} s', preparing,
                 problem, silence, slow]
        return Level.STALE, '; '.join(filter(None, parts))
    if problem:
        return (Level.ERROR if last.lasts else Level.WARN), problem
    statistics = channel.statistics
    odd = (preparing, silence,
           'the header stamps stand still' if statistics.stamps_frozen() else '',
           watchdog.stream_losses(channel), statistics.jitter(settings.owner.clear_after),
           statistics.odd_sizes(), watchdog.stream_ahead(channel),
           channel.input.frozen, channel.input.blank, watchdog.stream_calibration(channel),
           watchdog.listened_in_vain(channel, settings), channel.output.focus()[1])
    if any(odd):
        return Level.WARN, '; '.join(filter(None, odd))
    return Level.OK, 'receiving' if channel.statistics.arrived() else 'waiting'
