"""What was left out of a recording, and how often: a line for each kind, and not without end."""

from collections import Counter

_MOST = 30
"""Kinds that are told apart: of damaged images, each may have a reason of its own."""

OTHERS = 'more was left out, for other reasons'
"""What stands for all further kinds."""


def note(problems: Counter[str], text: str) -> None:
    """
    Count a problem.

    :param text: why something was left out; it becomes one line.
    """
    line = ' '.join(text.split())
    problems[line if line in problems or len(problems) < _MOST else OTHERS] += 1
