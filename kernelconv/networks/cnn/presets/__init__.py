"""Classic architectures, sized to the images and to what is predicted, and `preset`, which finds them by name."""

# ruff: noqa: RUF022  in the order of their years, the fully connected one last

from kernelconv.networks.cnn.presets.alexnet import alexnet, small_alexnet, zfnet
from kernelconv.networks.cnn.presets.by_name import ARCHITECTURES, Preset, preset
from kernelconv.networks.cnn.presets.capsnet import capsnet
from kernelconv.networks.cnn.presets.densenet import densenet
from kernelconv.networks.cnn.presets.fractalnet import fractalnet
from kernelconv.networks.cnn.presets.inception import inception
from kernelconv.networks.cnn.presets.lenet import lenet5, wide_lenet
from kernelconv.networks.cnn.presets.mlp import mlp
from kernelconv.networks.cnn.presets.resnet import resnet
from kernelconv.networks.cnn.presets.vgg import vgg

__all__ = [
    "preset",
    "Preset",
    "ARCHITECTURES",
    "lenet5",
    "wide_lenet",
    "alexnet",
    "small_alexnet",
    "zfnet",
    "vgg",
    "inception",
    "resnet",
    "fractalnet",
    "densenet",
    "capsnet",
    "mlp",
]
