"""
Capsules: squashing, and routing by agreement
=============================================

A capsule is a vector: its length says whether something is present, its direction in what form. Each capsule votes for
those of the next layer, and in rounds of routing the votes that agree gain weight.

Sabour, Frosst & Hinton, "Dynamic routing between capsules" (2017). First squashing and routing on a few vectors; then
the stored results of a study, `python benchmarks/experiments capsules`: 2,000 digits, and pairs of digits that overlap.
"""

import json
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from kernelconv.operators import RoutedDense, Squash

# %%
# Squashing keeps the direction and maps the length to one below 1: near 1 for long vectors, near 0 for short ones
lengths = np.array([0.1, 1.0, 3.0, 10.0])
squash = Squash(2).build((1, 1, 2))
vectors = lengths[:, None] * [0.6, 0.8]
squashed = squash.forward(vectors[:, None, None, :])[:, 0, 0]
print("lengths squashed:", np.linalg.norm(squashed, axis=1).round(4))
assert np.allclose(np.linalg.norm(squashed, axis=1), [0.0099, 0.5, 0.9, 0.9901], atol=5e-5)

# %%
# Six capsules vote for two of the next layer: the first five agree about the first one, and no two of those five about
# the second
n_votes, angles = 6, np.array([0.0, 1.3, 2.5, 3.7, 5.0, 0.0])
first = np.tile([1.0, 0.0], (n_votes, 1))
first[-1] = [-1.0, 0.0]  # the sixth disagrees with them
second = np.stack([np.cos(angles), np.sin(angles)], axis=1)
votes = np.stack([first, second], axis=1)  # (capsule, of which other, 2)


def coupling(routings):
    """Return how the six share out their votes after some rounds; weights that make the votes those above."""
    part = RoutedDense(2, 2, in_size=1, routings=routings).build((1, 1, n_votes), np.random.default_rng(0))
    part = part.replace({"weight": votes.reshape(n_votes, 1, 4)})
    return part.coupling(np.ones((1, 1, 1, n_votes)))[0]


shares = np.array([coupling(rounds) for rounds in range(1, 6)])
print("to the first capsule, by rounds:", shares[:, :, 0].round(3).tolist())
assert np.allclose(shares.sum(axis=2), 1)
assert np.allclose(shares[0], 0.5)
assert (np.diff(shares[:, :5, 0], axis=0) > 0).all()  # those who agree
assert (np.diff(shares[:, 5, 0]) < 0).all()

# %%
# The study: digits, and pairs of digits on which neither network was trained; the CNN has as many parameters, and
# similar errors
results = Path(sys.argv[0]).resolve().parents[2] / "benchmarks" / "results" / "capsules" / "results.json"
if not results.exists():
    raise FileNotFoundError(f"{results} is missing: run this example inside a checkout of the repository.")
cells = json.loads(results.read_text(encoding="utf-8"))
found = {
    learner: {of: 100 * np.array([c[of] for c in cells if c["learner"] == learner]) for of in ("error", "both", "one")}
    for learner in ("capsules", "CNN")
}
parameters = {c["learner"]: c["n_params"] for c in cells}
assert abs(parameters["capsules"] / parameters["CNN"] - 1) < 0.01
for learner, of in found.items():
    print(f"{learner}: {of['error'].mean():.2f} % wrong; of a pair both found in {of['both'].mean():.1f} %")
    assert len(of["error"]) == 3
    assert of["error"].mean() < 5
    assert of["both"].mean() > 8  # by chance both are found in 1 of 45 pairs

figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 2.9), width_ratios=[1.2, 1], layout="constrained")
for k in range(n_votes):
    label = {0: "votes that agree", 5: "a vote that does not"}.get(k)
    left.plot(range(1, 6), shares[:, k, 0], "o-", color="tab:red" if k == 5 else "tab:blue", markersize=3, label=label)
left.set(xlabel="rounds of routing", ylabel="share given to the first", xticks=range(1, 6), ylim=(0, 1))
left.legend(fontsize=8, loc="center right")
for k, (learner, of) in enumerate(found.items()):
    places = np.arange(2) + 0.36 * (k - 0.5)
    shown = [of["error"], 100 - of["both"]]
    bars = right.bar(places, [v.mean() for v in shown], 0.33, label=f"{learner}, {parameters[learner]:,} parameters")
    right.bar_label(bars, fmt="%.1f", fontsize=8)
right.set_xticks(range(2), ["digits wrong, %", "pairs not found, %"])
right.margins(y=0.35)
right.legend(fontsize=7, loc="upper left")
plt.show()
