"""What objects show of themselves: tables in a notebook, of the same rows as printed, and reprs of one short line."""

from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from kernelconv import datasets, stability
from kernelconv._tables import TextTable
from kernelconv.deformations import SmoothDeformation, Translation
from kernelconv.networks import serial
from kernelconv.operators import Convolution, MaxPooling, ReLU
from kernelconv.stability import Architecture, LayerShape, StabilityReport, StabilityRow
from kernelconv.stability.report import Summary
from kernelconv.streams import IncrementalRidge

ROW = StabilityRow("Rotation()", 0.1, "", "relative_change", 0.12, 0.11, 0.13, 100, 1, True)


class Reader(HTMLParser):
    """Reads rows of cells, captions and paragraphs; holds which tags there are."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.rows, self.lines, self._texts, self._open = set(), [], [], None, []
        self.feed(html)
        self.close()
        assert not self._open, f"{self._open} stay open"

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self._open.append(tag)
        if tag == "tr":
            self.rows.append([])
        self._texts = []

    def handle_endtag(self, tag):
        assert self._open.pop() == tag
        if tag in ("td", "th"):
            self.rows[-1].append("".join(self._texts))
        elif tag in ("caption", "p"):
            self.lines.append("".join(self._texts))

    def handle_data(self, data):
        self._texts.append(data)


def words(text):
    return [line.split() for line in text.splitlines()]


@pytest.fixture(scope="module")
def network():
    parts = Convolution(4, size=3), ReLU(), MaxPooling(2, stride=2)
    return serial(*parts, names=["edges", "<b>", "a & b"]).build((9, 9, 1), np.random.default_rng(0))


# -- a network --------------------------------------------------------------------------------------------------------


def test_a_notebook_shows_the_rows_of_a_networks_summary(network):
    read = Reader(network._repr_html_())
    assert read.rows[0] == ["part", "output", "field", "stride", "params", "multiply-adds"]
    assert read.rows[2] == ["edges", "7x7x4", "3x3", "1x1", "40", "1,764"]
    assert [" ".join(row).split() for row in read.rows] == words(network.summary())
    assert len(read.rows) == 6
    assert read.lines == []


def test_names_are_texts_in_html_and_no_tags(network):
    html = network._repr_html_()
    assert "&lt;b&gt;" in html
    assert "<b>" not in html
    assert "a &amp; b" in html
    assert Reader(html).tags == {"div", "table", "thead", "tbody", "tr", "th", "td"}
    assert [row[0] for row in Reader(html).rows[2:5]] == ["edges", "<b>", "a & b"]


def test_columns_stand_where_they_stand_in_print(network):
    html = network._repr_html_()
    assert '<td style="text-align: left">edges</td><td style="text-align: right">7x7x4</td>' in html


def test_a_network_that_is_not_built_shows_its_formula():
    read = Reader(serial(Convolution(4, size=3), ReLU())._repr_html_())
    assert read.lines == ["Network: ReLU() ∘ Convolution(4, size=3)"]
    assert read.tags == {"p"}


# -- a report ---------------------------------------------------------------------------------------------------------


def test_a_notebook_shows_what_a_report_prints():
    far = replace(ROW, strength=0.6, unit="px", within_theorem=False)
    report = StabilityReport((ROW, far), (Summary("", 64, 0.5, 0.975),))
    read, printed = Reader(report._repr_html_()), str(report).splitlines()
    assert read.rows[0] == ["strength", "measure", "mean", "interval"]
    assert read.rows[2] == ["0.6 px *", "relative_change", "0.1200", "[0.1100, 0.1300]"]
    assert [" ".join(row).split() for row in read.rows] == words("\n".join(printed[1:4]))
    assert read.lines == [printed[0], *printed[4:]]
    assert read.lines[1].startswith("* Jacobian norm above 1/2")
    assert read.lines[2] == "phi: 64 features, |phi(x)| / |x| 0.5, the head is right on 97.5 % as they are"


def test_rivals_are_named_and_their_names_are_texts():
    report = StabilityReport((replace(ROW, name="<b>one</b>"), replace(ROW, name="two")))
    read = Reader(report._repr_html_())
    assert [row[0] for row in read.rows] == ["name", "<b>one</b>", "two"]
    assert "b" not in read.tags
    assert words(str(report))[1] == ["name", "strength", "measure", "mean", "interval"]


def test_an_empty_report_says_so():
    assert Reader(StabilityReport(())._repr_html_()).lines == [str(StabilityReport(()))]
    assert "without rows" in str(StabilityReport(()))


# -- the table --------------------------------------------------------------------------------------------------------


def test_every_text_of_a_table_is_escaped():
    html = TextTable(["<h>"], [["<r>"]], "l", "<c>", ["<n>"]).html()
    assert [t for t in ("<h>", "<r>", "<c>", "<n>") if t in html] == []
    read = Reader(html)
    assert (read.rows, read.lines) == ([["<h>"], ["<r>"]], ["<c>", "<n>"])


def test_a_row_of_too_many_texts_is_refused():
    with pytest.raises(ValueError, match="zip"):
        TextTable(["one"], [["1", "2"]], "l").html()


# -- the others -------------------------------------------------------------------------------------------------------

X = np.random.default_rng(0).random((4, 8, 8))


def shown():
    """Yield (what is shown, words that are in it)."""
    mean = {"phi": lambda x: x.reshape(len(x), -1), "X": X, "random_state": 0}
    rules = datasets.RandomHierarchy.draw(depth=3, n_colours=8, random_state=0)
    layers = (LayerShape(3, 1, 2, 2**0.5), LayerShape(3, 2, 2, 2**0.5), LayerShape(3, 4, 2, 2**0.5))
    yield Architecture(layers), "Architecture(3 layers: patches of 3, 3, 3 px, last pooling scale 5.66 px)"
    yield rules, "RandomHierarchy(3 levels, 8 classes, strings of 8)"
    yield datasets.load_split("digits"), "Split('digits': 1,198 training and 599 test images of 8x8)"
    yield datasets.registered_datasets()["mnist"], "Dataset('mnist', 'MNIST')"
    yield datasets.pixel_graph(X), "PixelGraph(64 pixels)"
    ridge = IncrementalRidge().partial_fit(X.reshape(4, -1), X[:, 0, :2])
    yield ridge.moments_, "FoldedMoments(5 folds, 4 samples, 64 features)"
    yield ridge.moments_.folds[0], "64 features, 2 targets)"
    yield stability.worst_case(deformation=SmoothDeformation(2), strength=0.3, n_evaluations=8, **mean), "WorstCase("
    one = stability.certify_change(deformation=Translation(), sigma=1.0, radii=[1.0], n_samples=9, **mean)
    yield one, "ChangeCertificate(4 images, 1 radii, sigma=1)"
    of = {"predict": lambda x: np.zeros(len(x), int), "X": X, "deformation": Translation(), "random_state": 0}
    yield stability.certify(sigma=1.0, n_samples=20, **of), "Certificate(Translation()"
    network = serial(Convolution(4, size=3)).build((8, 8, 1), np.random.default_rng(0))
    found = stability.invert(network, network.forward(X[:1, ..., None]), n_starts=1, max_iter=2, random_state=0)
    yield found, "Inversion(8x8, relative error"


def test_results_are_shown_on_one_short_line():
    n = 0
    for thing, text in shown():
        assert text in repr(thing)
        assert len(repr(thing)) < 250
        assert "\n" not in repr(thing)
        n += 1
    assert n == 11
