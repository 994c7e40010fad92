"""What README.md and the page say in sentences, every number in them taken from the cells or the protocol."""

from kernelconv.report.published import CAVEAT, best_published, published
from rendering.choice import best_by_test, chosen, differences, of_how_many, reference
from rendering.results import CONTROLS
from rendering.tables import elsewhere
from rendering.words import joined, signed, tie

# -- what came out ----------------------------------------------------------------------------------------------------


def verdict(results):
    """Say which rows were chosen, whether they are best by test too, and where they stand beside the papers'."""
    sizes = [s for s in results.sizes if chosen(results, s)]
    if not sizes:
        return "No row has a validation error yet: nothing is chosen."
    rows = _by_size(sizes, lambda size: tie([results.label(m) for m in chosen(results, size)]))
    validated = _by_size(sizes, lambda size: of_how_many(results, size, "validation"))
    texts = [f"Chosen by validation error of the rows that compete: {rows} training images (chosen of {validated})."]
    if tested := [s for s in sizes if reference(results, s)]:
        same = sum(reference(results, s) in best_by_test(results, s) for s in tested)
        tied = any(len(chosen(results, s)) > 1 for s in tested)
        first = " (of a tie the first in the table that is tested)" if tied else ""
        of = _by_size(tested, lambda size: of_how_many(results, size, "test"))
        texts.append(f"Tested are {of}: at {same} of {len(tested)} sizes the chosen row{first} has the lowest error.")
    return " ".join([*texts, *beside_papers(results, tested)])


def _by_size(sizes, words):
    """Return what holds at which sizes: `words(size)`, each with its sizes."""
    found = {}
    for size in sizes:
        found.setdefault(words(size), []).append(f"{size:,}")
    return "; ".join(f"{text} with {joined(of)}" for text, of in found.items())


def unfinished(results):
    """Say how many cells there are where some are missing, and at which sizes there is none on the test images."""
    (tested, wanted), (validated, _) = results.counted("test"), results.counted("validation")
    if tested == validated == wanted:
        return ""
    counts = f"{tested:,} of {wanted:,} cells on the test images, {validated:,} of {wanted:,} validations."
    rest = [f"{s:,}" for s in results.sizes if s not in results.started("test")]
    none = f" No cell on the test images is there yet with {joined(rest)} training images." if rest else ""
    return f"Not finished: {counts}{none}"


def beside_papers(results, sizes):
    """Compare the mean of the chosen row, as it is shown, with the best of the papers' at each size."""
    best = {s: p for s, p in best_published(results.data.name).items() if s in sizes}
    ours = {s: round(results.summary(reference(results, s), s).error, 2) for s in best}
    above = [
        f"{s:,} images ({ours[s]:.2f} against {p.error:.2f} %, {p.method})"
        for s, p in best.items()
        if ours[s] > p.error
    ]
    below = f"Its mean is at or below the best figure of these papers at {len(best) - len(above)} of {len(best)} sizes"
    return [*([below + (f", above it at {joined(above)}." if above else ".")] if best else []), *beyond(results, sizes)]


def beyond(results, sizes):
    """Say which figures beyond these papers are lower than the mean of the chosen row."""
    known = [p for p in elsewhere(results) if p.size in sizes]
    lower = [
        f"{p.error:.2f} % ({p.method}, {p.size:,} images)"
        for p in known
        if p.error < round(results.summary(reference(results, p.size), p.size).error, 2)
    ]
    if not known:
        return []
    return [
        f"Elsewhere, without augmentation, there is {joined(lower)}, lower than the chosen row."
        if lower
        else "Nothing we know of elsewhere, without augmentation, is lower."
    ]


def separated(results):
    """Say which rows that compete are better than the chosen one after Holm's correction.

    Rows that share a single draw with it are left out: nothing is known of other training subsets. Nothing is said
    where there are no others.
    """
    rivals = [
        (size, c)
        for size in results.sizes
        for c in differences(results, size)
        if c.n_draws > 1 and results.competes(c.model)
    ]
    if not rivals:
        return ""
    better = [
        f"{results.label(c.model)} at {size:,} images ({signed(c.difference.mean)} points"
        f"{', tied with it in validation' if c.model in chosen(results, size) else ''})"
        for size, c in rivals
        if c.separated and c.difference.mean < 0
    ]
    beyond = (
        "by more than test images and draws explain (p at most 0.05 after Holm's correction among the rows of a size)"
    )
    of = "Of the rows tested that compete and share two or more draws with the chosen one,"
    return (
        f"{of} {joined(better) + ' ' + ('is' if len(better) == 1 else 'are') if better else 'none is'} better {beyond}."
    )


# -- how it was found -------------------------------------------------------------------------------------------------


