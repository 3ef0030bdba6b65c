"""Texts and choices of a language model under noise, and what is measured of them."""

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from aim_ros.experiments.cache import ArrayCache
from aim_ros.experiments.errors import ExperimentError
from aim_ros.experiments.generation import noise_dominates
from aim_ros.experiments.generation import UtilityModulationProcessor
from aim_ros.experiments.language_model import generate_texts
from aim_ros.experiments.language_model import LanguageModel
from aim_ros.experiments.language_model import letter_tokens
from aim_ros.experiments.language_model import next_token_logits
from aim_ros.experiments.language_model import Texts
from aim_ros.experiments.questions import extract_number
from aim_ros.experiments.questions import gsm8k_messages
from aim_ros.experiments.questions import gsm8k_text
from aim_ros.experiments.questions import LETTERS
from aim_ros.experiments.questions import mmlu_prefix
from aim_ros.experiments.questions import mmlu_question
from aim_ros.experiments.questions import MultipleChoice
from aim_ros.experiments.questions import WordProblem


def split_shots(
    problems: Sequence[WordProblem], limit: int, shots: int
) -> tuple[list[WordProblem], list[WordProblem]]:
    """
    Return the problems to ask, from the first on, and the solved ones, from the end.

    :raises ExperimentError: no problem is left to ask.
    """
    if not 0 <= shots < len(problems):
        raise ExperimentError(f'--shots must be 0 .. {len(problems) - 1}, since the file has '
                              f'{len(problems)} problems; got {shots}')
    first_shot = len(problems) - shots
    return list(problems[: min(limit, first_shot)]), list(problems[first_shot:])


@dataclass(frozen=True)
class Writing:
    """
    How many texts are written, and how.

    :param sigmas: of the noise.
    :param seeds: repetitions under each sigma.
    :param batch: prompts that go together.
    :param max_new_tokens: of a text.
    """

    sigmas: Sequence[float]
    seeds: int
    batch: int
    max_new_tokens: int


def write_answers(
    model: LanguageModel,
    problems: Sequence[WordProblem],
    shots: Sequence[WordProblem],
    *,
    writing: Writing,
    cache: ArrayCache,
    advance: Callable[[int], object] = lambda steps: None,
) -> dict[float, list[Texts]]:
    """
    Let the model solve problems under noise.

    :param advance: called with the number of steps that were made or not needed.
    :return: for each sigma, the texts of each seed, in the order of the problems.
    """
    prompts = _prompts(model, problems, shots)
    # Prompts of one length go together, so that little is padded.
    order = sorted(range(len(prompts)), key=lambda number: len(prompts[number]))
    batches = [order[first : first + writing.batch]
               for first in range(0, len(order), writing.batch)]

    def generate(numbers: list[int], sigma: float, seed: int) -> np.ndarray:
        steps = 0

        def count() -> None:
            nonlocal steps
            steps += 1
            advance(1)

        some = [prompts[number] for number in numbers]
        key = {'texts by': model.checksum, 'dtype': str(model.network.dtype), 'prompts': some,
               'numbers': numbers, 'sigma': sigma, 'seed': seed,
               'tokens': writing.max_new_tokens, 'version': 2}
        array = cache.get(key, lambda: generate_texts(
            model, some, numbers, sigma=sigma, seed=seed, max_new_tokens=writing.max_new_tokens,
            add_special_tokens=not _is_chat(model), advance=count))
        advance(writing.max_new_tokens - steps)
        return array

    texts: dict[float, list[Texts]] = {}
    for sigma in writing.sigmas:
        for seed in range(writing.seeds):
            arrays = [generate(numbers, sigma, seed) for numbers in batches]
            sorted_back = np.concatenate(arrays, axis=1)[:, np.argsort(order)]
            texts.setdefault(sigma, []).append(Texts.from_array(sorted_back))
    return texts


def _is_chat(model: LanguageModel) -> bool:
    return bool(model.tokenizer.chat_template)


def _prompts(model: LanguageModel, problems: Sequence[WordProblem],
             shots: Sequence[WordProblem]) -> list[str]:
    """Return what the model is asked, in its own form."""
    if not _is_chat(model):
        return [gsm8k_text(problem, shots) for problem in problems]
    return [model.tokenizer.apply_chat_template(
        gsm8k_messages(problem, shots), tokenize=False, add_generation_prompt=True)
        for problem in problems]


@dataclass(frozen=True)
class TextScores:
    """
    What is measured of texts under one sigma; arrays `(seeds * N,)`, seed after seed.

    :param right: whether the answer is.
    :param numbers: the answer that a text gives; NaN where it gives none.
    :param surprise: mean negative log-likelihood of a text's tokens under the unmodulated model,
        in nats a token: the logarithm of its perplexity. NaN for an empty text.
    :param lengths: tokens, the end token left out.
    """

    right: np.ndarray
    numbers: np.ndarray
    surprise: np.ndarray
    lengths: np.ndarray


