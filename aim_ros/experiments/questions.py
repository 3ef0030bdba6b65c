"""GSM8K and MMLU: their files, the prompts that ask them, and what counts as right."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
import re

from aim_ros.experiments.errors import ExperimentError
from aim_ros.plain_data import parse_json
from aim_ros.plain_data import shortened

LETTERS = 'ABCD'

_NUMBER = r'-?\$?\d[\d,]*(?:\.\d+)?'
_STATED = re.compile(rf'(?:answer is:?|####)\s*[*\\(\[]*({_NUMBER})', re.IGNORECASE)


@dataclass(frozen=True)
class WordProblem:
    """
    A problem of GSM8K (Cobbe et al., 2021).

    :param solution: the steps, without GSM8K's calculator marks, and the answer at the end.
    :param answer: the number that is right.
    """

    question: str
    solution: str
    answer: float


@dataclass(frozen=True)
class MultipleChoice:
    """A question of MMLU (Hendrycks et al., 2021); `answer` is an index into the choices."""

    subject: str
    question: str
    choices: tuple[str, ...]
    answer: int


def read_gsm8k(path: Path) -> list[WordProblem]:
    """
    Read a JSON-lines file with `question` and `answer`, the latter ending in ``#### number``.

    :raises ExperimentError: it is not such a file.
    """
    problems = []
    for record in _read(path, ('question', 'answer')):
        steps, _, answer = record['answer'].rpartition('####')
        try:
            number = float(answer.strip().replace(',', ''))
        except ValueError:
            raise ExperimentError(
                f'{path}: an answer of GSM8K ends in "#### number"; got {record["answer"]!r}'
            ) from None
        solution = re.sub(r'<<.*?>>', '', steps).strip()
        problems.append(WordProblem(
            record['question'], f'{solution}\nThe answer is {answer.strip()}.', number))
    return problems


def read_mmlu(path: Path) -> list[MultipleChoice]:
    """
    Read a JSON-lines file with `subject`, `question`, four `choices` and the index `answer`.

    :raises ExperimentError: it is not such a file.
    """
    questions = [
        MultipleChoice(record['subject'], record['question'], tuple(record['choices']),
                       record['answer'])
        for record in _read(path, ('subject', 'question', 'choices', 'answer'))]
    for question in questions:
        if len(question.choices) != len(LETTERS) or question.answer not in range(len(LETTERS)):
            raise ExperimentError(f'{path}: a question of MMLU has four choices and the index '
                                  f'0 .. 3 of the right one; got {question}')
    return questions


def _read(path: Path, fields: Sequence[str]) -> list[dict]:
    try:
        lines = path.read_text(encoding='utf-8').splitlines()
        records = [parse_json(line) for line in lines if line.strip()]
    except (OSError, ValueError) as error:
        raise ExperimentError(f'{path} could not be read as JSON lines: {error}') from error
    for record in records:
        if not isinstance(record, dict):
            raise ExperimentError(f'{path}: a line is {shortened(record)}, and no object')
        missing = set(fields) - set(record)
        if missing:
            raise ExperimentError(f'{path}: a line lacks {", ".join(sorted(missing))}')
    if not records:
        raise ExperimentError(f'{path} holds no question')
    return records


def gsm8k_messages(problem: WordProblem, shots: Sequence[WordProblem]) -> list[dict[str, str]]:
    """Return the chat that asks a problem, after some that were answered."""
    messages = []
    for shot in shots:
        messages += [{'role': 'user', 'content': _asked(shot)},
                     {'role': 'assistant', 'content': shot.solution}]
    return [*messages, {'role': 'user', 'content': _asked(problem)}]


def gsm8k_text(problem: WordProblem, shots: Sequence[WordProblem]) -> str:
    """Return the same for a model that is no chat model."""
    asked = [f'Question: {shot.question}\nAnswer: {shot.solution}\n\n' for shot in shots]
    return ''.join(asked) + f'Question: {problem.question}\nAnswer:'


def _asked(problem: WordProblem) -> str:
    return (f'{problem.question}\nThink step by step and end with the sentence: '
            'The answer is <number>.')


def extract_number(text: str) -> float | None:
    """
    Return the answer that a text gives.

    It is the number after the last "answer is" or ``####``, or else the last number; None where
    there is none. What follows a next "Question:", where a model goes on by itself, is ignored.
    """
    text = text.split('\nQuestion:')[0]
    numbers = _STATED.findall(text) or re.findall(_NUMBER, text)
    return float(numbers[-1].replace(',', '').replace('$', '')) if numbers else None


def mmlu_prefix(subject: str, shots: Sequence[MultipleChoice]) -> str:
    """Return what stands before a question of a subject, as in MMLU's own evaluation."""
    answered = [f'{mmlu_question(shot)} {LETTERS[shot.answer]}\n\n' for shot in shots]
    topic = subject.replace('_', ' ')
    return (f'The following are multiple choice questions (with answers) about {topic}.\n\n'
            + ''.join(answered))


def mmlu_question(question: MultipleChoice) -> str:
    """Return a question up to where its letter comes next."""
    lines = [question.question, *(f'{letter}. {choice}' for letter, choice in
                                  zip(LETTERS, question.choices, strict=True)), 'Answer:']
    return '\n'.join(lines)
