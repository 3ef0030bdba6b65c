from collections import Counter

from aim_ros.recordings.problems import note
from aim_ros.recordings.problems import OTHERS


def test_a_problem_is_one_line_and_counted():
    problems = Counter()
    for text in ('out of\n  memory', 'out of memory', 'dark'):
        note(problems, text)
    assert problems == {'out of memory': 2, 'dark': 1}


def test_reasons_without_end_are_counted_together():
    problems = Counter()
    for number in range(1000):
        note(problems, f'the {number} bytes cannot be decoded')
    assert len(problems) < 50
    assert problems.total() == 1000
    assert problems['the 0 bytes cannot be decoded'] == 1
    # What is known by then is told apart for ever.
    note(problems, 'the 0 bytes cannot be decoded')
    assert problems['the 0 bytes cannot be decoded'] == 2
    assert list(problems)[-1] == OTHERS