def score_texts(
    model: LanguageModel,
    repetitions: Sequence[Texts],
    problems: Sequence[WordProblem],
    lengths: np.ndarray | None = None,
) -> TextScores:
    """
    Score texts as they are, or cut off.

    :param lengths: `(seeds * N,)` steps to keep of each text; None keeps all.
    """
    tokens = np.concatenate([texts.tokens for texts in repetitions])
    likelihoods = np.concatenate([texts.likelihoods for texts in repetitions])
    kept = tokens >= 0
    if lengths is not None:
        kept &= np.arange(tokens.shape[1]) < lengths[:, None]
    words = kept & ~np.isin(tokens, model.end_tokens)
    numbers = np.array([
        extract_number(model.tokenizer.decode(row[mask], skip_special_tokens=True))
        for row, mask in zip(tokens, words, strict=True)], float)
    answers = np.tile([problem.answer for problem in problems], len(repetitions))
    steps = kept.sum(axis=1)
    surprise = np.full(len(tokens), np.nan)
    np.divide(-np.where(kept, likelihoods, 0).sum(axis=1), steps, out=surprise, where=steps > 0)
    return TextScores(numbers == answers, numbers, surprise, words.sum(axis=1))


def stop_lengths(repetitions: Sequence[Texts], sigma: float, vocabulary: int) -> np.ndarray:
    """
    Return after how many steps `EarlyStop` ends each text, `(seeds * N,)`.

    Since the noise of a step does not depend on later ones, a text that is stopped early is the
    beginning of the one that is not.
    """
    dominated = dominated_steps(repetitions, sigma, vocabulary)
    steps = dominated.shape[1]
    return np.where(dominated.any(axis=1), dominated.argmax(axis=1), steps)


def dominated_steps(repetitions: Sequence[Texts], sigma: float, vocabulary: int) -> np.ndarray:
    """Return where noise dominates, bool `(seeds * N, T)`; False after a text's end."""
    leads, spreads = (torch.from_numpy(np.concatenate([getattr(texts, name)
                                                       for texts in repetitions]))
                      for name in ('leads', 'spreads'))
    return noise_dominates(leads, spreads, sigma, vocabulary).numpy()


@dataclass(frozen=True)
class ChoiceResults:
    """
    MMLU under noise.

    :param answers: int `(N,)`, the right letter's index.
    :param letters: float `(N, 4)`, unmodulated logits of the letters.
    :param chosen: int `(seeds, sigmas, N)`, the letter that is largest among the four.
    :param emitted: int `(seeds, sigmas, N)`, the letter that `generate` would write next, -1 if
        that is another token.
    """

    sigmas: np.ndarray
    answers: np.ndarray
    letters: np.ndarray
    chosen: np.ndarray
    emitted: np.ndarray


def answer_choices(
    model: LanguageModel,
    questions: Sequence[MultipleChoice],
    shots: Sequence[MultipleChoice],
    *,
    sigmas: Sequence[float],
    seeds: int,
    cache: ArrayCache,
    advance: Callable[[int], object] = lambda count: None,
) -> ChoiceResults:
    """
    Let the model choose letters under noise, from the logits of the next token.

    The noise is that of `UtilityModulationProcessor` at a text's first step.

    :param advance: called with the number of questions that were answered.
    """
    tokens = letter_tokens(model)
    results = np.empty((len(questions), len(LETTERS) + 2 * seeds * len(sigmas)))
    for subject in dict.fromkeys(question.subject for question in questions):
        numbers = [i for i, question in enumerate(questions) if question.subject == subject]
        prefix = mmlu_prefix(subject, [shot for shot in shots if shot.subject == subject])
        asked = [mmlu_question(questions[i]) for i in numbers]
        key = {'letters by': model.checksum, 'dtype': str(model.network.dtype), 'prefix': prefix,
               'asked': asked, 'numbers': numbers, 'sigmas': list(sigmas), 'seeds': seeds}

        def answer(prefix: str = prefix, asked: list = asked, numbers: list = numbers):
            logits = next_token_logits(model, prefix, asked)
            return _modulated_letters(logits, tokens, numbers, sigmas, seeds)

        results[numbers] = cache.get(key, answer)
        advance(len(numbers))
    drawn = results[:, len(LETTERS):].astype(int).T.reshape(2, seeds, len(sigmas), len(questions))
    return ChoiceResults(
        np.asarray(sigmas), np.array([question.answer for question in questions]),
        results[:, : len(LETTERS)], *drawn)


def _modulated_letters(
    logits: torch.Tensor,
    tokens: Sequence[int],
    numbers: Sequence[int],
    sigmas: Sequence[float],
    seeds: int,
) -> np.ndarray:
    """Return the letters' logits, and `chosen` and `emitted`, flat, for each question."""
    chosen, emitted = [], []
    for seed in range(seeds):
        draw = UtilityModulationProcessor(1.0, prompt_length=0, seed=seed, sequences=numbers)
        noise = draw(torch.empty(len(logits), 0), torch.zeros_like(logits))
        for sigma in sigmas:
            modulated = logits + sigma * noise
            chosen.append(modulated[:, tokens].argmax(dim=1))
            written = modulated.argmax(dim=1, keepdim=True)
            is_letter = written == torch.tensor(tokens, device=logits.device)
            emitted.append(torch.where(is_letter.any(dim=1), is_letter.int().argmax(dim=1), -1))
    drawn = torch.stack(chosen + emitted, dim=1)
    return torch.cat([logits[:, tokens].double(), drawn.double()], dim=1).cpu().numpy()
