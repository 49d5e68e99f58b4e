"""Configuration of the documentation: `python -m sphinx -W --keep-going docs <output folder>`."""

from importlib.metadata import version as installed_version
from importlib.util import find_spec

project = "graphdiff"
author = "the graphdiff developers"
copyright = author
version = release = installed_version("graphdiff")

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinx.ext.napoleon"]
# Formulas are set by MathJax, which a browser loads from the net; with this package installed, from
# the pages' own folder.
if find_spec("sphinx-mathjax-offline"):
    extensions.append("sphinx-mathjax-offline")
exclude_patterns = ["_build", "jupyter_execute"]

# Pages: Markdown; a page with code cells is run at every build, and a cell that fails fails it.
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_in_temp = True  # files that a page writes do not end up among the sources
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_execution_show_tb = True
nb_merge_streams = True
nb_render_markdown_format = "myst"  # tables and formulas in what a page prints

# Docstrings: numpydoc's sections; a name in single backticks is a link where there is a target.
default_role = "py:obj"
napoleon_google_docstring = False
napoleon_use_rtype = False
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["graphdiff.css"]
html_title = f"graphdiff {release}"
