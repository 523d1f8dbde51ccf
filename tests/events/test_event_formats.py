"""Formats are declarations: what a map may say, and what it may not."""

import subprocess
import sys

import pytest

from propensity.errors import SettingsError
from propensity.events import EVENT_TYPES
from propensity.events.formats import FIELDS, FORMATS, REQUIRED, custom_format

COLUMNS = {"user_id": "who", "event_type": "what", "event_time": "ts"}


def test_every_declared_format_says_where_the_needed_fields_are_and_uses_our_types() -> None:
    for name, log_format in FORMATS.items():
        assert name == log_format.name
        assert set(REQUIRED) <= set(log_format.columns) <= set(FIELDS)
        assert set(log_format.types.values()) <= set(EVENT_TYPES)


def test_a_map_of_numbers_is_a_log_without_a_header() -> None:
    log_format = custom_format({"user_id": "2", "event_type": "0", "event_time": "1"})
    assert not log_format.has_header
    assert log_format.positions == {"user_id": 2, "event_type": 0, "event_time": 1}


def test_our_own_types_are_understood_beside_the_mapped_ones() -> None:
    types = custom_format(COLUMNS, {"basket": "cart"}).types
    assert (types["basket"], types["view"]) == ("cart", "view")


def test_a_tab_may_be_written_as_a_shell_can_type_it() -> None:
    assert custom_format(COLUMNS, delimiter="\\t").delimiter == "\t"


@pytest.mark.parametrize(
    ("columns", "options", "said"),
    [
        ({"user_id": "who"}, {}, "event_type, event_time"),
        (COLUMNS | {"colour": "c"}, {}, "colour"),
        (COLUMNS, {"types": {"buy": "sale"}}, "sale"),
        (COLUMNS, {"time_unit": "days"}, "days"),
        (COLUMNS, {"delimiter": "||"}, "||"),
        (COLUMNS, {"delimiter": '"'}, "separate"),
    ],
)
def test_a_map_that_can_not_work_is_refused_with_what_is_wrong_in_it(
    columns: dict[str, str], options: dict[str, str], said: str
) -> None:
    with pytest.raises(SettingsError, match=said.replace("|", r"\|")):
        custom_format(columns, **options)


def test_formats_and_validation_are_there_without_polars() -> None:
    code = (
        "import sys, propensity.events.formats, propensity.events.validation; "
        "sys.exit(bool({'polars', 'pandas', 'fsspec'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
