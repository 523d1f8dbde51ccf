"""Commands about data: take a log in, look at what was refused."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from propensity.cli import door
from propensity.errors import InputMissing

if TYPE_CHECKING:
    from jobs.ingest import IngestSummary
    from propensity.events.formats import LogFormat

FORMAT_NAMES = ("propensity", "taobao", "rees46", "retailrocket")


def mapping(_: click.Context, option: click.Parameter, given: str | None) -> dict[str, str]:
    """Read `a=b,c=d`."""
    if not given:
        return {}
    parts = [part.partition("=") for part in given.split(",")]
    if not all(equals and key and value for key, equals, value in parts):
        raise click.BadParameter("write it as ours=theirs,ours=theirs", param=option)
    return {key.strip(): value.strip() for key, _, value in parts}


def chosen_format(
    name: str | None, columns: dict[str, str], types: dict[str, str], time_unit: str, delimiter: str
) -> "LogFormat":
    """Return the declared format, or the one that --map describes."""
    from propensity.events.formats import FORMATS, custom_format

    if columns and name:
        raise click.UsageError("--format names a log's columns and so does --map: give one of them.")
    if not columns and (types or time_unit != "iso" or delimiter != ","):
        raise click.UsageError(
            "--types, --time-unit and --delimiter describe a log given by --map: give that too."
        )
    if columns:
        return custom_format(columns, types, time_unit=time_unit, delimiter=delimiter)
    return FORMATS[name or "propensity"]


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--format", "name", type=click.Choice(FORMAT_NAMES), help="Whose log it is.  [default: propensity]"
)
@click.option(
    "--map", "columns", callback=mapping, help="Columns of any other log: user_id=visitorid,event_time=ts,…"
)
@click.option("--types", callback=mapping, help="Its event types: addtocart=cart,transaction=purchase,…")
@click.option("--time-unit", type=click.Choice(["iso", "s", "ms", "us"]), default="iso", show_default=True)
@click.option("--delimiter", default=",", show_default=True)
@click.option("--source", help="Name of the feed; the same event from the same feed is stored once.")
@click.option(
    "--allow-unchanged", is_flag=True, help="End well where the files were taken in before (for schedules)."
)
def ingest(
    paths: tuple[str, ...], name: str | None, columns: dict[str, str], types: dict[str, str],
    time_unit: str, delimiter: str, source: str | None, allow_unchanged: bool,
) -> None:  # fmt: skip
    """Take an event log into the store; rows that can't be events are kept apart.

    FILE is a CSV (gzip too), a Parquet file, a folder of them, or a URL. The same file again, or a longer export of
    it, adds only what is new.

    \b
    Examples:
      propensity ingest UserBehavior.csv --format taobao
      propensity ingest logs/ --map user_id=visitor,event_type=what,event_time=ts --types basket=cart --time-unit ms
    """
    from jobs.ingest import ingest as take_in

    settings = door.settle()
    log_format = chosen_format(name, columns, types, time_unit, delimiter)
    with door.opened_store(settings) as store, progress_bar("Reading") as progress:
        summary = take_in(
            paths,
            log_format=log_format,
            store=store,
            now=door.now(),
            max_refused_share=settings.max_refused_share,
            source=source,
            progress=progress,
            allow_unchanged=allow_unchanged,
        )
    for line in summary_lines(summary):
        click.echo(line)


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """Give a function of (done, in all) that draws a bar on a terminal and nothing elsewhere."""
    import sys

    with click.progressbar(length=1, label=label, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:

        def move(done: int, total: int) -> None:
            bar.length = max(total, 1)
            bar.update(done - bar.pos)

        yield move


def summary_lines(summary: "IngestSummary") -> Iterator[str]:
    """Say what became of the rows, and why some were refused."""
    yield (
        f"{summary.rows:,} rows: {summary.inserted:,} events stored, {summary.unchanged:,} were there already, "
        f"{sum(summary.refused.values()):,} refused  ({summary.seconds:.1f} s)"
    )
    if summary.skipped:
        yield f"{summary.skipped:,} of {summary.skipped + summary.files:,} files skipped: taken in before, and unchanged"
    if summary.first_time is not None:
        yield f"from {door.as_time(summary.first_time)} to {door.as_time(summary.last_time)}"
    for reason, count in sorted(summary.refused.items(), key=lambda item: -item[1]):
        yield f"  refused: {count:,} x {reason}   (see `propensity refused`)"


@click.command()
@click.option(
    "--limit",
    default=20,
    type=click.IntRange(1, 10_000),
    show_default=True,
    help="Rows to show, newest first.",
)
def refused(limit: int) -> None:
    """Show rows that could not be events, each with its reason.

    \b
    Example:
      propensity refused --limit 5
    """
    with door.opened_store(door.settle()) as store:
        counts, latest = store.refused.counts(), store.refused.latest(limit)
    if not counts:
        click.echo("No row has been refused.")
        return
    click.echo("   ".join(f"{reason}: {count:,}" for reason, count in sorted(counts.items())))
    for refusal in latest:
        click.echo(f"{shown(refusal.file)}:{refusal.line}  {refusal.reason}  {shown(refusal.raw)}")


def shown(raw: str) -> str:
    """Return a stranger's text with what would steer a terminal written out."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in raw)


def existing(path: str) -> str:
    """Return the path, or raise InputMissing: the demo should say so before it starts anything."""
    if "://" not in path and not Path(path).exists():
        raise InputMissing(f"There is no event log at {path}. Check the path in DATA=…")
    return path
