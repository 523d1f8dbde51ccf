"""The command line as a person meets it: contents, examples, and a help that loads nothing heavy."""

import re
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from propensity import errors
from propensity.cli.program import SECTIONS, program

COMMANDS = [command for commands in SECTIONS.values() for command in commands]


def test_the_help_is_a_table_of_contents_with_every_command() -> None:
    text = CliRunner().invoke(program, ["--help"]).output
    assert all(section in text for section in SECTIONS)
    assert {command.name for command in COMMANDS} == set(program.commands)
    assert all(f"\n  {command.name} " in text for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command.name))
def test_every_command_has_an_example_that_names_it(command: click.Command) -> None:
    text = CliRunner().invoke(program, [str(command.name), "--help"]).output
    example = text.partition("Example")[2]
    assert f"propensity {command.name}" in example


def test_the_help_loads_none_of_the_heavy_libraries() -> None:
    code = (
        "import sys, propensity.cli.program as p\n"
        "p.program.main(['--help'], standalone_mode=False)\n"
        "heavy = {'pydantic', 'numpy', 'polars', 'pandas', 'mlflow', 'sklearn', 'bentoml', 'pymongo'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def last_errors() -> list[type[errors.PropensityError]]:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    return [kind for kind in kinds if not any(kind in other.__bases__ for other in kinds)]


def test_every_error_a_command_ends_with_has_an_exit_code_of_its_own() -> None:
    codes = [kind.exit_code for kind in last_errors()]
    assert len(set(codes)) == len(codes)
    assert not {0, 1, 2} & set(codes)


def test_the_tree_at_the_top_of_the_errors_names_each_with_its_code() -> None:
    tree = re.findall(r"── (\w+) +(\d+)\b(?!x)", errors.__doc__ or "")
    assert {name: int(code) for name, code in tree} == {
        kind.__name__: kind.exit_code for kind in last_errors()
    }
