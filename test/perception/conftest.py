"""Tiny SegFormer checkpoints."""

from collections.abc import Callable
import json
from pathlib import Path

import hypothesis
import pytest
import torch
from transformers import SegformerConfig
from transformers import SegformerForSemanticSegmentation

from aim_ros.perception.labels import CITYSCAPES

# The same examples in every run, no deadline where cores are shared, and nothing kept on disk.
hypothesis.settings.register_profile('perception', deadline=None, database=None, derandomize=True)
hypothesis.settings.load_profile('perception')


# As the SegFormers on the Hugging Face hub have it, but for the size.
PROCESSOR = {
    'image_processor_type': 'SegformerImageProcessor',
    'do_resize': True, 'size': {'height': 64, 'width': 96}, 'resample': 2,
    'do_rescale': True, 'rescale_factor': 1 / 255,
    'do_normalize': True, 'image_mean': [0.485, 0.456, 0.406], 'image_std': [0.229, 0.224, 0.225],
}


def tiny_config(names, **options) -> SegformerConfig:
    return SegformerConfig(
        depths=[1, 1, 1, 1], hidden_sizes=[8, 8, 16, 16], num_attention_heads=[1, 1, 1, 1],
        decoder_hidden_size=16, id2label=dict(enumerate(names)),
        label2id={name: i for i, name in enumerate(names)}, **options)


@pytest.fixture
def make_checkpoint(tmp_path) -> Callable[..., Path]:
    """
    Make a folder with a tiny SegFormer of random weights, and return it.

    `config` and `processor` are put into the JSON files as they are, None takes a key out.
    """
    def make(names=CITYSCAPES.names, *, model=SegformerForSemanticSegmentation, config=None,
             processor=None, seed=0) -> Path:
        folder = tmp_path / f'checkpoint_{len(list(tmp_path.glob("checkpoint_*")))}'
        torch.manual_seed(seed)
        model(tiny_config(names)).save_pretrained(folder)
        (folder / 'preprocessor_config.json').write_text(json.dumps(PROCESSOR))
        for file, changes in (('config.json', config), ('preprocessor_config.json', processor)):
            content = {**json.loads((folder / file).read_text()), **(changes or {})}
            (folder / file).write_text(json.dumps(
                {key: value for key, value in content.items() if value is not None}))
        return folder

    return make


@pytest.fixture(scope='session')
def ade20k_full_names(shared_data) -> tuple[str, ...]:
    """ADE20K's 150 classes, each with all its synonyms, as its own list has them."""
    path = shared_data / 'ade20k' / 'objectInfo150.txt'
    if not path.is_file():
        pytest.skip(f'{path} is not here')
    rows = path.read_text().splitlines()[1:]
    return tuple(row.split('\t')[4] for row in rows if row.strip())


@pytest.fixture(scope='session')
def ade20k_names(ade20k_full_names) -> tuple[str, ...]:
    """The same as the checkpoints on the Hugging Face hub spell it: the first synonym alone."""
    return tuple(name.split(',')[0] for name in ade20k_full_names)
