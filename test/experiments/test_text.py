import copy
import csv
from dataclasses import replace
import json
import math
import shutil

import numpy as np
import pytest
import torch

from aim_ros.experiments.cache import ArrayCache
from aim_ros.experiments.cli import main
from aim_ros.experiments.errors import ExperimentError
from aim_ros.experiments.language_model import generate_texts
from aim_ros.experiments.language_model import load_language_model
from aim_ros.experiments.language_model import Texts
from aim_ros.experiments.predictions import class_on_top_probability
from aim_ros.experiments.questions import MultipleChoice
from aim_ros.experiments.questions import WordProblem
from aim_ros.experiments.text_measures import answer_choices
from aim_ros.experiments.text_measures import score_texts
from aim_ros.experiments.text_measures import split_shots
from aim_ros.experiments.text_measures import stop_lengths
from aim_ros.experiments.text_measures import write_answers
from aim_ros.experiments.text_measures import Writing
from aim_ros.experiments.text_report import accuracy_interval

_PROBLEMS = [WordProblem(f'What is {i} and {i}?', f'The answer is {2 * i}.', 2.0 * i)
             for i in range(1, 6)]


@pytest.fixture(scope='module')
def model(tiny_model):
    return load_language_model(str(tiny_model), 'float32', torch.device('cpu'))


def _texts(model, *written, end=True):
    """Return texts whose every token has probability 1/4, a lead of 10 and a spread of 1."""
    rows = [model.tokenizer.encode(text, add_special_tokens=False) + [model.end_tokens[0]] * end
            for text in written]
    tokens = np.full((len(rows), max(map(len, rows))), -1)
    for row, ids in zip(tokens, rows, strict=True):
        row[: len(ids)] = ids
    kept = np.where(tokens >= 0, 1.0, np.nan)
    return Texts(tokens, kept * math.log(0.25), kept * 10.0, kept)


def test_texts_are_scored_by_number_length_and_surprise(model):
    texts = _texts(model, 'The answer is 2.', 'The answer is 5.', 'apples')
    lengths = (texts.tokens >= 0).sum(axis=1) - 1

    scores = score_texts(model, [texts, texts], _PROBLEMS[:3])

    assert scores.right.tolist() == [True, False, False] * 2
    assert scores.numbers[:2].tolist() == [2, 5]
    assert np.isnan(scores.numbers[2])
    assert scores.lengths.tolist() == lengths.tolist() * 2
    np.testing.assert_allclose(scores.surprise, math.log(4))


def test_a_text_that_is_cut_off_loses_its_answer_and_an_empty_one_its_surprise(model):
    texts = _texts(model, 'The answer is 2.', 'The answer is 4.')

    scores = score_texts(model, [texts], _PROBLEMS[:2], lengths=np.array([0, 1]))

    assert not scores.right.any()
    assert scores.lengths.tolist() == [0, 1]
    assert np.isnan(scores.surprise[0])
    assert scores.surprise[1] == pytest.approx(math.log(4))


def test_a_text_stops_where_noise_first_dominates(model):
    texts = _texts(model, 'The answer is 2.')
    texts.leads[0, 2] = 1.0
    steps = texts.tokens.shape[1]

    # Of 1000 tokens one is expected 3.09 standard deviations up: 3.2 for sigma 0.3 and spread 1.
    assert stop_lengths([texts], 0.3, 1000).tolist() == [2]
    assert stop_lengths([texts], 0.0, 1000).tolist() == [steps]
    assert stop_lengths([texts], 9.0, 1000).tolist() == [0]


def test_shots_are_taken_from_the_end(model):
    asked, shots = split_shots(_PROBLEMS, limit=9, shots=2)

    assert (asked, shots) == (_PROBLEMS[:3], _PROBLEMS[3:])
    with pytest.raises(ExperimentError, match=r'--shots must be 0 \.\. 4'):
        split_shots(_PROBLEMS, limit=9, shots=5)


