"""What CUDA computes of all groups at once is what the CPU computes where it finds a component."""

import numpy as np
import pytest
import torch

from aim_ros.hazards.components import Scores
from aim_ros.hazards.groups import RoadUserClasses
from aim_ros.perception.group_scores import computed_scores
from aim_ros.perception.group_scores import group_scores
from aim_ros.segmentation.labels import CITYSCAPES
from aim_ros.segmentation.labels import LabelSet

PERSON, RIDER, CAR, BICYCLE = 11, 12, 13, 18

TWO = LabelSet(('person', 'bicycle'))


@pytest.mark.parametrize('temperature', [1.0, 1.7])
@pytest.mark.parametrize(('labels', 'class_ids'), [
    (CITYSCAPES, (PERSON, RIDER, BICYCLE)), (CITYSCAPES, (PERSON, CAR)), (CITYSCAPES, (CAR,)),
    (CITYSCAPES, ()), (TWO, (0, 1))])
def test_scores_of_all_groups(labels, class_ids, temperature, device):
    logits = 2 * torch.randn(len(labels), 6, 9, generator=torch.Generator().manual_seed(0))
    search = RoadUserClasses.of(labels).search(class_ids)
    found = computed_scores(logits.to(device), search, temperature)
    if device.type == 'cuda':
        torch.cuda.synchronize()
    expected = Scores.lazy(logits.numpy(), search.count, temperature).computed(search)
    np.testing.assert_allclose(found.probability, expected.probability, atol=1e-6)
    np.testing.assert_allclose(found.margin, expected.margin, atol=1e-5)
    # Nothing is left to compute.
    assert len(found.logits) == 0


def test_only_cuda_computes_before_it_is_asked(device):
    search = RoadUserClasses.of(CITYSCAPES).search((PERSON,))
    scores = group_scores(torch.zeros(19, 2, 3, device=device), search, 1.0)
    assert len(scores.logits) == {'cpu': 19, 'cuda': 0}[device.type]
