"""The documentation site: `make docs` builds it into build/docs, without a network."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import generate  # noqa: E402
from sphinx.application import Sphinx  # noqa: E402

import cagewatch  # noqa: E402

project = "cagewatch"
author = "the cagewatch authors"
version = release = cagewatch.__version__
language = "en"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.doctest",
    "sphinx.ext.napoleon",
    "sphinx_design",
]
exclude_patterns = ["generated/templates", "**/.ipynb_checkpoints"]
# ref.python: the words of a docstring's types ("frames", "rows") are not all names of the library.
suppress_warnings = ["config.cache", "mystnb.unknown_mime_type", "ref.python"]

# Pages
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # notebooks are shown as the study executed them
nb_ipywidgets_js = {}  # no script from outside hosts
nb_merge_streams = True

# Reference
default_role = "literal"
autosummary_generate = True
autodoc_default_options = {
    "members": True,
    "member-order": "bysource",
    "ignore-module-all": True,  # a thing is described where it is defined
}
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 80
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
templates_path = ["templates"]

# Looks
html_theme = "pydata_sphinx_theme"
html_title = "cagewatch"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
# Pages with none below them: an empty sidebar would only take their width.
ALONE = ("get_started", "your_cage", "review", "performance", "reliability", "threats")
html_sidebars: dict[str, list[str]] = {page: [] for page in ALONE}
html_theme_options = {
    "header_links_before_dropdown": 5,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": False,
    "footer_start": ["copyright"],
    "footer_end": [],
}
copyright = "the cagewatch authors, BSD-3-Clause"


def setup(app: Sphinx) -> None:
    """Write the generated pages before Sphinx looks for sources; mend links as it reads."""
    generate.write_pages(Path(app.srcdir))
    app.connect("source-read", generate.mend_links)
    app.connect("autodoc-process-docstring", generate.mend_docstring)
