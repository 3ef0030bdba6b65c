"""SegFormer's network as it runs in the node: the same logits, for far less work."""

from collections.abc import Callable
from collections.abc import Sequence
import logging

import torch
from torch import nn
from torch import Tensor
from torch.nn.functional import conv2d
from torch.nn.functional import interpolate

from aim_ros.segmentation.encoder import FoldedEncoder

_logger = logging.getLogger(__name__)


class FoldedDecodeHead(nn.Module):
    """
    SegFormer's decode head with all its linear steps folded into one a stage.

    The head projects each stage to D channels, upsamples it to a quarter of the input, fuses the
    four by a 1x1 convolution and normalises the sum. In inference all of this is linear, and a
    step across channels commutes with upsampling, whose weights add up to one. So

        BatchNorm(fuse(concat_i(up(P_i x_i + p_i)))) = sum_i up(s F_i P_i x_i) + c

    where F_i are stage i's columns of the fuse, s is the scale of the normalisation, and c gathers
    its offset and those of the projections. Each product s F_i P_i is one small matrix, which is
    applied at the stage's own resolution. The fuse at full resolution, nine tenths of the head's
    multiplications, is gone. What follows, ReLU and classifier, stays.

    :param head: the head of a loaded ``SegformerForSemanticSegmentation``. Its classifier is
        shared, the other weights are folded in float64 and kept in the type that they had.
    """

    def __init__(self, head: nn.Module):
        super().__init__()
        # transformers renamed them within version 5.
        modules = head.linear_projections if hasattr(head, 'linear_projections') else head.linear_c
        projections = [module.proj for module in modules]
        norm, weight = head.batch_norm, head.linear_fuse.weight
        scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
        offset = norm.bias.double() - scale * norm.running_mean.double()
        # The head concatenates the stages from the last to the first.
        fuses = reversed((scale[:, None] * weight.double().flatten(1)).chunk(len(projections), 1))
        self.stages = nn.ParameterList()
        for fuse, projection in zip(fuses, projections, strict=True):
            self.stages.append((fuse @ projection.weight.double()).to(weight.dtype))
            offset = offset + fuse @ projection.bias.double()
        self.offset = nn.Parameter(offset.to(weight.dtype))
        self.classifier = head.classifier

    def forward(self, states: Sequence[Tensor], **_) -> Tensor:
        """
        Decode the encoder's features.

        :param states: (B, C_i, h_i, w_i), from the finest stage to the coarsest.
        :return: logits (B, classes, h_0, w_0).
        """
        size = states[0].shape[2:]
        coarse = None
        for state, weight in zip(states[1:], self.stages[1:], strict=True):
            image = interpolate(
                _across_channels(state, weight), size=size, mode='bilinear', align_corners=False)
            coarse = image if coarse is None else coarse.add_(image)
        # The finest comes last: OpenVINO's convolution adds to what is there, and cuts off below.
        total = _across_channels(states[0], self.stages[0], self.offset).add_(coarse)
        return self.classifier(total.relu_())


def _across_channels(state: Tensor, weight: Tensor, offset: Tensor | None = None) -> Tensor:
    """Apply a matrix to the channels of (B, C, h, w); the result is channels-last in memory."""
    return conv2d(state, weight[:, :, None, None], offset)


class FoldedSegformer(nn.Module):
    """
    A SegFormer for inference: folded encoder and head, channels-last convolutions.

    The tokens of the transformer blocks are channels-last images already, so that in this layout
    their convolutions rearrange nothing.

    :param network: a loaded ``SegformerForSemanticSegmentation``, whose modules are shared.
    """

    def __init__(self, network: nn.Module):
        super().__init__()
        self.encoder = FoldedEncoder(network.segformer)
        with torch.no_grad():
            self.decode_head = FoldedDecodeHead(network.decode_head)
        self.eval().requires_grad_(False).to(memory_format=torch.channels_last)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the logits (B, classes, h / 4, w / 4) of pixels (B, 3, h, w)."""
        return self.decode_head(self.encoder(pixels))


class GraphedNetwork:
    """
    A network on CUDA that is replayed as a graph, without the launches of its hundreds of kernels.

    One graph is captured for each batch size up to the number of cameras: from pixels in a fixed
    buffer, through the network in its precision, to logits in another. Nothing else is in it, so
    preprocessing, decoding and every setting may change freely. A batch of another shape, or any
    up to one whose capture failed, runs as it would without graphs.

    :param network: maps pixels (B, 3, h, w) to logits.
    :param size: (h, w) of the pixels.
    :param batches: the largest batch, >= 1.
    :param device: a CUDA device.
    :param dtype: type of the pixels.
    """

    def __init__(self, network: Callable[[Tensor], Tensor], size: tuple[int, int], *,
                 batches: int, device: torch.device, dtype: torch.dtype):
        self._network = network
        self._graphs: dict[torch.Size, tuple[torch.cuda.CUDAGraph, Tensor, Tensor]] = {}
        pool = torch.cuda.graph_pool_handle()
        # One of our own: torch's default for captures stays on the first device that captured.
        aside = torch.cuda.Stream(device)
        # The largest first: the others find room in the memory that it leaves.
        for batch in range(batches, 0, -1):
            pixels = torch.zeros(batch, 3, *size, device=device, dtype=dtype)
            generator = torch.cuda.default_generators[pixels.get_device()]
            state = generator.clone_state()
            try:
                # On leaving, the stream is the present one again: torch does not see to that where
                # a capture fails.
                with torch.cuda.stream(torch.cuda.current_stream(device)):
                    graph, logits = _capture(network, pixels, pool, aside)
            # What cannot be captured surfaces as one of many types, and runs all the same.
            except Exception as error:
                _logger.warning(
                    'no CUDA graph of the network for batches up to %d, which so take longer: %s',
                    batch, ' '.join(str(error).split())[:300])
                # The generator would wait for the end of the capture, and refuse to draw until it.
                generator.graphsafe_set_state(state)
                break
            self._graphs[pixels.shape] = graph, pixels, logits

    @torch.inference_mode()
    def __call__(self, pixels: Tensor) -> Tensor:
        """Return the logits; the next call overwrites them."""
        captured = self._graphs.get(pixels.shape)
        if captured is None:
            return self._network(pixels)
        graph, fixed_pixels, fixed_logits = captured
        fixed_pixels.copy_(pixels)
        graph.replay()
        return fixed_logits


@torch.inference_mode()
def _capture(network: Callable[[Tensor], Tensor], pixels: Tensor, pool, aside: torch.cuda.Stream
             ) -> tuple[torch.cuda.CUDAGraph, Tensor]:
    # Libraries choose their algorithms and take their memory at first; that cannot be captured.
    current = torch.cuda.current_stream()
    aside.wait_stream(current)
    with torch.cuda.stream(aside):
        for _ in range(3):
            network(pixels)
    current.wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    # Other threads of the process may use the device meanwhile.
    with torch.cuda.graph(
            graph, pool=pool, stream=aside, capture_error_mode='thread_local'):
        logits = network(pixels)
    return graph, logits