def test_texts_do_not_depend_on_the_batch(model, tmp_path):
    def write(batch):
        return write_answers(
            model, _PROBLEMS, [], writing=Writing([0.0, 1.0], 2, batch, 8),
            cache=ArrayCache(tmp_path))

    one, four = write(1), write(4)

    for sigma in (0.0, 1.0):
        for a, b in zip(one[sigma], four[sigma], strict=True):
            assert np.array_equal(a.tokens, b.tokens)
            np.testing.assert_allclose(a.likelihoods, b.likelihoods, atol=1e-4)
    assert np.array_equal(one[0.0][0].tokens, one[0.0][1].tokens)
    assert not np.array_equal(one[1.0][0].tokens, one[1.0][1].tokens)


class _AskedFor:
    """A cache that notes what it is asked for and gives empty texts."""

    def __init__(self):
        self.keys = []

    def get(self, key, compute):
        self.keys.append(key)
        return np.full((4, len(key['prompts']), key['tokens']), np.nan)


@pytest.mark.parametrize(('chat', 'start'), [(True, '<s>user\nWhat is 5'),
                                             (False, 'Question: What is 5')])
def test_a_model_is_asked_in_its_own_form(model, chat, start):
    tokenizer = copy.deepcopy(model.tokenizer)
    if not chat:
        tokenizer.chat_template = None
    asked_for = _AskedFor()

    write_answers(replace(model, tokenizer=tokenizer), _PROBLEMS[:2], _PROBLEMS[4:],
                  writing=Writing([0.5], 1, 2, 3), cache=asked_for)

    key, = asked_for.keys
    assert (key['sigma'], key['seed'], sorted(key['numbers'])) == (0.5, 0, [0, 1])
    assert all(prompt.startswith(start) for prompt in key['prompts'])
    assert 'What is 1 and 1?' in key['prompts'][key['numbers'].index(0)]


def test_choices_follow_the_exact_prediction(model, tmp_path):
    questions = [MultipleChoice(subject, f'{i}?', ('a', 'b', 'c', 'd'), i % 4)
                 for subject in ('one', 'two') for i in range(6)]

    choices = answer_choices(model, questions, questions[:1], sigmas=[0.0, 0.5, 2.0], seeds=50,
                             cache=ArrayCache(tmp_path))

    assert choices.chosen.shape == choices.emitted.shape == (50, 3, 12)
    assert (choices.chosen[:, 0] == choices.letters.argmax(axis=1)).all()
    agree = choices.emitted == choices.chosen
    assert (agree | (choices.emitted == -1)).all()
    letters, answers = torch.from_numpy(choices.letters), torch.from_numpy(choices.answers)
    for i, sigma in enumerate(choices.sigmas):
        right = class_on_top_probability(letters, answers, float(sigma))
        error = math.sqrt((right * (1 - right)).sum() / 50) / len(questions)
        measured = (choices.chosen[:, i] == choices.answers).mean()
        assert abs(measured - right.mean().item()) <= 4 * error + 1e-9


def test_wilsons_interval_of_a_share():
    interval = accuracy_interval(np.array([True] + [False] * 9), seeds=1)

    # (p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n) for p = 0.1, n = 10, z = 1.96.
    np.testing.assert_allclose((interval.mean, interval.low, interval.high), (10, 1.787, 40.415),
                               atol=0.01)


def test_a_further_seed_is_no_further_problem():
    right = np.array([True, False, True, True])
    few, many = (accuracy_interval(np.tile(right, seeds), seeds) for seeds in (2, 50))
    assert few.mean == many.mean == 75
    assert (few.low, few.high) == pytest.approx((many.low, many.high))


def test_a_checkpoints_penalties_do_not_touch_the_logits(tiny_model, model, tmp_path):
    folder = shutil.copytree(tiny_model, tmp_path / 'model')
    (folder / 'generation_config.json').write_text(json.dumps(
        {'repetition_penalty': 5.0, 'eos_token_id': model.end_tokens[0]}))
    penalised = load_language_model(str(folder), 'float32', torch.device('cpu'))
    options = {'sigma': 0.0, 'seed': 0, 'max_new_tokens': 6, 'add_special_tokens': True}
    first, second = (generate_texts(each, ['a b a b'], [0], **options)
                     for each in (model, penalised))
    np.testing.assert_array_equal(first, second)


