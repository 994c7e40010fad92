"""Images and labels in one form: ``X`` (n, h, w) or (n, h, w, c), floats; ``y`` with one class per image.

- `load_digits_images`: scikit-learn's 8x8 digits, which need no download;
- `load_mnist`, `load_fashion_mnist`: from IDX files, checked byte for byte, or from OpenML into a cache;
- `load_cifar10`: CIFAR-10 from its binary files or their archive, in an order that does not depend on theirs;
- `load_images`: a user's own ``.npz`` file or folder of class folders;
- `balanced_subset`: class-balanced training sets, nested by size;
- `load_split`: the training pool and test set, `Split`, of a registered data set, a path or two paths;
- `folds`: the five folds of a training subset on which all models are validated;
- `sample_ising`, `make_hierarchical`, `RandomHierarchy`, `make_scale_detection`, `make_orthogonal_quadratic`:
  synthetic samples with a known answer; `ising_energy` is that of `sample_ising`;
- `pixel_graph`: which pixels of a set of images are active together, as a `PixelGraph`;
- `registered_datasets`: the data sets that can be loaded by name. A module of this folder that defines
  ``DATASET = Dataset(...)`` adds one.

Files that are missing, damaged or of the wrong form raise `DataError`, which names the file and what to do.
"""

from kernelconv.datasets.cifar10 import load_cifar10
from kernelconv.datasets.digits import load_digits_images
from kernelconv.datasets.fashion_mnist import load_fashion_mnist
from kernelconv.datasets.files import DataError
from kernelconv.datasets.formats.idx import read_idx, write_idx
from kernelconv.datasets.formats.published_set import data_folder
from kernelconv.datasets.images import load_images
from kernelconv.datasets.mnist import load_mnist, mnist_folders
from kernelconv.datasets.pixel_graph import PixelGraph, pixel_graph
from kernelconv.datasets.places import load_split
from kernelconv.datasets.registry import Dataset, registered_datasets
from kernelconv.datasets.samplers.hierarchical import make_hierarchical
from kernelconv.datasets.samplers.ising import ising_energy, sample_ising
from kernelconv.datasets.samplers.orthogonal_quadratic import make_orthogonal_quadratic
from kernelconv.datasets.samplers.random_hierarchy import RandomHierarchy
from kernelconv.datasets.samplers.scale_detection import make_scale_detection
from kernelconv.datasets.split import Split, folds
from kernelconv.datasets.subsets import balanced_subset

__all__ = [
    "DataError",
    "Dataset",
    "PixelGraph",
    "RandomHierarchy",
    "Split",
    "balanced_subset",
    "data_folder",
    "folds",
    "ising_energy",
    "load_cifar10",
    "load_digits_images",
    "load_fashion_mnist",
    "load_images",
    "load_mnist",
    "load_split",
    "make_hierarchical",
    "make_orthogonal_quadratic",
    "make_scale_detection",
    "mnist_folders",
    "pixel_graph",
    "read_idx",
    "registered_datasets",
    "sample_ising",
    "write_idx",
]
