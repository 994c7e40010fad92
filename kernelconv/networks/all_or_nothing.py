"""A fit that fails or is interrupted leaves the estimator as it was."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

Method = TypeVar("Method", bound=Callable[..., Any])


def all_or_nothing(method: Method) -> Method:
    """Return a method that puts all attributes back as they were where it raises.

    Else what one fit learned of its labels would be read by the network of another. Attributes are put back, and not
    what they hold: a method may not change arrays and mappings of an earlier fit in place.

    Examples
    --------
    >>> from kernelconv import ConvKernelNetwork, load_digits_images
    >>> X, _ = load_digits_images()
    >>> ckn = ConvKernelNetwork(n_anchors=(4,), random_state=0).fit(X[:100])
    >>> try:
    ...     ckn.set_params(n_anchors=()).fit(X[:100, :7])
    ... except ValueError:
    ...     print(ckn.transform(X[:3]).shape)
    (3, 64)
    """

    @wraps(method)
    def whole(self: Any, *args: Any, **kwargs: Any) -> Any:
        before = dict(vars(self))
        try:
            return method(self, *args, **kwargs)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    return cast(Method, whole)
