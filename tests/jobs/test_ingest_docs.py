"""The page on event logs names everything there is to name."""

from pathlib import Path

from propensity.errors import InputError
from propensity.events import Reason
from propensity.events.formats import FORMATS

PAGE = (Path(__file__).parents[2] / "docs" / "event-logs.md").read_text()


def test_the_page_has_a_row_for_every_format_reason_and_exit_code() -> None:
    rows = {
        line.split("|")[1].strip().partition(" (")[0] for line in PAGE.splitlines() if line.startswith("|")
    }
    wanted = {f"`{name}`" for name in (*FORMATS, *Reason)}
    wanted |= {str(error.exit_code) for error in InputError.__subclasses__()}
    assert wanted <= rows


def test_the_page_names_every_column_and_type_that_a_format_reads() -> None:
    for log_format in FORMATS.values():
        (row,) = (line for line in PAGE.splitlines() if line.startswith(f"| `{log_format.name}`"))
        columns = [] if log_format.positions else log_format.columns.values()
        assert [word for word in (*columns, *log_format.types) if word not in row] == []
