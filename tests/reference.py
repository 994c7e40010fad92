"""Naive loops: the definitions, written so that nobody can doubt them."""

import itertools
import math

import numpy as np
from scipy.integrate import quad
from scipy.special import lpmv

from kernelconv.operators.composite import Composite
from kernelconv.operators.wavelets.filter_bank import FilterBank
from kernelconv.operators.wavelets.filter_bank_1d import low_pass_1d, morlet_1d, wavelets_1d

#: kappa of each kernel's repr, as scalar formulas
KAPPA = {
    "Exponential(sigma=0.6)": lambda u: math.exp((u - 1) / 0.36),
    "Exponential(sigma=1.5)": lambda u: math.exp((u - 1) / 2.25),
    "InversePolynomial()": lambda u: 1 / (2 - u),
    "Polynomial(degree=3)": lambda u: ((2 + u) / 3) ** 3,
    "Polynomial(degree=1)": lambda u: u,
    "Vovk()": lambda u: (1 + u + u**2) / 3,
    "ArcCosine(degree=1)": lambda u: (math.sqrt(1 - u * u) + (math.pi - math.acos(u)) * u) / math.pi,
    "ArcCosine(degree=0)": lambda u: 1 - math.acos(u) / math.pi,
    "ArcCosine(degree=2)": lambda u: (
        (3 * u * math.sqrt(1 - u * u) + (math.pi - math.acos(u)) * (1 + 2 * u * u)) / (3 * math.pi)
    ),
    "ConvexSum(kernels=(Exponential(sigma=0.6), ArcCosine(degree=1)), weights=(0.3, 0.7))": lambda u: (
        0.3 * KAPPA["Exponential(sigma=0.6)"](u) + 0.7 * KAPPA["ArcCosine(degree=1)"](u)
    ),
    "KernelProduct(kernels=(Exponential(sigma=1.5), Vovk()))": lambda u: math.exp((u - 1) / 2.25) * (1 + u + u**2) / 3,
}

#: the same, by class, for kernels with any parameter
KAPPA_OF = {
    "Exponential": lambda k: lambda u: math.exp((u - 1) / k.sigma**2),
    "InversePolynomial": lambda k: lambda u: 1 / (2 - u),
    "Polynomial": lambda k: lambda u: ((k.degree - 1 + u) / k.degree) ** k.degree,
    "Vovk": lambda k: lambda u: (1 + u + u**2) / 3,
    "ArcCosine": lambda k: KAPPA[f"ArcCosine(degree={k.degree})"],
}


def cosine(u):
    """A number that rounding may have put beyond [-1, 1]."""
    return min(1.0, max(-1.0, float(u)))


def border(i, n, padding):
    """Position in [0, n) that position i reads, or None for a zero."""
    if 0 <= i < n:
        return i
    if padding == "zero":
        return None
    if padding == "circular":
        return i % n
    if n == 1:
        return 0
    while not 0 <= i < n:
        if i < 0:
            i = -i if padding == "reflect" else -i - 1
        else:
            i = 2 * (n - 1) - i if padding == "reflect" else 2 * n - 1 - i
    return i


