"""The table of each data set: its rows, in their order, where some of them stop, and what is to be said beside it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from rivals import model


@dataclass(frozen=True)
class Plan:
    """The rows of a table.

    `shape` is the images', which the rows must take; `largest` limits training images of rows that cost too much above;
    `chosen` are the sentences on how architectures were chosen, `remarks` what else a reader of this table must know.
    """

    shape: tuple[int, ...]
    rows: tuple[str, ...]
    chosen: tuple[str, ...]
    largest: Mapping[str, int] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    def models(self, names=None):
        """Return the models of the rows, or of some names, by name; limited as the plan says."""
        return {name: self._limited(model(name, self.shape)) for name in names or self.rows}

    def _limited(self, found):
        limits = [n for n in (self.largest.get(found.name), found.representation.largest) if n]
        return replace(found, representation=replace(found.representation, largest=min(limits, default=None)))


_ROWS = (
    *("pixels+svm", "pixels+gaussian", "scattering+affine", "scattering+gaussian"),
    *("ckn-1", "ckn-2", "ckn-3", "ckn-gradient+gaussian", "ckn-supervised", "exact-kernel"),
    *("scattering-ckn+gaussian", "lenet", "lenet+gaussian", "mlp", "resnet", "lenet-augmented"),
    *("kymatio+affine", "kymatio+gaussian", "torch-lenet"),
)
_ON_MNIST = (
    "Not chosen inside the training subset: architectures, image borders, square roots and training schedules. "
    "They were chosen earlier, on thousands of other labelled training images of MNIST, in part after test figures of "
    "it had been seen."
)

_CHOSEN = (
    "Not chosen inside the training subset: architectures, image borders, square roots and training schedules. "
    "They were chosen earlier, on thousands of other labelled training images, in part after test figures had "
    "been seen. The test error of every row, the chosen one included, carries that.",
)

PLANS = {
    "digits": Plan((8, 8), _ROWS, _CHOSEN),
    "mnist": Plan(
        (28, 28),
        _ROWS,
        _CHOSEN,
        remarks=(
            "At 60,000 images a draw is a permutation of the whole training set: several draws measure there what "
            "start weights, anchors and the order of the images change, and nothing of other training sets.",
        ),
    ),
    "fashion-mnist": Plan(
        (28, 28),
        (
            *("pixels+gaussian", "scattering+gaussian", "ckn-gradient+gaussian", "scattering-ckn+gaussian"),
            *("lenet", "lenet+gaussian", "resnet", "kymatio+gaussian", "torch-lenet"),
        ),
        (f"{_ON_MNIST} Nothing of them was chosen on Fashion-MNIST.",),
    ),
}