def protocol(results):
    """Return the sentences of the protocol."""
    parts = (subsets, choices, validations, comparisons, solutions, measures, papers)
    return [text for part in parts for text in part(results)]


def subsets(results):
    """Say what a cell is, and how many of them there are."""
    (done, wanted), (validated, _) = results.counted("test"), results.counted("validation")
    first = {m: row.representation.n_test for m, row in results.models.items()}
    fewer = "".join(f", of {results.label(m)} the first {n:,}" for m, n in first.items() if n)
    texts = [
        "A cell is one row, one training size, one draw: a class-balanced random subset of the training images, the "
        "same for every row; with the same draw a smaller subset is part of a larger one. Draw s also starts the row's "
        "own randomness.",
        f"Of {wanted:,} cells of the protocol {done:,} are there, and of as many validations {validated:,}. The mean "
        "of a row with fewer draws is over these; differences are over the draws that two rows share.",
        f"Every cell predicts the test images once{fewer}. No augmentation, but in the row that says so.",
    ]
    return [*texts, *results.plan.remarks]


def choices(results):
    """Say what was chosen where: the sentence on how architectures were chosen is the price of every figure."""
    return [
        "Chosen inside the training subset, by cross-validation or on a held-out part of it: what a head has to choose "
        "(penalty, width of the kernel, number of dimensions, C); above 5,000 images on a balanced 5,000 of the "
        "subset.",
        *results.plan.chosen,
    ]


def validations(results):
    """Say how the row of a size is chosen."""
    return [
        "Rows that compete: ours, without augmentation, tested on all test images. The row with the lowest mean "
        "validation error is chosen, and is what the others are compared with. A row with fewer draws is compared with "
        "the others on the draws they share, each on all folds it has, and is chosen only with a lower mean there. No "
        "test image had a part in this choice; the draws are the same. “Best by test” is picked by the test error "
        "itself: the lowest of several numbers is on average lower than what the same row would show on new images.",
        "Validation uses five stratified folds of the training subset up to 5,000 images, and above one held-out "
        "fifth, the same for all rows. Features learned without labels are fitted once, on the images of the whole "
        "subset, without their labels; the head is fitted anew in each fold, its own choices included. A row trained "
        "on labels is trained once more, on all folds but the first, and scored on the first alone.",
    ]


def comparisons(results):
    """Say what rivals got, and what the controls are."""
    controls = [results.label(m) for m in CONTROLS if m in results.models]
    rivals = [results.label(m) for m, row in results.models.items() if row.representation.family == "others"]
    texts = []
    if controls:
        texts.append(
            f"Controls: {joined(controls)}, the head of the Gaussian rows on what needs no scattering and no kernel "
            "network. They compete."
        )
    if rivals:
        own = " (called tuned: its own learning rate and epochs)" if "torch-lenet-tuned" in results.models else ""
        texts.append(
            f"Rows of others, which do not compete: {joined(rivals)}. They get the subsets and the validation of ours; "
            "kymatio's features the same heads with all their choices, PyTorch's network the plan, optimiser, schedule "
            f"and epochs of our wide LeNet{own}. Draws that they lack are said beside their figures."
        )
    return texts


#: How kernel systems above 10,000 images are solved, by the version of the Gaussian head's results there.
SOLVERS = {
    1: "Cholesky factorisation in single precision",
    2: "conjugate gradients on the kernel matrix in single precision, preconditioned",
}


def solutions(results):
    """Say how exactly the large kernel systems are solved."""
    found = {}
    for content in results.cells:
        if content["cell"]["part"] == "test" and "residual" in content["record"]["chosen"]:
            version = content["identity"]["model"]["versions"][-1]
            found.setdefault(version, []).append(content["record"]["chosen"]["residual"])
    if not found:
        return []
    large = [f"by {SOLVERS[v]}, at most {max(r):.1e} in {len(r)} cells" for v, r in sorted(found.items())]
    return [
        "The kernel systems of the Gaussian heads are solved by Cholesky factorisation in double precision up to "
        "10,000 images; above with a penalty of at least 1e-4, and each cell holds the relative residual, summed in "
        f"double precision: {'; '.join(large)}."
    ]


def measures(results):
    """Say what deformations and times are."""
    d = results.deformation
    family = ", ".join(f"{k} {v}" for k, v in d["family"].items() if k != "class") if d else ""
    return [
        *(
            [
                f"Deformations: {d['family']['class']} ({family}) at Jacobian norm {results.strength:g} on the first "
                f"{d['n_images']} test images, the same fields for all rows."
            ]
            if d
            else []
        ),
        f"Every cell ran on one thread; times are CPU seconds, and those of all cells add up to {results.hours:.1f} "
        "hours.",
    ]


def papers(results):
    """Say what published figures are."""
    return [CAVEAT] if published(results.data.name) else []
