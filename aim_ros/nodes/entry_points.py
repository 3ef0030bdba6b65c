"""Where the executables start: the signals first, then what takes seconds to import."""

from aim_ros.nodes.process import stop_on_signals


def segmentation(args: list[str] | None = None) -> int:
    """Run the segmentation node until a signal ends it; return the exit code."""
    stop = stop_on_signals()
    from aim_ros.nodes.run import run_segmentation
    return run_segmentation(args, stop)


def replay(args: list[str] | None = None) -> int:
    """Run the replay node until its source or a signal ends it; return the exit code."""
    stop = stop_on_signals()
    from aim_ros.nodes.replay_node import run_replay
    return run_replay(args, stop)