def borders(size, padding, dilation):
    """Extent of a patch, px before and in all, along rows and columns; and what lies there."""
    extent = [d * (k - 1) + 1 for k, d in zip(size, dilation, strict=True)]
    if not isinstance(padding, str):  # px of zeros on each side
        return extent, padding, [2 * p for p in padding], "zero"
    before = [0, 0] if padding == "valid" else [(e - 1) // 2 for e in extent]
    total = [0, 0] if padding == "valid" else [e - 1 for e in extent]
    return extent, before, total, padding


def patches(x, size, stride, padding, dilation):
    """(P x)[i, j, (k, l, c)] = x'[s i + d k - border, ...], one entry at a time."""
    n, h, w, c = x.shape
    extent, before, total, padding = borders(size, padding, dilation)
    grid = [(m + t - e) // s + 1 for m, t, e, s in zip((h, w), total, extent, stride, strict=True)]
    out = np.zeros((n, *grid, size[0], size[1], c))
    for i in range(grid[0]):
        for j in range(grid[1]):
            for k in range(size[0]):
                for q in range(size[1]):
                    row = border(stride[0] * i + dilation[0] * k - before[0], h, padding)
                    column = border(stride[1] * j + dilation[1] * q - before[1], w, padding)
                    if row is not None and column is not None:
                        out[:, i, j, k, q] = x[:, row, column]
    return out.reshape(n, *grid, -1)


def convolution(x, kernel, bias, stride=(1, 1), dilation=(1, 1)):
    """Y[i, j, m] = sum over k, l, c of X[s i + d k, s j + d l, c] K[k, l, c, m] + b_m, valid borders."""
    n, h, w, channels = x.shape
    kh, kw, _, filters = kernel.shape
    grid = [(m - d * (k - 1) - 1) // s + 1 for m, k, s, d in zip((h, w), (kh, kw), stride, dilation, strict=True)]
    out = np.zeros((n, *grid, filters))
    for q, i, j, m in np.ndindex(out.shape):
        out[q, i, j, m] = bias[m] + sum(
            x[q, stride[0] * i + dilation[0] * k, stride[1] * j + dilation[1] * t, c] * kernel[k, t, c, m]
            for k in range(kh)
            for t in range(kw)
            for c in range(channels)
        )
    return out


def exact_kernel(x, y, layers):
    """Exact hierarchical kernel of two images (h, w, c); layers are (patch size, kappa, (R, C)) with zero borders.

    P[u, v] = sum over the patch of K[u + r, v + r]; M = norms times kappa of the cosine; K = (R x C) M (R x C)'.
    """
    pairs = {"xy": (x, y), "xx": (x, x), "yy": (y, y)}
    k = {name: np.einsum("abc,dec->abde", a, b) for name, (a, b) in pairs.items()}
    for size, kappa, (rows, columns) in layers:
        p = {name: _patch_kernel(value, size) for name, value in k.items()}
        norm = {name: np.sqrt(np.einsum("abab->ab", p[2 * name])) for name in "xy"}
        for name, value in p.items():
            scale = np.einsum("ab,de->abde", norm[name[0]], norm[name[1]])
            mapped = np.zeros(value.shape)
            for index in np.ndindex(value.shape):
                if scale[index] > 0:
                    mapped[index] = scale[index] * kappa(cosine(value[index] / scale[index]))
            k[name] = np.einsum("ia,jb,abde,kd,le->ijkl", rows, columns, mapped, rows, columns, optimize=True)
    return float(np.einsum("abab->", k["xy"]))


def _patch_kernel(k, size):
    h, w = k.shape[:2]
    out = np.zeros(k.shape)
    before = (size - 1) // 2
    for a, b, d, e in np.ndindex(k.shape):
        for i in range(-before, size - before):
            for j in range(-before, size - before):
                if all(0 <= q + r < m for q, r, m in ((a, i, h), (b, j, w), (d, i, h), (e, j, w))):
                    out[a, b, d, e] += k[a + i, b + j, d + i, e + j]
    return out


def gaussian_pooling(x, subsampling, scale, padding):
    """Sum of g_k g_l x[s i + o + k, s j + o' + l]."""
    n, h, w, c = x.shape
    radius = [max(int(np.sqrt(2) * s + 1e-6), int(step > 1)) for s, step in zip(scale, subsampling, strict=True)]
    weight = [np.exp(-(np.arange(-r, r + 1.0) ** 2) / (2 * s * s)) for r, s in zip(radius, scale, strict=True)]
    weight = [g / g.sum() for g in weight]
    grid = [-(-m // s) for m, s in zip((h, w), subsampling, strict=True)]
    offset = [(m - 1 - (g - 1) * s) // 2 for m, g, s in zip((h, w), grid, subsampling, strict=True)]
    out = np.zeros((n, *grid, c))
    for i in range(grid[0]):
        for j in range(grid[1]):
            for k in range(-radius[0], radius[0] + 1):
                for q in range(-radius[1], radius[1] + 1):
                    row = border(subsampling[0] * i + offset[0] + k, h, padding)
                    column = border(subsampling[1] * j + offset[1] + q, w, padding)
                    if row is not None and column is not None:
                        out[:, i, j] += weight[0][k + radius[0]] * weight[1][q + radius[1]] * x[:, row, column]
    return out


def windows(x, size, stride, function):
    """A function of each window of a map, valid borders."""
    n, h, w, c = x.shape
    grid = [(m - k) // s + 1 for m, k, s in zip((h, w), size, stride, strict=True)]
    out = np.zeros((n, *grid, c))
    for i in range(grid[0]):
        for j in range(grid[1]):
            top, left = i * stride[0], j * stride[1]
            out[:, i, j] = function(x[:, top : top + size[0], left : left + size[1]].reshape(n, -1, c), axis=1)
    return out


def kernel_mapping(x, anchors, kappa, regularization):
    """norm(x) (kappa(Z Z') + eps I)^(-1/2) kappa(Z x / norm(x)), one vector at a time; kappa is a scalar function."""
    gram = np.array([[kappa(cosine(a @ b)) for b in anchors] for a in anchors])
    values, vectors = np.linalg.eigh(gram + regularization * np.eye(len(anchors)))
    root = vectors @ np.diag(values**-0.5) @ vectors.T
    out = np.zeros((*x.shape[:-1], len(anchors)))
    for index in np.ndindex(*x.shape[:-1]):
        norm = np.linalg.norm(x[index])
        if norm > 0:
            out[index] = norm * root @ [kappa(cosine(z @ x[index] / norm)) for z in anchors]
    return out


def gradient_map(x, padding):
    """Half the difference of the neighbours below and above, then of those right and left."""
    n, h, w, c = x.shape
    out = np.zeros((n, h, w, 2 * c))
    for i, j in np.ndindex(h, w):
        for axis, (di, dj) in enumerate(((1, 0), (0, 1))):
            for sign in (1, -1):
                row, column = border(i + sign * di, h, padding), border(j + sign * dj, w, padding)
                if row is not None and column is not None:
                    out[:, i, j, axis * c : (axis + 1) * c] += sign * x[:, row, column] / 2
    return out


def centred(p, pixels):
    """Each patch less its mean over the pixels, colour by colour."""
    out = np.empty(p.shape)
    for index in np.ndindex(p.shape[:-1]):
        patch = p[index].reshape(pixels, -1)
        out[index] = (patch - [sum(colour) / pixels for colour in patch.T]).ravel()
    return out


def times(x, matrix):
    """matrix' x at each position, one position at a time."""
    out = np.zeros((*x.shape[:-1], matrix.shape[1]))
    for index in np.ndindex(x.shape[:-1]):
        out[index] = sum(value * row for value, row in zip(x[index], matrix, strict=True))
    return out


def entrywise(function):
    """A scalar function of every value."""
    return lambda part, x: np.array([function(v) for v in x.ravel()]).reshape(x.shape)


def convolved(part, x):
    """Patches one by one, times the weights, plus the bias."""
    rows = patches(x, part.size, part.stride, part.padding, part.dilation)
    return times(rows, part.params["weight"]) + part.params.get("bias", 0)


def locally_connected(part, x):
    """Patches one by one, each times the weights of its own position."""
    rows = patches(x, part.size, part.stride, part.padding, part.dilation)
    weight, bias = part.params["weight"], part.params.get("bias")
    out = np.zeros((*rows.shape[:3], part.n_filters))
    for q, i, j, m in np.ndindex(out.shape):
        out[q, i, j, m] = sum(value * w[m] for value, w in zip(rows[q, i, j], weight[i, j], strict=True))
        if bias is not None:
            out[q, i, j, m] += bias[i, j, m]
    return out


def transposed_convolution(part, x):
    """Each value adds its filter to the output, entry by entry, where the convolution's patch would have read it."""
    extent, before, total, padding = borders(part.size, part.padding, part.dilation)
    h, w = (
        next(m for m in range(1, 1000) if m + t >= e and (m + t - e) // s + 1 == n) + extra
        for n, t, e, s, extra in zip(x.shape[1:3], total, extent, part.stride, part.output_padding, strict=True)
    )
    filters = part.params["weight"].reshape(*part.size, part.n_filters, -1)
    out = np.zeros((len(x), h, w, part.n_filters)) + part.params.get("bias", 0)
    for i, j, k, q in np.ndindex(*x.shape[1:3], *part.size):
        row = border(part.stride[0] * i + part.dilation[0] * k - before[0], h, padding)
        column = border(part.stride[1] * j + part.dilation[1] * q - before[1], w, padding)
        if row is not None and column is not None:
            out[:, row, column] += x[:, i, j] @ filters[k, q].T
    return out


def normalised(x, mean, deviation):
    """(x - mean) / deviation, channel by channel."""
    return np.stack([(x[..., c] - mean[c]) / deviation[c] for c in range(x.shape[3])], axis=3)


def average_pooling(part, x):
    """Mean of each window's entries."""
    rows = patches(x, part.size, part.stride, part.padding, (1, 1))
    return np.stack([rows[..., c :: x.shape[3]].mean(axis=3) for c in range(x.shape[3])], axis=3)


def path_maps(part, x, function):
    """function(path, maps of one channel by path) for every path of every channel."""
    n = len(part.paths)
    channels = [
        dict(zip(part.paths, np.moveaxis(x[..., k : k + n], -1, 0), strict=True)) for k in range(0, x.shape[3], n)
    ]
    return np.stack([function(p, maps) for maps in channels for p in part.paths], axis=3)


def coarser(line, sampling, folded):
    """A filter's Fourier transform, last axis, on a coarser grid: its low frequencies, or all of them folded."""
    n = line.shape[-1]
    m = n // sampling
    out = np.zeros((*line.shape[:-1], m))
    for k in range(-(n // 2), n - n // 2):
        if folded or -(m // 2) <= k < m - m // 2:
            out[..., k % m] += line[..., k % n]
    return out


def filters_of(part, shape):
    """The filters of a wavelet transform or low-pass on maps of `shape`, as Fourier transforms (k, h, w)."""
    h, w = shape
    bank = part.bank or FilterBank(shape, part.scale + 1, part.L)
    sampling = bank.shape[-1] // w
    low = type(part).__name__ == "LowPass"
    if isinstance(bank, FilterBank):
        fine = bank.phi[None] if low else bank.psi[part.scale]
        return np.swapaxes(coarser(np.swapaxes(coarser(fine, sampling, False), 1, 2), sampling, False), 1, 2)
    members = [w for w in wavelets_1d(bank.J, bank.Q) if not low and w.j == part.scale]
    lines = [morlet_1d(bank.length, w.xi, w.sigma) for w in members]
    lines = lines or [low_pass_1d(bank.length, 0.1 / (bank.T or 2**bank.J))]
    return np.repeat(coarser(np.stack(lines), sampling, True)[:, None], h, axis=1)  # flat: an impulse from row to row


def circular_filters(part, x):
    """Sum over v of x[v] psi[s u - v], position by position, with the wavelets in space."""
    n, h, w, c = x.shape
    spectra = filters_of(part, (h, w))
    psi = np.fft.ifft2(spectra)
    steps = (part.stride if len((part.bank or x[0, :, :, 0]).shape) == 2 else 1), part.stride
    out = np.zeros((n, h // steps[0], w // steps[1], c, len(psi)), complex)
    for i, j in np.ndindex(out.shape[1:3]):
        for row, column in np.ndindex(h, w):
            wave = psi[:, (steps[0] * i - row) % h, (steps[1] * j - column) % w]
            out[:, i, j] += x[:, row, column, :, None] * wave
    return out.reshape(*out.shape[:3], -1)


def continued(part, x):
    """Every position of the padded map reads where the border says."""
    n, h, w, c = x.shape
    out = np.zeros((n, h + sum(part.rows), w + sum(part.columns), c), x.dtype)
    for i, j in np.ndindex(out.shape[1:3]):
        row, column = border(i - part.rows[0], h, part.padding), border(j - part.columns[0], w, part.padding)
        if row is not None and column is not None:
            out[:, i, j] = x[:, row, column]
    return out


def by_leaves(part, x):
    """A network of parts, every leaf by its naive loop."""
    return part._through(x, by_leaves) if isinstance(part, Composite) else NAIVE[type(part).__name__](part, x)


def squash(s):
    """The vector s, of the length |s|^2 / (1 + |s|^2)."""
    length = math.sqrt(sum(v * v for v in s))
    return [v / length * length**2 / (1 + length**2) for v in s]


def by_capsules(function):
    """What a function makes of every `size` channels in turn."""

    def run(part, x):
        c = part.size
        return np.array(
            [
                [[np.ravel([function(p[k : k + c]) for k in range(0, len(p), c)]) for p in row] for row in image]
                for image in x
            ]
        )

    return run


def routed_dense(part, x):
    """Procedure 1 of Sabour et al., capsule by capsule."""
    n_out, size, out = part.n_capsules, part.size, []
    for image in x:
        u = image.reshape(-1, part.in_size)
        votes = [
            [ui @ wi[:, j * size : (j + 1) * size] for j in range(n_out)]
            for ui, wi in zip(u, part.params["weight"], strict=True)
        ]
        b = np.zeros((len(u), n_out))
        for _ in range(part.routings):
            c = [[math.exp(bij) / sum(math.exp(bik) for bik in bi) for bij in bi] for bi in b]
            v = [squash(sum(c[i][j] * votes[i][j] for i in range(len(u)))) for j in range(n_out)]
            for i, j in np.ndindex(b.shape):
                b[i, j] += sum(votes[i][j] * v[j])
        out.append(np.reshape(v, (1, 1, -1)))
    return np.array(out)


#: type of part -> naive (part, x): every registered part that is no composite has one
NAIVE = {
    "PatchExtraction": lambda part, x: patches(x, part.size, part.stride, part.padding, part.dilation),
    "PatchCentering": lambda part, x: centred(x, math.prod(part.size)),
    "PatchWhitening": lambda part, x: times(centred(x, math.prod(part.size)), part.state["matrix"]),
    "ImageGradient": lambda part, x: gradient_map(x, part.padding),
    "Modulus": entrywise(lambda v: math.hypot(v.real, v.imag)),
    "WaveletTransform": circular_filters,
    "ScatteringTransform1D": lambda part, x: by_leaves(part.tree, x),
    "ScatteringTransform": lambda part, x: by_leaves(part.tree, x),
    "LowPass": lambda part, x: circular_filters(part, x).real,
    "Halves": lambda part, x: np.stack(
        [w for k in range(x.shape[-1]) for w in (x[..., k] + 0j, 1j * x[..., k].conj())], axis=-1
    ),
    "RealPart": lambda part, x: x.real,
    "Pad": continued,
    "Crop": lambda part, x: np.stack(
        [
            [x[:, i, j] for j in range(part.columns[0], x.shape[2] - part.columns[1])]
            for i in range(part.rows[0], x.shape[1] - part.rows[1])
        ]
    ).transpose(2, 0, 1, 3),
    "ChannelOrder": lambda part, x: np.stack([x[..., k] for k in part.order], axis=3),
    "ReLU": entrywise(lambda v: v if v > 0 else 0.0),
    "Square": entrywise(lambda v: v**2),
    "Softplus": entrywise(lambda v: math.log(1 + math.exp(v))),
    "Tanh": entrywise(lambda v: (math.exp(v) - math.exp(-v)) / (math.exp(v) + math.exp(-v))),
    "Sigmoid": entrywise(lambda v: 1 / (1 + math.exp(-v))),
    "Standardization": lambda part, x: normalised(x, part.state["mean"], part.state["deviation"]),
    "GaussianPooling": lambda part, x: gaussian_pooling(
        x, part.subsampling, [part.scale or s / math.sqrt(2) for s in part.subsampling], part.padding
    ),
    "AveragePooling": average_pooling,
    "MaxPooling": lambda part, x: windows(x, part.size, part.stride, np.max),
    "GlobalPooling": lambda part, x: windows(x, x.shape[1:3], (1, 1), np.mean if part.kind == "average" else np.max),
    "Flatten": lambda part, x: np.array([[[image.ravel()]] for image in x]),
    "Convolution": convolved,
    "GivenConvolution": convolved,
    "Identity": lambda part, x: x,
    "LocallyConnected": locally_connected,
    "TransposedConvolution": transposed_convolution,
    "Dense": lambda part, x: times(x.reshape(len(x), 1, 1, -1), part.params["weight"]) + part.params.get("bias", 0),
    "BatchNorm": lambda part, x: (
        normalised(x, part.state["mean"], np.sqrt(part.state["variance"] + part.epsilon)) * part.params["scale"]
        + part.params["shift"]
    ),
    "Squash": by_capsules(squash),
    "CapsuleLength": by_capsules(lambda s: math.sqrt(sum(v * v for v in s))),
    "RoutedDense": routed_dense,
    "Dropout": entrywise(lambda v: v),
    "KernelMapping": lambda part, x: kernel_mapping(
        x, part.params["anchors"], KAPPA[repr(part.kernel)], part.regularization
    ),
    "LogCompression": lambda part, x: path_maps(
        part, x, lambda p, maps: np.log(1 + np.maximum(maps[p], 0) / part.epsilon) if p.order else maps[p]
    ),
    "PathSelection": lambda part, x: np.stack(
        [x[..., k + i] for k in range(0, x.shape[3], len(part.paths)) for i in part.kept], axis=3
    ),
}


# -- 3-D scattering ---------------------------------------------------------------------------------------------------


def both_signs(n):
    """The frequencies (turns a volume) at each place of the FFT of n samples: at Nyquist's there are two."""
    return [[k] if 2 * k < n else [k - n] if 2 * k > n else [k, -k] for k in range(n)]


def as_kymatio_counts(n):
    """The one frequency that kymatio 0.3.0 sees at each place: Nyquist's is negative, of odd sizes it is one less."""
    return [[int(k)] for k in np.fft.ifftshift(np.arange(-n // 2, -n // 2 + n))]


def solid_harmonic(frequencies, degree, m, sigma):
    """The Fourier transform of one wavelet at frequencies (rad/voxel) along depth, height and width, by its formula."""
    z, y, x = frequencies
    r = math.sqrt(z * z + y * y + x * x)
    legendre = float(lpmv(abs(m), degree, z / r if r else 1.0))
    ratio = math.factorial(degree - abs(m)) / math.factorial(degree + abs(m))
    harmonic = math.sqrt((2 * degree + 1) / (4 * math.pi) * ratio) * legendre * np.exp(1j * abs(m) * math.atan2(y, x))
    harmonic = harmonic if m >= 0 else (-1) ** m * np.conj(harmonic)
    # integral of r^(l + 2) exp(-r^2 / 2), which is the factor's denominator but for the angles
    radial = quad(lambda t: t ** (degree + 2) * math.exp(-t * t / 2), 0, 40)[0]
    factor = (2 * math.pi) ** 1.5 * (-1j) ** degree / radial / math.sqrt(4 * math.pi * (2 * degree + 1))
    return factor * (sigma * r) ** degree * math.exp(-((sigma * r) ** 2) / 2) * harmonic


def solid_harmonic_wave(shape, degree, m, sigma, places=both_signs):
    """The wavelet in space, by a sum over all frequencies."""
    wave = 0
    for at in np.ndindex(*shape):
        signs = list(itertools.product(*(places(n)[k] for n, k in zip(shape, at, strict=True))))
        turns = [[2 * math.pi * k / n for k, n in zip(one, shape, strict=True)] for one in signs]
        mean = sum(solid_harmonic(one, degree, m, sigma) for one in turns) / len(turns)
        lines = [np.exp(2j * math.pi * k / n * np.arange(n)) for k, n in zip(at, shape, strict=True)]
        wave = wave + mean * np.einsum("i,j,k->ijk", *lines) / math.prod(shape)
    return wave


def scattering_3d(x, J, L, sigma_0=1.0, powers=(0.5, 1, 2), places=both_signs, covariant=True, max_order=2):
    """Integrals (paths of order 1 and more, powers) of one volume, every convolution a sum over its voxels.

    Not covariant: one modulus a degree, that of m = l, or of -l as kymatio counts.
    """
    one = -1 if places is as_kymatio_counts else 1
    waves = {
        (j, degree, m): solid_harmonic_wave(x.shape, degree, m, 2**j * sigma_0, places)
        for j in range(J + 1)
        for degree in range(L + 1)
        for m in (range(-degree, degree + 1) if covariant else [one * degree])
    }

    def modulus(u, j, degree):
        square = 0
        for wave in (wave for key, wave in waves.items() if key[:2] == (j, degree)):
            field = sum(u[v] * np.roll(wave, v, axis=(0, 1, 2)) for v in np.ndindex(*u.shape))
            square = square + abs(field) ** 2
        return np.sqrt(square)

    first = {(j, degree): modulus(x, j, degree) for j in range(J + 1) for degree in range(L + 1)}
    maps = list(first.values())
    if max_order > 1:
        pairs = itertools.combinations(range(J + 1), 2)
        maps += [modulus(first[i, degree], j, degree) for i, j in pairs for degree in range(L + 1)]
    return np.array([[(u**q).sum() for q in powers] for u in maps])
