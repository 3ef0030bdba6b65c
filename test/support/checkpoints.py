"""Tiny SegFormer checkpoints."""

from collections.abc import Callable
import json
from pathlib import Path

import torch
from transformers import SegformerConfig
from transformers import SegformerForSemanticSegmentation

from aim_ros.segmentation.labels import CITYSCAPES

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


def checkpoint_maker(tmp_path: Path) -> Callable[..., Path]:
    """
    Return a function that makes a folder with a tiny SegFormer of random weights.

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


