"""
Scattering a recording that is longer than memory
=================================================

The scattering of a long signal is computed block by block, from chunks as they arrive, and written to a file. Each
block reads as far beyond its ends as the filters reach, so that the result is that of the whole signal.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from kernelconv import Scattering1D
from kernelconv.streams import transform_signal

RATE, LENGTH = 4000, 4000 * 120
CALLS = (21.0, 54.5, 55.9, 107.0)  # s: each rises from 300 to 900 Hz in a second
HUM = (70.0, 95.0, 120.0)  # s, s, Hz


# %%
# Two minutes in chunks of 7 seconds: noise, four calls, and a hum that is too weak to be seen in the signal
def chunks():
    """Yield the recording."""
    rng = np.random.default_rng(0)
    for start in range(0, LENGTH, 7 * RATE):
        t = np.arange(start, min(start + 7 * RATE, LENGTH)) / RATE
        x = rng.standard_normal(len(t))
        for call in CALLS:
            s = t - call
            x += np.where((s > 0) & (s < 1), 0.8 * np.sin(2 * np.pi * (300 * s + 300 * s**2)), 0)
        x += np.where((t > HUM[0]) & (t < HUM[1]), 0.25 * np.sin(2 * np.pi * HUM[2] * t), 0)
        yield x.astype(np.float32)


scattering = Scattering1D(J=7, Q=8, T=1024, max_order=1)
with tempfile.TemporaryDirectory() as folder:
    maps = np.array(transform_signal(scattering, chunks(), Path(folder) / "maps.npy", length=LENGTH, block=60_000))

# %%
# The scattering of the whole recording at once is the same
recording = np.concatenate(list(chunks()))[None]
whole = scattering.fit(recording).maps(recording)[0]
difference = np.linalg.norm(maps - whole) / np.linalg.norm(whole)
print(f"{len(maps)} positions of {maps.shape[1]} paths, {difference:.0e} of the norm from the whole signal's")
assert difference < 1e-6

# %%
# Each path relative to its median: the calls stand out at their frequencies, and the hum at its own
meta = scattering.meta()
order_1 = np.flatnonzero(meta["order"] == 1)
frequency = RATE * meta["xi"][order_1, 0]
time = np.arange(len(maps)) * 1024 / RATE
excess = np.log2(maps[:, order_1] / np.median(maps[:, order_1], axis=0))

heard = excess[:, (frequency > 350) & (frequency < 850)].mean(axis=1)
loudest = time[np.flatnonzero(heard > 0.5 * heard.max())]
assert all(np.abs(loudest - call - 0.5).min() < 0.5 for call in CALLS)
assert all(min(abs(at - call - 0.5) for call in CALLS) < 1 for at in loudest)
inside = (time > HUM[0] + 1) & (time < HUM[1] - 1)
note = int(np.abs(frequency - HUM[2]).argmin())
assert abs(int(excess[inside].mean(axis=0).argmax()) - note) <= 1

# %%
# The scattergram, and its mean over the frequencies of the calls
figure, (above, below) = plt.subplots(2, 1, figsize=(8, 4.6), layout="constrained", height_ratios=(3, 1), sharex=True)
picture = above.pcolormesh(time, frequency, excess.T, vmin=0, vmax=1.5, cmap="magma", shading="nearest")
above.set(yscale="log", ylabel="frequency (Hz)", ylim=(30, frequency.max()), title="first order, in blocks")
figure.colorbar(picture, ax=above, label="above its median (octaves)")
below.plot(time, heard, lw=0.8)
below.set(xlabel="time (s)", ylabel="350 to 850 Hz")
for call in CALLS:
    below.axvline(call + 0.5, color="tab:red", lw=0.6, ls=":")
plt.show()
