"""The report of ``experiments text``: tables, plots and examples."""

from collections.abc import Sequence
from dataclasses import dataclass
import math
from pathlib import Path

import numpy as np
from scipy.stats import binomtest
import torch

from aim_ros.experiments.language_model import LanguageModel
from aim_ros.experiments.language_model import Texts
from aim_ros.experiments.plots import plot_curves
from aim_ros.experiments.plots import Series
from aim_ros.experiments.plots import SIGMA_AXIS
from aim_ros.experiments.predictions import class_on_top_probability
from aim_ros.experiments.questions import LETTERS
from aim_ros.experiments.questions import WordProblem
from aim_ros.experiments.report import Report
from aim_ros.experiments.report import Row
from aim_ros.experiments.statistics import Interval
from aim_ros.experiments.statistics import mean_interval
from aim_ros.experiments.text_measures import ChoiceResults
from aim_ros.experiments.text_measures import dominated_steps
from aim_ros.experiments.text_measures import score_texts
from aim_ros.experiments.text_measures import stop_lengths
from aim_ros.experiments.text_measures import TextScores

PAPER = {'GSM8K': (80.74, 2.12), 'MMLU': (66.40, 28.03)}
"""The paper's accuracy (%) of Llama-3.1-8B: without noise, and at its largest sigma."""

_ABOUT_GSM8K = (
    'Greedy decoding of the modulated logits. Intervals of accuracy are 95 % over problems, '
    "Wilson's for one seed and Student's t of their means for more. An answer is unchanged if it "
    'is the number that the same model gives without noise, right or wrong; texts part at the '
    'first token that noise turns, so this falls at the smallest sigma. Of a model that solves '
    'hardly any problem accuracy says nothing, and its utility is seen in the coherence. '
    'Perplexity is the geometric mean over texts, each under the unmodulated model given its own '
    'beginning. With early stop a text ends before the first token for which noise dominates: '
    "where the level that one of the vocabulary's tokens is expected to reach by chance, from "
    "mean and standard deviation of the logits and sigma, is above the model's own top logit. The "
    "rule is this package's: the paper goes by mean and standard deviation too, with a rule that "
    'is not known here.')


@dataclass(frozen=True)
class Finding:
    """
    What one task found.

    :param task: a key of `PAPER`.
    :param summary: in a few sentences.
    :param without_noise: accuracy in %.
    :param with_noise: accuracy in % at the largest sigma.
    """

    task: str
    summary: str
    without_noise: float
    with_noise: float


def accuracy_interval(right: np.ndarray, seeds: int) -> Interval:
    """
    Return the share of `right`, bool `(seeds * N,)`, in % with its 95 % interval, as 0-d arrays.

    The interval is over the N problems, of which a further seed is no further one: Wilson's for
    one seed, else Student's t over the problems' means.
    """
    if seeds > 1:
        return mean_interval(100 * _by_problem(right, seeds))
    share = binomtest(int(right.sum()), right.size).proportion_ci(method='wilson')
    return Interval(*(np.asarray(100 * value) for value in (right.mean(), share.low, share.high)))


def _joined(intervals: Sequence[Interval]) -> Interval:
    """Return the intervals of several sigmas as one."""
    return Interval(*(np.array([getattr(interval, name) for interval in intervals])
                      for name in ('mean', 'low', 'high')))


def _by_problem(values: np.ndarray, seeds: int) -> np.ndarray:
    """Return the mean over the seeds of values `(seeds * N,)`, leaving NaN out, without NaN."""
    values = values.reshape(seeds, -1).astype(float)
    known = np.isfinite(values)
    some = known.any(axis=0)
    return np.where(known, values, 0).sum(axis=0)[some] / known.sum(axis=0)[some]


def _surprise(scores: TextScores, seeds: int) -> Interval:
    """Return the mean surprise over problems with a text that is not empty; NaN without any."""
    some = _by_problem(scores.surprise, seeds)
    return mean_interval(some if some.size else np.array([np.nan]))


