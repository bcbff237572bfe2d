"""Settings: what is refused, and with which words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from micro.errors import ConfigError
from micro.node.config import NodeConfig


@pytest.mark.parametrize(
    ("text", "environment", "flags", "where"),
    [
        ('log_level = "loud"', {}, {}, "config.toml"),
        (None, {"MICRO_LOG_LEVEL": "loud"}, {}, "the environment"),
        (None, {"MICRO_LOG_LEVEL": ""}, {}, "the environment"),
        (None, {}, {"log_level": "loud"}, "the command line"),
    ],
)
def test_a_log_level_that_does_not_exist_is_refused(
    text: str | None, environment: Mapping[str, str], flags: Mapping[str, Any], where: str
) -> None:
    """Wherever it comes from, with those that do."""
    with pytest.raises(ConfigError, match=f"{where} sets log_level to .*; it is debug, info, warning or error"):
        NodeConfig.load(text, environment, flags)


def test_a_log_level_may_be_written_in_capitals() -> None:
    """As it stands in the log itself."""
    assert NodeConfig.load(None, {"MICRO_LOG_LEVEL": "WARNING"}, {}).log_level == "WARNING"
