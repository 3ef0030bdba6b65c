import json

import odd_values
import pytest

from aim_ros.experiments.errors import ExperimentError
from aim_ros.experiments.questions import extract_number
from aim_ros.experiments.questions import gsm8k_messages
from aim_ros.experiments.questions import gsm8k_text
from aim_ros.experiments.questions import mmlu_prefix
from aim_ros.experiments.questions import mmlu_question
from aim_ros.experiments.questions import MultipleChoice
from aim_ros.experiments.questions import read_gsm8k
from aim_ros.experiments.questions import read_mmlu
from aim_ros.experiments.questions import WordProblem


@pytest.mark.parametrize(('text', 'number'), [
    ('5 + 7 = 12. The answer is 12.', 12),
    ('The answer is: $1,234.50', 1234.5),
    ('#### -3', -3),
    ('The answer is **18** dollars, which is 2 more than 16.', 18),
    ('There are 3 boxes with 4 each, so 12', 12),
    ('The answer is 4.\nQuestion: What are 2 and 3?\nAnswer: The answer is 5', 4),
    ('I do not know.', None),
    ('', None),
])
def test_the_number_that_a_text_answers(text, number):
    assert extract_number(text) == number


def _write(path, *records):
    path.write_text('\n'.join(map(json.dumps, records)), encoding='utf-8')
    return path


def test_gsm8k_is_read_without_its_calculator_marks(tmp_path):
    path = _write(tmp_path / 'q.jsonl', {
        'question': 'Q?', 'answer': '600*2=<<600*2=1200>>1200\n#### 1,200'})

    assert read_gsm8k(path) == [WordProblem('Q?', '600*2=1200\nThe answer is 1,200.', 1200.0)]


def test_prompts_of_gsm8k_hold_the_shots_in_front():
    one, two = WordProblem('One?', 'So.\nThe answer is 1.', 1), WordProblem('Two?', '', 2)

    chat = gsm8k_messages(two, [one])
    text = gsm8k_text(two, [one])

    assert [message['role'] for message in chat] == ['user', 'assistant', 'user']
    assert chat[1]['content'] == one.solution
    assert chat[2]['content'].startswith('Two?\n')
    assert text == 'Question: One?\nAnswer: So.\nThe answer is 1.\n\nQuestion: Two?\nAnswer:'


def test_prompts_of_mmlu_are_those_of_its_authors():
    question = MultipleChoice('high_school_physics', 'Why?', ('a', 'b', 'c', 'd'), 2)

    asked = 'Why?\nA. a\nB. b\nC. c\nD. d\nAnswer:'
    assert mmlu_question(question) == asked
    assert mmlu_prefix('high_school_physics', [question]) == (
        'The following are multiple choice questions (with answers) about high school physics.'
        f'\n\n{asked} C\n\n')


@pytest.mark.parametrize(('read', 'record', 'message'), [
    (read_gsm8k, {'question': 'Q?'}, 'lacks answer'),
    (read_gsm8k, {'question': 'Q?', 'answer': '12'}, None),
    (read_gsm8k, {'question': 'Q?', 'answer': 'many'}, 'ends in "#### number"'),
    (read_mmlu, {'subject': 's', 'question': 'q', 'choices': ['a', 'b'], 'answer': 0},
     'four choices'),
    (read_mmlu, {'subject': 's', 'question': 'q', 'choices': list('abcd'), 'answer': 4},
     'the index 0 .. 3'),
])
def test_a_file_of_another_kind_is_refused(tmp_path, read, record, message):
    path = _write(tmp_path / 'q.jsonl', record)

    if message is None:  # A bare number is as good as one after the mark.
        assert read(path)[0].answer == 12
        return
    with pytest.raises(ExperimentError, match=message):
        read(path)


@pytest.mark.parametrize('line', [*odd_values.JSON.values(), '3', '[]', 'null'])
def test_lines_that_no_program_should_go_on_with_are_refused(tmp_path, line):
    path = tmp_path / 'q.jsonl'
    for text in (line, f'{{"question": {line}}}'):
        path.write_text(f'{text}\n')
        with pytest.raises(ExperimentError, match=str(path)) as caught:
            read_mmlu(path)
        assert len(str(caught.value)) < 500


def test_what_is_no_json_lines_is_refused(tmp_path):
    (tmp_path / 'q.jsonl').write_text('question,answer\n')

    with pytest.raises(ExperimentError, match='could not be read as JSON lines'):
        read_mmlu(tmp_path / 'q.jsonl')
    (tmp_path / 'q.jsonl').write_text('\n')
    with pytest.raises(ExperimentError, match='holds no question'):
        read_mmlu(tmp_path / 'q.jsonl')