def report_gsm8k(
    report: Report,
    texts: dict[float, list[Texts]],
    problems: Sequence[WordProblem],
    model: LanguageModel,
) -> Finding:
    """Add what the texts of each sigma show; see `write_answers`."""
    sigmas = np.array(list(texts))
    whole, stopped, rows = [], [], []
    unmodulated = score_texts(model, texts[0.0][:1], problems).numbers
    for sigma, repetitions in texts.items():
        lengths = stop_lengths(repetitions, sigma, model.vocabulary)
        whole.append(score_texts(model, repetitions, problems))
        stopped.append(score_texts(model, repetitions, problems, lengths))
        rows.append(_gsm8k_row(sigma, repetitions, whole[-1], stopped[-1], unmodulated, model))
    seeds = len(texts[0.0])
    accuracy = _joined([accuracy_interval(scores.right, seeds) for scores in whole])
    summary = _gsm8k_summary(rows, _takeover(texts[0.0], model.vocabulary))
    report.heading('GSM8K')
    report.paragraph(summary)
    report.paragraph(_ABOUT_GSM8K)
    unchanged = np.array([row['unchanged'] for row in rows])
    report.figure('gsm8k', plot_curves(
        [Series('right', sigmas, accuracy), Series('answer unchanged', sigmas, unchanged)],
        x_label=SIGMA_AXIS, y_label='share of problems (%)'),
        'GSM8K: right answers, and answers that noise left unchanged, against σ.')
    _plot_texts(report, sigmas, seeds, whole, stopped)
    report.table('gsm8k', rows, digits=2, caption=(
        'GSM8K: shares in %, lengths in tokens; "stop:" with the early stop'))
    report.heading('What the texts look like')
    report.paragraph(f'{problems[0].question} (right: {problems[0].answer:g}) The bar ‖ stands '
                     'where the early stop ends a text.')
    for sigma, repetitions in texts.items():
        report.paragraph(f'σ {sigma:g}: {_example(model, repetitions[0], sigma)}')
    return Finding('GSM8K', summary, rows[0]['accuracy'], rows[-1]['accuracy'])


def _gsm8k_summary(rows: Sequence[Row], takeover: float) -> str:
    first, last = rows[0], rows[-1]
    return (
        f'GSM8K: accuracy {first["accuracy"]:.1f} % without noise, {last["accuracy"]:.1f} % '
        f'at sigma {last["sigma"]:g}; answers that stay {last["unchanged"]:.1f} %; perplexity '
        f'under the unmodulated model {first["perplexity"]:.2f} and {last["perplexity"]:.2f}'
        f'; noise would dominate half of the unmodulated steps at sigma {takeover:.2f}.')


def _plot_texts(
    report: Report,
    sigmas: np.ndarray,
    seeds: int,
    whole: Sequence[TextScores],
    stopped: Sequence[TextScores],
) -> None:
    """Add how coherent and how long the texts are, whole and up to the early stop."""
    report.figure('coherence', plot_curves(
        [Series('whole text', sigmas, _joined([_surprise(s, seeds) for s in whole])),
         Series('up to the early stop', sigmas, _joined([_surprise(s, seeds) for s in stopped]),
                line='--')],
        x_label=SIGMA_AXIS, y_label='−log likelihood (nats a token)'),
        'Coherence: surprise of the unmodulated model at the text, the logarithm of its '
        'perplexity; lower is more coherent. Mean over the problems with a text that is not empty '
        '(see the table), with its 95 % interval.')
    report.figure('length', plot_curves(
        [Series(name, sigmas, _joined([
            mean_interval(_by_problem(s.lengths, seeds)) for s in scores]), line=line)
         for name, scores, line in (
             ('whole text', whole, '-'), ('up to the early stop', stopped, '--'))],
        x_label=SIGMA_AXIS, y_label='length (tokens)'),
        'Length of the generated texts. Mean over problems with its 95 % interval.')


def _gsm8k_row(
    sigma: float,
    repetitions: Sequence[Texts],
    whole: TextScores,
    stopped: TextScores,
    unmodulated: np.ndarray,
    model: LanguageModel,
) -> Row:
    seeds = len(repetitions)
    accuracy = accuracy_interval(whole.right, seeds)
    before = np.tile(unmodulated, len(repetitions))
    same = (whole.numbers == before) | (np.isnan(whole.numbers) & np.isnan(before))
    tokens = np.concatenate([texts.tokens for texts in repetitions])
    dominated = dominated_steps(repetitions, sigma, model.vocabulary)
    return {
        'sigma': sigma,
        'accuracy': float(accuracy.mean),
        'low': float(accuracy.low),
        'high': float(accuracy.high),
        'unchanged': 100 * same.mean(),
        'no number': 100 * np.isnan(whole.numbers).mean(),
        'perplexity': math.exp(_surprise(whole, seeds).mean),
        'tokens': whole.lengths.mean(),
        'ended by itself': 100 * np.isin(tokens, model.end_tokens).any(axis=1).mean(),
        'noise dominates, steps': 100 * dominated.sum() / (tokens >= 0).sum(),
        'stop: accuracy': 100 * stopped.right.mean(),
        'stop: perplexity': math.exp(_surprise(stopped, seeds).mean),
        'stop: tokens': stopped.lengths.mean(),
        'stop: not empty': 100 * np.isfinite(stopped.surprise).mean(),
    }


