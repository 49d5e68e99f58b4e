"""The worked example behind ``graphdiff demo``, made with the package's public functions."""
