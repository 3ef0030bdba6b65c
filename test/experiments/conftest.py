"""Tiny models of random weights, and a few labelled images for one of them."""

import json
from pathlib import Path

import numpy as np
from PIL import Image
import pytest
import torch

from aim_ros.segmentation.labels import CITYSCAPES

IMAGE_SIZE = (48, 80)


@pytest.fixture(scope='session')
def checkpoint(tmp_path_factory) -> Path:
    """A SegFormer for Cityscapes' classes with a network input of 32 x 64."""
    from transformers import SegformerConfig
    from transformers import SegformerForSemanticSegmentation

    folder = tmp_path_factory.mktemp('checkpoint')
    torch.manual_seed(0)
    names = dict(enumerate(CITYSCAPES.names))
    SegformerForSemanticSegmentation(SegformerConfig(
        depths=[1, 1, 1, 1], hidden_sizes=[8, 8, 16, 16], num_attention_heads=[1, 1, 1, 1],
        decoder_hidden_size=16, id2label=names, label2id={v: k for k, v in names.items()},
        initializer_range=0.3,
    )).save_pretrained(folder)
    (folder / 'preprocessor_config.json').write_text(json.dumps({
        'image_processor_type': 'SegformerImageProcessor', 'do_resize': True,
        'size': {'height': 32, 'width': 64}, 'resample': 2, 'do_rescale': True,
        'rescale_factor': 1 / 255, 'do_normalize': True,
        'image_mean': [0.485, 0.456, 0.406], 'image_std': [0.229, 0.224, 0.225]}))
    return folder


@pytest.fixture(scope='session')
def street(tmp_path_factory) -> Path:
    """Four labelled images with Cityscapes train ids in images/ and labels/."""
    folder = tmp_path_factory.mktemp('street')
    rng = np.random.default_rng(5)
    (folder / 'images').mkdir()
    (folder / 'labels').mkdir()
    for index in range(4):
        labels = rng.integers(0, 19, (6, 10), np.uint8).repeat(8, 0).repeat(8, 1)
        labels[:4] = 255
        image = rng.integers(0, 256, (*IMAGE_SIZE, 3), np.uint8)
        image[..., 0] = 12 * np.where(labels == 255, 0, labels)
        Image.fromarray(image).save(folder / 'images' / f'f{index}.png')
        Image.fromarray(labels).save(folder / 'labels' / f'f{index}.png')
    return folder


_CHAT_TEMPLATE = (
    "{% for message in messages %}<s>{{ message['role'] }}\n{{ message['content'] }}</s>"
    '{% endfor %}{% if add_generation_prompt %}<s>assistant\n{% endif %}')


@pytest.fixture(scope='session')
def tiny_model(tmp_path_factory) -> Path:
    """A Llama of two layers with a byte-level tokenizer and a chat template."""
    from tokenizers import decoders
    from tokenizers import models
    from tokenizers import pre_tokenizers
    from tokenizers import Tokenizer
    from tokenizers import trainers
    from transformers import LlamaConfig
    from transformers import LlamaForCausalLM
    from transformers import PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp('tiny_model')
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        ['Answer: A B C D The answer is 12 apples and 7 pears.'] * 10,
        trainers.BpeTrainer(vocab_size=300, special_tokens=['<s>', '</s>'], show_progress=False,
                            initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token='<s>', eos_token='</s>', pad_token='</s>')
    fast.chat_template = _CHAT_TEMPLATE
    fast.save_pretrained(folder)
    torch.manual_seed(5)
    LlamaForCausalLM(LlamaConfig(
        vocab_size=len(fast), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, initializer_range=0.3,
        bos_token_id=fast.bos_token_id, eos_token_id=fast.eos_token_id,
        pad_token_id=fast.pad_token_id)).save_pretrained(folder)
    return folder
