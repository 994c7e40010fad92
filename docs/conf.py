"""Sphinx's settings. `python docs/build.py` is the command."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "docs"))

from sphinx_gallery.sorting import ExplicitOrder  # noqa: E402

from kernelconv import __version__  # noqa: E402

project = "kernelconv"
author = "The kernelconv developers"
copyright = "the kernelconv developers, BSD-3-Clause"
version = release = __version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_gallery.gen_gallery",
    "docstrings",
    "mathml",
]
exclude_patterns = ["_build", "paper", "templates"]
templates_path = ["templates"]

# -- text: pages in Markdown (MyST), docstrings in reStructuredText ----------------------------------------------------

myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
#: A single backtick in a docstring links what it names, where there is such a thing, and is code otherwise.
default_role = "autolink"
#: Members follow below each class, as templates/autosummary/class.rst says.
numpydoc_show_class_members = False
autosummary_generate = True
autodoc_typehints = "none"  # numpydoc's tables have the types
autodoc_member_order = "bysource"
nitpicky = False

# -- gallery -----------------------------------------------------------------------------------------------------------

_groups = ["first_steps", "operators", "networks", "stability"]
sphinx_gallery_conf = {
    "examples_dirs": ["../examples"],
    "gallery_dirs": ["gallery"],
    "filename_pattern": r"/plot_",
    "ignore_pattern": r"draw\.py",
    "subsection_order": ExplicitOrder([f"../examples/{group}" for group in _groups]),
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": True,
    "abort_on_example_error": True,
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    "plot_gallery": os.environ.get("KERNELCONV_PLOT_GALLERY", "1") == "1",
}

# -- pages -------------------------------------------------------------------------------------------------------------

html_math_renderer = "mathml"
html_theme = "pydata_sphinx_theme"
html_title = f"kernelconv {release}"
html_show_sourcelink = False
html_copy_source = False
html_static_path = ["static"]
html_css_files = ["site.css"]
html_theme_options = {
    "navigation_with_keys": False,
    "show_prev_next": False,
    "show_toc_level": 2,
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "navbar_end": ["theme-switcher"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
#: Pages without others below them need no list of these.
html_sidebars = {page.stem: [] for page in (ROOT / "docs").glob("*.md")}
