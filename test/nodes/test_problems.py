import pytest

from aim_ros.nodes.segmentation.problems import describe
from aim_ros.nodes.segmentation.problems import Problems


@pytest.fixture
def problems(clock):
    return Problems(clock)


def test_without_a_problem_there_is_none(problems):
    problems.resolve()
    assert problems.last() is None


def test_a_problem_lasts_until_a_frame_is_answered(problems, clock):
    problems.note('dark')
    problems.note('darker')
    clock.now += 3
    last = problems.last()
    assert (last.text, last.count, last.age) == ('darker', 2, 3)
    assert last.lasts
    assert last.recent
    assert str(last) == 'darker'


def test_a_problem_is_recent_for_a_while_and_known_for_ever(problems, clock):
    problems.note('dark')
    problems.resolve()
    clock.now += 1.25
    last = problems.last()
    assert (last.lasts, last.recent, str(last)) == (False, True, 'dark (1.2 s ago)')
    clock.now += 3600
    last = problems.last()
    assert (last.text, last.recent) == ('dark', False)


def test_a_new_subscription_knows_of_none(problems):
    problems.note('dark')
    problems.forget()
    assert problems.last() is None


def test_an_error_is_described_in_one_bounded_line():
    assert describe(ValueError('a\n  b')) == 'a b'
    assert describe(KeyError('x')) == "KeyError: 'x'"
    assert len(describe(ValueError('x' * 9_999))) == 500


def test_a_description_is_text_that_can_be_published():
    assert describe(ValueError('cannot read \udcff')) == r'cannot read \udcff'