def _takeover(unmodulated: Sequence[Texts], vocabulary: int) -> float:
    """Return the sigma at which noise would dominate half of the steps; see `noise_dominates`."""
    low, high = 0.0, 1e6
    steps = sum(np.isfinite(texts.leads).sum() for texts in unmodulated)
    while high - low > 1e-3:
        middle = (low + high) / 2
        few = dominated_steps(unmodulated, middle, vocabulary).sum() < steps / 2
        low, high = (middle, high) if few else (low, middle)
    return high


def _example(model: LanguageModel, texts: Texts, sigma: float) -> str:
    """Return the first text with a bar where the early stop ends it."""
    stop = stop_lengths([texts], sigma, model.vocabulary)[0]
    tokens = texts.tokens[0]
    kept, rest = (model.tokenizer.decode(part[part >= 0], skip_special_tokens=True)
                  for part in (tokens[:stop], tokens[stop:]))
    return f'{kept} ‖{rest}' if rest else kept


def report_mmlu(report: Report, choices: ChoiceResults) -> Finding:
    """Add what the choices show."""
    sigmas, answers = choices.sigmas, choices.answers
    accuracy = mean_interval(100 * (choices.chosen == answers).mean(axis=-1))
    emitted = mean_interval(100 * (choices.emitted == answers).mean(axis=-1))
    any_letter = 100 * (choices.emitted >= 0).mean(axis=(0, 2))
    letters, right = torch.from_numpy(choices.letters), torch.from_numpy(answers)
    exact = np.array([100 * class_on_top_probability(letters, right, sigma).mean().item()
                      for sigma in sigmas])
    distance = np.abs(accuracy.mean - exact)
    summary = (
        f'MMLU: accuracy {accuracy.mean[0]:.1f} % without noise, {accuracy.mean[-1]:.1f} % at '
        f'sigma {sigmas[-1]:g}, among the four letters; the exact prediction is '
        f'{distance.mean():.2f} points off on average, {distance.max():.2f} at most.')
    report.heading('MMLU')
    report.paragraph(summary)
    report.paragraph(
        "Among the letters: the largest of the next token's logits for A, B, C and D, modulated. "
        'Written: the modulated arg max of the whole vocabulary is the right letter, as generate '
        f'would write it. Mean over {len(choices.chosen)} seeds with its 95 % interval, which '
        'covers the noise and not the choice of questions. The exact prediction needs the '
        'four unmodulated logits alone: the probability that the right one ends on top.')
    report.figure('mmlu', plot_curves(
        [Series('among the letters, measured', sigmas, accuracy),
         Series('among the letters, exact', sigmas, exact, line='--'),
         Series('written, measured', sigmas, emitted, line=':')],
        x_label=SIGMA_AXIS, y_label='accuracy (%)', references={'chance': 100 / len(LETTERS)}),
        'MMLU: accuracy against σ, measured and predicted.')
    report.table('mmlu', [{
        'sigma': float(sigma), 'accuracy': accuracy.mean[i], 'low': accuracy.low[i],
        'high': accuracy.high[i], 'exact': exact[i], 'distance': distance[i],
        'written': emitted.mean[i], 'a letter is written': any_letter[i],
    } for i, sigma in enumerate(sigmas)], digits=2, caption='MMLU: accuracy and shares in %')
    return Finding('MMLU', summary, accuracy.mean[0], accuracy.mean[-1])


def report_paper(report: Report, findings: Sequence[Finding], sigma: float, name: str) -> None:
    """
    Put the paper's figures beside those found.

    :param sigma: the largest one.
    :param name: of the model.
    """
    report.heading('Beside the paper')
    report.table('paper', [{
        'task': finding.task, 'without noise': finding.without_noise,
        f'at sigma {sigma:g}': finding.with_noise,
        'paper, without noise': PAPER[finding.task][0],
        'paper, largest sigma': PAPER[finding.task][1],
    } for finding in findings], digits=2, caption='Accuracy in %')
    report.paragraph(
        f"The paper's model is Llama-3.1-8B, this one is {Path(name).name}; its data are the "
        'whole test sets, asked through another framework with its own prompts, and its sigmas '
        'end where its accuracy does. A model that is near chance without noise has no accuracy '
        'to lose: of such a model only the other curves say anything.')
