"""Image classifiers and their labelled images: in, a folder or a file; out, logits and labels."""

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
import torch
from torch import Tensor
from transformers import AutoImageProcessor
from transformers import AutoModelForImageClassification

from aim_ros.experiments import resnet
from aim_ros.experiments.cache import checksum
from aim_ros.experiments.cache import file_checksum
from aim_ros.experiments.cache import folder_checksum
from aim_ros.experiments.errors import ExperimentError
from aim_ros.media.folder import image_files


@dataclass(frozen=True)
class LabelledImages:
    """
    Images of known classes.

    :param read: gives image i as RGB uint8 `(H, W, 3)`.
    :param classes: class of each image, an index into `names`.
    :param names: of the data set's classes.
    :param checksum: sha256 of images and labels.
    """

    read: Callable[[int], np.ndarray]
    classes: np.ndarray
    names: tuple[str, ...]
    checksum: str

    def __len__(self) -> int:
        return len(self.classes)


@dataclass(frozen=True)
class Classifier:
    """
    A network.

    :param logits: gives `(B, classes)` of RGB uint8 images.
    :param names: of its classes; empty where the checkpoint does not say.
    :param checksum: sha256 of its weights, or what stands for them.
    """

    logits: Callable[[Sequence[np.ndarray]], Tensor]
    names: tuple[str, ...]
    checksum: str


def load_classifier(model: str, device: torch.device) -> Classifier:
    """
    Return a CIFAR ResNet (a safetensors file) or a Hugging Face image classifier.

    :param model: path of the file, or a folder or an id that `transformers` loads.
    :raises ExperimentError: it is none of these.
    """
    try:
        if Path(model).is_file():
            return _cifar_resnet(Path(model), device)
        return _hugging_face(model, device)
    except (OSError, ValueError) as error:
        raise ExperimentError(
            f'{model} is no image classifier: give the safetensors file of a CIFAR ResNet, or a '
            f'folder or an id of a Hugging Face image classifier ({error})') from error


def _cifar_resnet(weights: Path, device: torch.device) -> Classifier:
    network = resnet.load_resnet(weights).to(device)

    def logits(images: Sequence[np.ndarray]) -> Tensor:
        batch = resnet.normalise(torch.from_numpy(np.stack(images)))
        return network(batch.to(device))

    return Classifier(logits, (), file_checksum(weights))


def _hugging_face(model: str, device: torch.device) -> Classifier:
    processor = AutoImageProcessor.from_pretrained(model)
    network = AutoModelForImageClassification.from_pretrained(model).to(device).eval()
    config = network.config

    def logits(images: Sequence[np.ndarray]) -> Tensor:
        # Named, because a small image's shape does not tell where its channels are.
        batch = processor(images=list(images), input_data_format='channels_last',
                          return_tensors='pt')
        return network(**batch.to(device)).logits.float()

    names = tuple(config.id2label[index] for index in range(config.num_labels))
    identity = (folder_checksum(model) if Path(model).is_dir()
                else checksum([model, getattr(config, '_commit_hash', None)]))
    return Classifier(logits, names, identity)


def load_images(path: Path, limit: int | None = None) -> LabelledImages:
    """
    Return labelled images from a folder with a subfolder for each class, or from a `.npz`.

    A `.npz` holds `images`, uint8 `(N, H, W, 3)` RGB, `labels` and optionally `class_names`. Of
    more images than the limit, evenly spaced ones are taken, so that all classes stay.

    :raises ExperimentError: there are no such images, or the file lacks an array.
    """
    if path.is_dir():
        images = _image_folder(path)
    elif path.suffix == '.npz' and path.is_file():
        images = _image_file(path)
    else:
        raise ExperimentError(
            f'{path} holds no labelled images: give a folder with a subfolder for each class, '
            'or a .npz with the arrays images and labels')
    if limit is None or limit >= len(images):
        return images
    chosen = np.linspace(0, len(images) - 1, limit).round().astype(int)
    return LabelledImages(
        lambda index: images.read(chosen[index]), images.classes[chosen], images.names,
        checksum([images.checksum, limit]))


def _image_folder(folder: Path) -> LabelledImages:
    subfolders = sorted(path for path in folder.iterdir() if path.is_dir())
    files = [(file, number) for number, subfolder in enumerate(subfolders)
             for file in image_files(subfolder)]
    if not files:
        raise ExperimentError(
            f'{folder} holds no labelled images: each class needs a subfolder with images')
    identity = checksum({str(file.relative_to(folder)): file_checksum(file) for file, _ in files})

    def read(index: int) -> np.ndarray:
        with Image.open(files[index][0]) as image:
            return np.asarray(image.convert('RGB'))

    return LabelledImages(read, np.array([number for _, number in files]),
                          tuple(subfolder.name for subfolder in subfolders), identity)


def _image_file(path: Path) -> LabelledImages:
    with np.load(path) as arrays:
        missing = {'images', 'labels'} - set(arrays)
        if missing:
            raise ExperimentError(f'{path} lacks the array(s) {", ".join(sorted(missing))}; '
                                  f'it has {", ".join(arrays)}')
        images, labels = arrays['images'], arrays['labels'].astype(int)
        names = arrays['class_names'] if 'class_names' in arrays else range(labels.max() + 1)
        names = tuple(map(str, names))
    return LabelledImages(lambda index: images[index], labels, names, file_checksum(path))


def class_indices(images: LabelledImages, classifier: Classifier, outputs: int) -> np.ndarray:
    """
    Return each image's class as the network counts: its index among the logits.

    Where the network names its classes, the data set's names are looked up among them, without
    regard to case, underscores and further synonyms after a comma; a name that is a number is an
    index. Where it does not, names that are all numbers are indices; otherwise the data set's
    order is taken for the network's.

    :param outputs: number of logits.
    :raises ExperimentError: a class is none of the network's.
    """
    if classifier.names:
        known = {_plain(name): index for index, name in reversed(
            list(enumerate(classifier.names)))}
        indices = [known.get(_plain(name), int(name) if name.isdigit() else -1)
                   for name in images.names]
    elif all(name.isdigit() for name in images.names):
        indices = [int(name) for name in images.names]
    else:
        indices = list(range(len(images.names)))
    wrong = [name for name, index in zip(images.names, indices, strict=True)
             if not 0 <= index < outputs]
    if wrong:
        some = ', '.join(classifier.names[:5]) or f'0 .. {outputs - 1}'
        raise ExperimentError(f'the network has no class {", ".join(map(repr, wrong[:5]))}; it '
                              f'has {outputs}, such as {some}: rename the folders')
    return np.array(indices)[images.classes]


def _plain(name: str) -> str:
    return name.split(',')[0].replace('_', ' ').strip().lower()
