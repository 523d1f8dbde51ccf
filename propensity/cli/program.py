"""The program `propensity`: its commands in the order of the loop, and one place where errors become exit codes."""

import signal
import sys
from typing import Final

import click

from propensity import __version__
from propensity.cli import (
    dashboard,
    data,
    demo,
    experiment,
    model,
    operation,
    privacy,
    service,
    simulated,
    state,
    training,
    watch,
)
from propensity.errors import PropensityError

SECTIONS: Final[dict[str, tuple[click.Command, ...]]] = {
    "See it all run": (demo.demo,),
    "Data": (simulated.simulate, data.ingest, data.refused),
    "Model": (training.train, model.models, model.promote, model.package),
    "Answers": (service.serve, service.score, service.key),
    "Watching": (watch.monitor, dashboard.dashboard),
    "Operating": (operation.retrain, operation.rollback, experiment.experiment, operation.operate),
    "Privacy": (privacy.forget,),
    "State": (state.doctor, state.wait, state.ledger),
}


class Contents(click.Group):
    """A group whose help lists its commands section by section."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click names it
        """Write one definition list per section."""
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(
                    [(command.name or "", command.get_short_help_str(80)) for command in commands]
                )


@click.group(cls=Contents, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, package_name="propensity")
def program() -> None:
    """Predict which users of a shop will buy in the next 24 hours, and keep the prediction right.

    Without any setting everything lives in the folder .propensity (SQLite and a local MLflow). PROPENSITY_STORE_URI
    and MLFLOW_TRACKING_URI point it elsewhere. `propensity COMMAND --help` shows each command with an example.
    """


for _commands in SECTIONS.values():
    for _command in _commands:
        program.add_command(_command)


def main() -> None:
    """Run the program; an error of ours is its sentence on stderr and its exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what is under way is left in order
    try:
        program.main(prog_name="propensity")
    except PropensityError as error:
        click.echo(f"propensity: {error}", err=True)
        sys.exit(error.exit_code)
