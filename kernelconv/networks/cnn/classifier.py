"""ConvNetClassifier: classic CNNs from the same parts, trained by gradient descent."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_consistent_length, column_or_1d

from kernelconv._numbers import check_labels
from kernelconv.networks.cnn.estimator import ConvNet
from kernelconv.networks.estimator import ImageClassifier
from kernelconv.networks.training.losses import CLASS_LOSSES


class ConvNetClassifier(ImageClassifier, ConvNet):
    r"""A convolutional network for classification, trained by stochastic gradient descent.

    Parameters
    ----------
    architecture : str or Network
        A preset sized to the images, "lenet5", "wide_lenet", "alexnet", "small_alexnet", "zfnet", "vgg", "inception",
        "resnet", "fractalnet", "densenet" or "mlp"; or a network (not built) that ends in one position with a channel
        per class. `preset` makes presets with other initial weights and options.
    epochs : int
        Passes over the training images.
    batch_size : int
        Images per step.
    learning_rate : float
        The highest learning rate.
    schedule : {"cosine", "one_cycle", "step", "constant"}
        How the learning rate changes over the steps. "cosine": it falls to 0 along half a cosine; "one_cycle": it rises
        in a straight line from a tenth over the first fifth, then falls so; "step": it is divided by 10 after a half
        and after three quarters of the steps.
    optimizer : {"adam", "sgd"}
        Adam, or SGD with Nesterov momentum.
    momentum : float
        First-moment decay, in [0, 1).
    weight_decay : float
        Decoupled decay, on weights and not on biases.
    loss : {"log_loss", "squared_hinge", "margin_loss"} or callable
        Training loss: of the softmax (then there is ``predict_proba``), one against the rest, or a function
        (scores, class indices) -> (sum over the images, gradient in the scores).
    frozen : str or tuple of str
        Params, or parts, that training does not change: they stay as drawn or learned from the images or, with
        `warm_start`, as the last ``fit`` left them. Names as in ``network_.params``: "convolution_2",
        "layer_1.M.anchors".
    augmentation : callable, optional
        Random changes of the training images, new ones at every step: an `Augmentation`, a `PhotoAugmentation`, several
        joined by ``|``, or a function (images, rng) -> images.
    early_stopping : bool
        Hold out `validation_fraction` of the images, stop after `patience` epochs without a lower loss on them, and
        keep the network of the lowest loss.
    validation_fraction : float
        Share of the images of each class held out, in (0, 1).
    patience : int
        Number of epochs without a lower loss after which training stops.
    warm_start : bool
        ``fit`` continues from the network of the last ``fit``, on images of the same shape and the same classes, unless
        the architecture is another now.
    checkpoint : path, optional
        File that keeps the state of ``fit``, from before the first epoch on: an interrupted ``fit``, called again,
        resumes from there, with the same bits. Needs an int `random_state`. A file belongs to one training: ``fit`` on
        other data or with other settings raises an error, so that cross-validation needs None.
    image_shape : tuple (h, w) or (h, w, c), optional
        How rows of a 2-D X are read as images.
    random_state : int, Generator, RandomState or None
        Draws the weights and shuffles the images.
    verbose : bool
        Print one line per epoch, with the seconds since the start.
    n_jobs : int, optional
        Threads; the result does not depend on it, bit for bit.

    Attributes
    ----------
    network_ : Network
        The trained network, images to scores; ``network_.trace(X)`` gives each layer's maps.
    classes_ : ndarray (n_classes,)
        Labels in the order of the scores.
    history_ : list of dict
        Per epoch: epoch, loss, accuracy on the training images, and with `early_stopping` validation_loss and
        validation_accuracy.
    n_features_in_, image_shape_ : int, tuple
        Number of pixel values and shape of the images seen in ``fit``.

    Raises
    ------
    ValueError
        From ``fit`` if there is a single class, a value is out of range, `frozen` names no param or all of them, the
        loss stops being finite, a network is built or does not fit the images or the classes, `checkpoint` is damaged
        or that of another training, X is empty, a value is no finite real number, or X has two axes and `image_shape`
        is None.
    TypeError
        From ``fit`` and ``partial_fit`` for arrays of another library than NumPy, which ``transform``, ``predict`` and
        the like accept. To train on the device of the images, use `kernelconv.torch.as_module`.
    OSError
        From ``fit`` if `checkpoint` cannot be written.

    Notes
    -----
    The first part of the presets standardises the images, so any pixel range will do. Gradients are summed over fixed
    blocks in order: the same seed gives the same bits for any number of threads. ``transform`` returns the input of the
    last part. Cost of ``fit``: about 3 ``network_.multiply_adds(shape)`` per image and epoch.

    References
    ----------
    LeCun, Bottou, Bengio & Haffner (1998), Gradient-based learning applied to document recognition.
    Kingma & Ba (2015), Adam: a method for stochastic optimization.
    Loshchilov & Hutter (2019), Decoupled weight decay regularization.

    Examples
    --------
    >>> from kernelconv import ConvNetClassifier, load_digits_images
    >>> X, y = load_digits_images()
    >>> clf = ConvNetClassifier("wide_lenet", epochs=3, random_state=0).fit(X[:500], y[:500])
    >>> clf.predict(X[500:503]).shape, clf.transform(X[500:503]).shape
    ((3,), (3, 128))
    """

    named_losses = CLASS_LOSSES
    outputs_are = "classes"

    def partial_fit(self, X: ArrayLike, y: ArrayLike, classes: ArrayLike | None = None) -> Self:
        """Train for one epoch on images `X` and labels `y` at `learning_rate`, continuing from the current network.

        Parameters
        ----------
        X : array-like, shape (n, h, w), (n, h, w, c) or rows
            Images.
        y : array-like (n,)
            Labels.
        classes : array-like, optional
            All labels that will occur; needed in the first call if its `y` does not hold them all. Later calls may
            repeat them.

        Raises
        ------
        ValueError
            If `y` holds a label that is not among the classes, `classes` are not those of the first call,
            `early_stopping` is set, which holds images out of ``fit`` alone, and as ``fit``.
        """
        if classes is not None and hasattr(self, "network_"):
            given = np.unique(column_or_1d(classes))
            if not np.array_equal(given, self.classes_):
                raise ValueError(
                    f"classes are {given.tolist()}, and the network was made for {self.classes_.tolist()}: they are "
                    "given once, to the first partial_fit."
                )
        return self._go_on(X, y, y if classes is None else classes)

    @property
    def _n_outputs(self) -> int:
        return len(self.classes_)

    def _task(self) -> tuple[Any, ...]:
        return self.image_shape_, tuple(self.classes_)

    def _learn_targets(self, y: Any, images: NDArray | None = None) -> NDArray:
        return self._read_labels(y, images)

    def _more_targets(self, y: Any, images: NDArray) -> NDArray:
        """Return class indices of labels `y`, which must be among ``classes_``."""
        self._check_labels_given(y)
        check_labels(y)
        y = column_or_1d(y, warn=True)
        check_consistent_length(images, y)
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(
                f"y holds {unknown.tolist()}, not among the classes {self.classes_.tolist()}: pass all of them as "
                "classes to the first partial_fit."
            )
        return np.searchsorted(self.classes_, y)

    def _held_out(self, targets: NDArray, rng: np.random.Generator) -> NDArray:
        """Return which images validate, the same share of every class."""
        held_out = np.zeros(len(targets), bool)
        for label in range(len(self.classes_)):
            of_class = rng.permutation(np.flatnonzero(targets == label))
            if len(of_class) < 2:
                raise ValueError(
                    f"early_stopping holds images of every class out; class {self.classes_[label]} has only "
                    f"{len(of_class)}, at least 2 are needed."
                )
            held_out[of_class[: self._n_held_out(len(of_class))]] = True
        return held_out
