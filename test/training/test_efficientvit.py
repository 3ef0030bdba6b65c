import numpy as np
from PIL import Image
import pytest
from train_extra import skip_where_missing

skip_where_missing()

from safetensors.torch import save_file  # noqa: E402
import torch  # noqa: E402
from torchmetrics.classification import MulticlassConfusionMatrix  # noqa: E402

from aim_ros.training import data  # noqa: E402
from aim_ros.training import efficientvit  # noqa: E402
from aim_ros.training.metrics import Figures  # noqa: E402


def test_logits_are_at_stride_eight():
    network = efficientvit.EfficientViTSegmenter().eval()
    with torch.no_grad():
        assert network(torch.randn(2, 3, 64, 96)).shape == (2, 19, 8, 12)


def test_it_has_the_papers_size():
    count = sum(p.numel() for p in efficientvit.EfficientViTSegmenter().parameters())
    assert 0.68e6 < count < 0.72e6


def test_linear_attention_is_the_sum_over_all_pairs_of_pixels():
    torch.manual_seed(2)
    attention = efficientvit._LinearAttention(16).eval()
    values = torch.randn(1, 16, 3, 4)
    with torch.no_grad():
        fine = attention.qkv(values)
        scales = [fine, attention.aggreg[0](fine)]
        seen = []
        for scale in scales:  # one head of 16 channels each
            query, key, value = scale[0].flatten(1).T.split(16, 1)  # (pixels, 16)
            similarity = query.relu() @ key.relu().T
            seen.append(similarity / similarity.sum(1, keepdim=True).clamp_min(1e-12) @ value)
        wanted = attention.proj(torch.cat(seen, 1).T.reshape(1, 32, 3, 4))
        torch.testing.assert_close(attention(values), wanted, rtol=1e-4, atol=1e-5)


def test_weights_load_whole_or_not_at_all(tmp_path):
    state = efficientvit.EfficientViTSegmenter().state_dict()
    save_file(state, tmp_path / 'model.safetensors')
    loaded = efficientvit.load(tmp_path)
    assert not loaded.training
    assert not any(p.requires_grad for p in loaded.parameters())
    assert all(torch.equal(v, state[k]) for k, v in loaded.state_dict().items())
    name = 'head.output_ops.0.op_list.1.conv.bias'
    save_file({k: v for k, v in state.items() if k != name}, tmp_path / 'part.safetensors')
    with pytest.raises(RuntimeError, match=name):
        efficientvit.load(tmp_path / 'part.safetensors')
    with pytest.raises(FileNotFoundError, match=r'give teacher\.weights'):
        efficientvit.load(tmp_path / 'nowhere')


def test_its_figures_on_the_validation_frames(shared_data):
    skip_where_missing('openvino')
    weights = shared_data.parent / 'models' / 'efficientvit-b0-cityscapes'
    if not weights.is_dir():
        pytest.skip(f'{weights} is not here')
    from aim_ros.training.teacher import most_probable
    from aim_ros.training.teacher import Teacher

    teacher = Teacher(weights)
    frames = shared_data / 'kitti_semantics'
    matrix = MulticlassConfusionMatrix(19, ignore_index=255)
    for name in sorted(data.read_names(frames, 'val.txt')):
        image = np.asarray(Image.open(frames / 'images' / f'{name}.jpg').convert('RGB'))
        labels = np.array(Image.open(frames / 'labels' / f'{name}.png'))
        # 736x2496, bicubic: the size at which it is best on these frames
        seen = most_probable(teacher.probabilities(image, 2.0), labels.shape, least=0.0)
        matrix.update(torch.from_numpy(seen), torch.from_numpy(labels))
    figures = Figures(matrix.compute().numpy())
    assert figures.miou > 0.53
    assert figures.pixel_accuracy > 0.9
    assert figures.accuracy[11] > 0.65
    assert figures.accuracy[12] > 0.55
