"""The drawings, as matplotlib Figures made without pyplot: one colour and one marker a model in all of them."""

from kernelconv.report.charts.accuracy import change, confusion, learning_curves, tradeoff
from kernelconv.report.charts.pictures import deformed, first_layers, worst_fields
from kernelconv.report.charts.stability import curves
from kernelconv.report.charts.style import STYLE, figures_available, model_styles, save_figure

__all__ = [
    "STYLE",
    "change",
    "confusion",
    "curves",
    "deformed",
    "figures_available",
    "first_layers",
    "learning_curves",
    "model_styles",
    "save_figure",
    "tradeoff",
    "worst_fields",
]
