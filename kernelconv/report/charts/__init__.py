"""The drawings, as matplotlib Figures made without pyplot: one colour and one marker per model in all of them."""

from kernelconv.report.charts.accuracy import change, confusion, learning_curves, tradeoff
from kernelconv.report.charts.card import flips, two_sided
from kernelconv.report.charts.networks import field, maps, sheet, training
from kernelconv.report.charts.pictures import deformed, first_layers, worst_fields
from kernelconv.report.charts.stability import curves
from kernelconv.report.charts.style import (
    STYLE,
    check_figures_available,
    figures_available,
    house_style,
    model_styles,
    new_figure,
    save_figure,
)

__all__ = [
    "STYLE",
    "change",
    "check_figures_available",
    "confusion",
    "curves",
    "deformed",
    "field",
    "figures_available",
    "first_layers",
    "flips",
    "house_style",
    "learning_curves",
    "maps",
    "model_styles",
    "new_figure",
    "save_figure",
    "sheet",
    "tradeoff",
    "training",
    "two_sided",
    "worst_fields",
]
