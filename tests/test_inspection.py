"""What a network looks for and at: fields and where they begin, filters, the strongest patches."""


import numpy as np
import pytest
import registry

from kernelconv.networks import serial
from kernelconv.networks.inspection.fields import extent, field_by_gradient, touched, windows

RNG = np.random.default_rng


@pytest.mark.parametrize("name", registry.having("differentiable"))
def test_fields_begin_where_they_say(name):
    part = registry.built(name)
    network = serial(part)
    size, rows, columns = windows(network)
    h, w, _ = part.out_shape(part.in_shape)
    for at in {(h // 2, w // 2), ((h - 1) // 2, (w - 1) // 2)}:
        (top, left), (height, width) = extent(touched(field_by_gradient(network, at, RNG(0), 12)))
        per_axis = zip(part.in_shape, size, (rows[at[0]], columns[at[1]]), (top, left), (height, width), strict=False)
        for n, field, first, seen, length in per_axis:
            if 0 <= first and first + field <= n and length:  # what a border copies lies elsewhere
                assert first <= seen
                assert seen + length <= first + field