@pytest.fixture
def files(tmp_path):
    def write(name, records):
        path = tmp_path / name
        path.write_text('\n'.join(map(json.dumps, records)), encoding='utf-8')
        return str(path)

    questions = [{'subject': subject, 'question': f'{i}?', 'choices': list('wxyz'), 'answer': i}
                 for subject in ('first', 'second') for i in range(4)]
    return {
        'gsm8k': write('gsm8k.jsonl', [
            {'question': f'{i} and 1?', 'answer': f'#### {i + 1}'} for i in range(5)]),
        'mmlu': write('mmlu.jsonl', questions),
        'shots': write('dev.jsonl', questions[:2]),
    }


def _rows(path):
    with path.open(encoding='utf-8') as file:
        return list(csv.DictReader(file))


def test_the_command_reports_on_both_tasks_and_a_second_run_keeps_what_it_has(
    tiny_model, files, tmp_path, capsys
):
    command = ['text', '--model', str(tiny_model), '--gsm8k', files['gsm8k'], '--limit', '3',
               '--shots', '1', '--batch', '2', '--max-new-tokens', '6', '--mmlu', files['mmlu'],
               '--mmlu-limit', '5', '--mmlu-shots-from', files['shots'], '--seeds', '2',
               '--sigmas', '0.5', '20', '--out', str(tmp_path / 'out'),
               '--cache', str(tmp_path / 'cache')]

    assert main(command) == 0

    assert capsys.readouterr().out.count('accuracy') == 2
    gsm8k, mmlu = (_rows(tmp_path / 'out' / f'{name}.csv') for name in ('gsm8k', 'mmlu'))
    assert [row['sigma'] for row in gsm8k] == [row['sigma'] for row in mmlu] == [
        '0.0', '0.5', '20.0']
    assert gsm8k[0]['unchanged'] == '100.0'
    assert float(gsm8k[-1]['perplexity']) > float(gsm8k[0]['perplexity'])
    assert float(gsm8k[-1]['stop: tokens']) == 0  # such noise dominates from the first step on
    assert float(gsm8k[0]['stop: tokens']) == float(gsm8k[0]['tokens'])
    assert mmlu[0]['exact'] == mmlu[0]['accuracy']
    paper = _rows(tmp_path / 'out' / 'paper.csv')
    assert [row['paper, without noise'] for row in paper] == ['80.74', '66.4']
    page = (tmp_path / 'out' / 'report.html').read_text(encoding='utf-8')
    assert page.count('data:image/png;base64') == 4
    # Three sigmas of two batches, and both subjects of MMLU.
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / 'cache').rglob('*.npy')}
    assert len(kept) == 3 * 2 + 2
    first = (tmp_path / 'out' / 'gsm8k.csv').read_bytes()

    assert main(command) == 0

    assert kept == {path: path.stat().st_mtime_ns
                    for path in (tmp_path / 'cache').rglob('*.npy')}
    assert (tmp_path / 'out' / 'gsm8k.csv').read_bytes() == first


@pytest.mark.parametrize(('task', 'pictures'), [('gsm8k', 3), ('mmlu', 1)])
def test_each_task_is_asked_alone(tiny_model, files, tmp_path, task, pictures):
    assert main(['text', '--model', str(tiny_model), f'--{task}', files[task], '--limit', '1',
                 '--max-new-tokens', '2', '--seeds', '1', '--sigmas', '1',
                 '--out', str(tmp_path / 'out'), '--cache', str(tmp_path / 'cache')]) == 0

    page = (tmp_path / 'out' / 'report.html').read_text(encoding='utf-8')
    assert page.count('data:image/png;base64') == pictures


def test_nothing_to_ask_is_an_error(tmp_path, capsys):
    assert main(['text', '--out', str(tmp_path)]) == 1
    assert 'give --gsm8k FILE, --mmlu FILE or both' in capsys.readouterr().err
