"""SegFormer's encoder as it runs in the node: channels-last images from end to end."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn
from torch import Tensor
from torch.nn.functional import linear
from torch.nn.functional import scaled_dot_product_attention


@dataclass(frozen=True)
class _Parts:
    """The modules of one transformer block, whatever transformers calls them."""

    before: nn.LayerNorm
    heads: int
    query: nn.Linear
    key: nn.Linear
    value: nn.Linear
    output: nn.Linear
    reduction: nn.Conv2d | None
    reduced: nn.LayerNorm | None
    after: nn.LayerNorm
    expand: nn.Linear
    depthwise: nn.Conv2d
    activation: nn.Module
    project: nn.Linear


def _parts(block: nn.Module) -> _Parts:
    """Find a block's modules; transformers renamed them within version 5."""
    attention, mlp = block.attention, block.mlp
    if hasattr(attention, 'q_proj'):
        reduction = getattr(attention, 'sequence_reduction', None)
        return _Parts(
            block.layernorm_before, attention.num_attention_heads, attention.q_proj,
            attention.k_proj, attention.v_proj, attention.o_proj,
            None if reduction is None else reduction.sequence_reduction,
            None if reduction is None else reduction.layer_norm,
            block.layernorm_after, mlp.fc1, mlp.dwconv.dwconv, mlp.activation_fn, mlp.fc2)
    inner = attention.self
    return _Parts(
        block.layer_norm_1, inner.num_attention_heads, inner.query, inner.key, inner.value,
        attention.output.dense, getattr(inner, 'sr', None), getattr(inner, 'layer_norm', None),
        block.layer_norm_2, mlp.dense1, mlp.dwconv.dwconv, mlp.intermediate_act_fn, mlp.dense2)


def _stages(encoder: nn.Module) -> Iterator[tuple[nn.Module, nn.ModuleList, nn.LayerNorm]]:
    """Yield the patch embeddings, blocks and final normalisation of each stage."""
    if hasattr(encoder, 'stages'):
        for stage in encoder.stages:
            yield stage.patch_embeddings, stage.blocks, stage.layer_norm
    else:
        inner = encoder.encoder
        yield from zip(inner.patch_embeddings, inner.block, inner.layer_norm, strict=True)


def _image(tokens: Tensor, size: tuple[int, int]) -> Tensor:
    """View tokens (B, h * w, C) as a channels-last image (B, C, h, w)."""
    return tokens.unflatten(1, size).permute(0, 3, 1, 2)


def _tokens(image: Tensor) -> Tensor:
    """View a channels-last image (B, C, h, w) as tokens (B, h * w, C)."""
    return image.permute(0, 2, 3, 1).flatten(1, 2)


class _Attention(nn.Module):
    """
    Attention of each pixel to all of a reduced image.

    With a single head, the output's matrix goes into that of the values: the weights of the
    values add up to one, so their sum commutes with it and with its bias.
    """

    def __init__(self, parts: _Parts):
        super().__init__()
        self.heads = parts.heads
        self.query, self.key, self.value = parts.query, parts.key, parts.value
        self.reduction, self.reduced = parts.reduction, parts.reduced
        self.output = parts.output
        if self.heads == 1:
            self.value, self.output = _product(parts.output, parts.value), None

    def forward(self, tokens: Tensor, size: tuple[int, int]) -> Tensor:
        """Attend, (B, h * w, C) to the same."""
        source = tokens
        if self.reduction is not None:
            source = self.reduced(_tokens(self.reduction(_image(tokens, size))))
        result = scaled_dot_product_attention(
            self._split(self.query(tokens)), self._split(self.key(source)),
            self._split(self.value(source))).transpose(1, 2).flatten(2)
        return result if self.output is None else self.output(result)

    def _split(self, tokens: Tensor) -> Tensor:
        """Return the part of each head, (B, heads, n, C / heads)."""
        return tokens.unflatten(2, (self.heads, -1)).transpose(1, 2)


def _product(second: nn.Linear, first: nn.Linear) -> nn.Linear:
    """Return the layer that does what two do in turn, multiplied in float64."""
    weight, bias = second.weight.double(), second.bias.double()
    both = nn.Linear(first.in_features, second.out_features, dtype=second.weight.dtype)
    both.weight.data = (weight @ first.weight.double()).to(second.weight.dtype)
    both.bias.data = linear(first.bias.double(), weight, bias).to(second.weight.dtype)
    return both


class _Block(nn.Module):
    """A transformer block."""

    def __init__(self, parts: _Parts):
        super().__init__()
        self.before, self.attention, self.after = parts.before, _Attention(parts), parts.after
        self.expand, self.depthwise = parts.expand, parts.depthwise
        self.activation, self.project = parts.activation, parts.project

    def forward(self, tokens: Tensor, size: tuple[int, int]) -> Tensor:
        """Run the block, (B, h * w, C) to the same."""
        tokens = tokens + self.attention(self.before(tokens), size)
        wide = self.depthwise(_image(self.expand(self.after(tokens)), size))
        return tokens + self.project(_tokens(self.activation(wide)))


class _Stage(nn.Module):
    """One stage: patches, blocks, a last normalisation."""

    def __init__(self, patches: nn.Module, blocks: nn.ModuleList, norm: nn.LayerNorm):
        super().__init__()
        self.patches, self.patch_norm, self.norm = patches.proj, patches.layer_norm, norm
        self.blocks = nn.ModuleList(_Block(_parts(block)) for block in blocks)

    def forward(self, state: Tensor) -> Tensor:
        """Return the stage's features, (B, C, h, w)."""
        image = self.patches(state)
        size = image.shape[2:]
        tokens = self.patch_norm(_tokens(image))
        for block in self.blocks:
            tokens = block(tokens, size)
        return _image(self.norm(tokens), size)


class FoldedEncoder(nn.Module):
    """
    SegFormer's encoder for inference, with the weights of a loaded one.

    :param encoder: the ``segformer`` of a ``SegformerForSemanticSegmentation``; most of its
        modules are shared.
    """

    def __init__(self, encoder: nn.Module):
        super().__init__()
        with torch.no_grad():
            self.stages = nn.ModuleList(_Stage(*stage) for stage in _stages(encoder))

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """Return the features (B, C_i, h_i, w_i) of pixels, from the finest to the coarsest."""
        states = []
        for stage in self.stages:
            states.append(stage(states[-1] if states else pixels))
        return states
