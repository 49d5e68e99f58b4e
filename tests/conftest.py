"""Settings for all tests."""

from __future__ import annotations

import pytest
from hypothesis import settings

settings.register_profile("graphdiff", deadline=None)  # a busy machine is no failure
settings.load_profile("graphdiff")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """All cores for the whole suite; a part that is named runs at once, without workers."""
    return 0 if config.args_source is config.ArgsSource.ARGS else None
