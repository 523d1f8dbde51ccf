"""Input that can't be used: each ends with its own error that says what to do, and leaves nothing in the store."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from jobs.ingest import ingest
from jobs.ingest.lines import MAX_LINE_BYTES
from propensity.errors import (
    EmptyInput,
    EventsInFuture,
    HeaderOnly,
    InputError,
    InputMissing,
    NotText,
    TooManyRefused,
    WrongFormat,
)
from propensity.events.formats import FORMATS, custom_format
from propensity.store.opening import open_store
from propensity.store.protocol import Store

NOW = 1_700_000_000_000_000
OURS = "user_id,event_type,event_time,price\n"
GOOD = "u,view,2020-01-01T00:00:00Z,\n"
TAOBAO = "1,2268318,2520377,pv,1511544070\n"
REES46 = "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session\n"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as opened:
        yield opened


def refuse(
    store: Store,
    tmp_path: Path,
    content: bytes | str | None,
    error: type[InputError],
    name: str = "propensity",
) -> str:
    """Ingest a file of this content, expect the error, an empty store and a message that says what to do."""
    path = tmp_path / "log.csv"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return refuse_path(store, str(path), error, name=name)


def refuse_path(store: Store, path: str, error: type[InputError], name: str = "propensity") -> str:
    with pytest.raises(InputError) as caught:
        ingest([path], log_format=FORMATS[name], store=store, now=NOW, max_refused_share=0.05)
    assert type(caught.value) is error
    assert store.events.summary().events == 0
    assert not store.refused.counts()
    assert not store.ingests.latest(1)
    message = str(caught.value)
    assert message.endswith(".")
    assert message.count(". ") >= 1
    return message


@pytest.mark.parametrize("content", [b"", b"\n\r\n\n", gzip.compress(b"", mtime=0)])
def test_an_empty_file(store: Store, tmp_path: Path, content: bytes) -> None:
    refuse(store, tmp_path, content, EmptyInput)


def test_a_header_without_rows(store: Store, tmp_path: Path) -> None:
    refuse(store, tmp_path, OURS, HeaderOnly)


def test_a_parquet_file_without_rows(store: Store, tmp_path: Path) -> None:
    columns = dict.fromkeys(OURS.strip().split(","), pl.String)
    pl.DataFrame(schema=columns).write_parquet(tmp_path / "log.parquet")
    refuse_path(store, str(tmp_path / "log.parquet"), HeaderOnly)


@pytest.mark.parametrize(
    ("content", "named", "likely"),
    [
        (TAOBAO, "propensity", "taobao"),
        (TAOBAO, "rees46", "taobao"),
        (REES46, "taobao", "rees46"),
        (REES46, "propensity", "rees46"),
        (OURS + GOOD, "rees46", "propensity"),
        (OURS + GOOD, "taobao", "propensity"),
        ("timestamp,visitorid,event,itemid,transactionid\n", "taobao", "retailrocket"),
        ("timestamp,visitorid,event,itemid,transactionid\n", "propensity", "retailrocket"),
    ],
)
def test_a_log_of_another_format_is_recognised(
    store: Store, tmp_path: Path, content: str, named: str, likely: str
) -> None:
    message = refuse(store, tmp_path, content, WrongFormat, named)
    assert f"It looks like --format {likely}." in message
    assert "found" in message
    assert "wanted" in message


def test_a_header_that_nobody_knows_names_what_is_missing(store: Store, tmp_path: Path) -> None:
    message = refuse(store, tmp_path, "a;b;c\n1;2;3\n", WrongFormat)
    assert "has no user_id, event_type, event_time; found a;b;c" in message
    assert "--map" in message


@pytest.mark.parametrize("again", ["user_id", "price"])
def test_a_header_that_names_a_column_twice(store: Store, tmp_path: Path, again: str) -> None:
    header = f"extra,{OURS.strip()},{again}\n"
    path = tmp_path / "log.csv"
    path.write_text(header + "x,u,view,2020-01-01T00:00:00Z,,v\n")
    columns = {"user_id": "user_id", "event_type": "event_type", "event_time": "event_time", "price": "price"}
    with pytest.raises(WrongFormat, match=rf"log\.csv names {again} twice in its header\. Rename"):
        ingest([str(path)], log_format=custom_format(columns), store=store, now=NOW, max_refused_share=0.05)
    assert store.events.summary().events == 0


@pytest.mark.parametrize("name", ["", "note"])
def test_a_column_that_is_not_read_may_stand_there_twice(store: Store, tmp_path: Path, name: str) -> None:
    path = tmp_path / "log.csv"
    path.write_text(f"{name},{OURS.strip()},{name}\n,u,view,2020-01-01T00:00:00Z,,\n")
    columns = {"user_id": "user_id", "event_type": "event_type", "event_time": "event_time"}
    ingest([str(path)], log_format=custom_format(columns), store=store, now=NOW, max_refused_share=0.05)
    assert store.events.summary().events == 1


@pytest.mark.parametrize("rows", [1, 1_000_000])
def test_line_ends_of_old_macs_are_named(store: Store, tmp_path: Path, rows: int) -> None:
    message = refuse(store, tmp_path, (OURS + GOOD * rows).replace("\n", "\r"), NotText)
    assert "ends its lines with a carriage return alone, as old Macs did. Convert it first: " in message


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16"])
def test_utf_16_is_named_with_and_without_its_mark(store: Store, tmp_path: Path, encoding: str) -> None:
    message = refuse(store, tmp_path, (OURS + GOOD * 3).encode(encoding), NotText)
    assert "is UTF-16 text. Convert it first: iconv -f UTF-16" in message
    if encoding != "utf-16":
        assert f"-f {encoding.upper().replace('-LE', 'LE').replace('-BE', 'BE')} " in message


def test_rows_that_all_fail_alike_are_of_another_format(store: Store, tmp_path: Path) -> None:
    message = refuse(store, tmp_path, TAOBAO.replace(",", "\t") * 20, WrongFormat, "taobao")
    assert "20 x field_count" in message


def test_a_map_to_columns_that_are_not_there(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(OURS + GOOD)
    columns = {"user_id": "user_id", "event_type": "event_type", "event_time": "event_time", "price": "prize"}
    with pytest.raises(WrongFormat, match="has no prize"):
        ingest([str(path)], log_format=custom_format(columns), store=store, now=NOW, max_refused_share=0.05)


def test_a_position_beyond_the_last_field(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("u,view\n")
    by_position = custom_format({"user_id": "0", "event_type": "1", "event_time": "7"})
    with pytest.raises(WrongFormat, match=r"has 2 fields .* column 7"):
        ingest([str(path)], log_format=by_position, store=store, now=NOW, max_refused_share=0.05)


@pytest.mark.parametrize(
    "content",
    [
        bytes(range(256)) * 100,
        b"PK\x03\x04" + bytes(1000),
        OURS.encode("utf-16"),
        (OURS + "zoë,vue,ça\n" * 3).encode("latin-1"),
        gzip.compress((OURS + GOOD * 1000).encode(), mtime=0)[:-20],
        gzip.compress(bytes(1000), mtime=0),
        b"PAR1 is not all there is to it",
        b"x" * (MAX_LINE_BYTES + (33 << 20)),
    ],
    ids=["binary", "zip", "utf-16", "latin-1", "cut gzip", "packed binary", "broken parquet", "endless line"],
)
def test_what_is_no_text(store: Store, tmp_path: Path, content: bytes) -> None:
    refuse(store, tmp_path, content, NotText)


def test_a_tenth_of_the_rows_broken(store: Store, tmp_path: Path) -> None:
    broken = [
        "u,look,2020-01-01T00:00:00Z,\n",
        "u,look,2020-01-01T00:00:00Z,\n",
        "u,view,never,\n",
        "u,view\n",
    ]
    message = refuse(store, tmp_path, OURS + GOOD * 36 + "".join(broken), TooManyRefused)
    assert "4 of 40 rows (10 %) can't be events, where 5 % may be" in message
    assert f"2 x unknown_type (first at {tmp_path / 'log.csv'}:38)" in message
    assert f"1 x bad_time (first at {tmp_path / 'log.csv'}:40)" in message


def test_one_broken_row_in_a_hundred_is_borne(store: Store, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(OURS + GOOD * 99 + "u,look,,\n")
    summary = ingest(
        [str(tmp_path / "log.csv")],
        log_format=FORMATS["propensity"],
        store=store,
        now=NOW,
        max_refused_share=0.01,
    )
    assert (summary.rows, summary.refused) == (100, {"unknown_type": 1})


def test_events_in_the_future(store: Store, tmp_path: Path) -> None:
    message = refuse(store, tmp_path, OURS + GOOD + "u,view,2040-01-01T00:00:00Z,\n" * 9, EventsInFuture)
    assert "9 x future" in message
    assert "time zone" in message


def test_one_broken_file_keeps_the_good_ones_of_its_run_out_too(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "a.csv").write_text(OURS + GOOD)
    (folder / "b.csv").write_bytes(bytes(100))
    assert "b.csv" in refuse_path(store, str(folder), NotText)


def test_nothing_at_the_path(store: Store, tmp_path: Path) -> None:
    assert "log.csv" in refuse(store, tmp_path, None, InputMissing)


def test_a_folder_without_files(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    (folder / ".hidden").touch()
    refuse_path(store, str(folder), InputMissing)


def test_an_address_nobody_can_open_is_named_without_its_password(store: Store) -> None:
    message = refuse_path(store, "nosuch://me:secret@shop/log.csv?signature=abc", InputMissing)
    assert "nosuch://shop/log.csv" in message
    assert "secret" not in message
    assert "abc" not in message
