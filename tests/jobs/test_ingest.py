"""Logs of every kind into a real store: what is kept, what is refused, and that again changes nothing."""

import gzip
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import fsspec
import polars as pl
import pytest

from jobs.ingest import IngestSummary, ingest
from propensity.events import Event
from propensity.events.formats import FORMATS, LogFormat, custom_format
from propensity.store.opening import open_store
from propensity.store.protocol import Store

NOW = 1_700_000_000_000_000
HEADER = "event_id,user_id,event_type,event_time,product_id,category_id,price,session_id\n"
SHOP = custom_format(
    {"user_id": "who", "event_type": "what", "event_time": "ts", "price": "price"}, time_unit="s"
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as opened:
        yield opened


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log.csv"


def take(store: Store, *paths: Path | str, log_format: LogFormat = SHOP, share: float = 1.0) -> IngestSummary:
    named = [str(path) for path in paths]
    return ingest(
        named, log_format=log_format, store=store, now=NOW, max_refused_share=share, allow_unchanged=True
    )


def stored(store: Store) -> list[Event]:
    return [event for chunk in store.events.scan(since=0, until=1 << 60) for event in chunk]


def rows(*lines: str) -> str:
    return "who,what,ts,price\n" + "".join(f"{line}\n" for line in lines)


def test_the_taobao_log_gives_its_exact_counts_and_one_refused_row(store: Store, taobao_log: Path) -> None:
    summary = take(store, taobao_log, log_format=FORMATS["taobao"], share=0.05)
    assert (summary.rows, summary.inserted, summary.refused) == (84_476, 84_475, {"field_count": 1})
    types = Counter(event.event_type for event in stored(store))
    assert types == {"view": 75_872, "cart": 4_497, "favorite": 2_356, "purchase": 1_750}
    (refusal,) = store.refused.latest(10)
    assert (refusal.line, refusal.reason, refusal.raw) == (84_476, "field_count", "100370,1968385,1875258,pv")


def test_the_taobao_log_again_sorted_renamed_and_packed_changes_nothing(
    store: Store, taobao_log: Path, tmp_path: Path
) -> None:
    lines = taobao_log.read_text().splitlines()[:20_000]
    first, second = tmp_path / "first.csv", tmp_path / "second.csv.gz"
    first.write_text("\n".join(lines))
    second.write_bytes(gzip.compress("\r\n".join(sorted(lines, reverse=True)).encode()))
    take(store, first, log_format=FORMATS["taobao"])
    before = stored(store)
    again = take(store, second, log_format=FORMATS["taobao"])
    assert (again.inserted, again.unchanged) == (0, 20_000)
    assert stored(store) == before


def test_the_rees46_sample_gives_a_thousand_events_with_prices_in_minor_units(
    store: Store, rees46_log: Path
) -> None:
    summary = take(store, rees46_log, log_format=FORMATS["rees46"], share=0)
    assert (summary.rows, summary.inserted, summary.refused) == (1_000, 1_000, {})
    first = next(event for event in stored(store) if event.user_id == "541312140")
    assert first[1:] == (
        *("541312140", "view", 1_569_888_000_000_000, "44600062", "2103807459595387724", 3_579),
        *("72d76fde-8bb3-4e00-8c23-a032dfed738c", None),
    )


def test_a_retailrocket_log_is_read(store: Store, log: Path) -> None:
    log.write_text(
        "timestamp,visitorid,event,itemid,transactionid\n"
        "1433221332117,257597,view,355908,\n1433224214164,992329,addtocart,248676,\n"
        "1433221999827,111016,transaction,318965,4000\n"
    )
    take(store, log, log_format=FORMATS["retailrocket"], share=0)
    assert [event[1:5] for event in stored(store)] == [
        ("111016", "purchase", 1_433_221_999_827_000, "318965"),
        ("257597", "view", 1_433_221_332_117_000, "355908"),
        ("992329", "cart", 1_433_224_214_164_000, "248676"),
    ]


def test_our_own_format_keeps_its_ids_and_may_leave_columns_out(store: Store, log: Path) -> None:
    log.write_text("user_id,event_time,event_type,event_id\nu,2020-01-01T00:00:00.5Z,view,mine\n")
    take(store, log, log_format=FORMATS["propensity"], share=0)
    assert stored(store) == [Event("mine", "u", "view", 1_577_836_800_500_000)]


def test_a_log_without_header_is_read_by_position(store: Store, log: Path) -> None:
    log.write_text("1511544070;x;u1;kauf\n1511544071;x;u2;view\n")
    by_position = custom_format(
        {"user_id": "2", "event_type": "3", "event_time": "0"},
        {"kauf": "purchase"},
        time_unit="s",
        delimiter=";",
    )
    take(store, log, log_format=by_position, share=0)
    assert [event[1:3] for event in stored(store)] == [("u1", "purchase"), ("u2", "view")]


def test_two_equal_clicks_stay_two_clicks_and_a_longer_export_adds_only_the_rest(
    store: Store, tmp_path: Path
) -> None:
    short, longer = tmp_path / "monday.csv", tmp_path / "tuesday.csv"
    short.write_text(rows("u,view,1600000000,", "u,view,1600000000,", "v,cart,1600000001,2.50"))
    longer.write_text(
        rows("v,cart,1600000001,2.5", *["u,view,1600000000,"] * 2, "u,view,1600000002,", "w,view,1600000003,")
    )
    assert take(store, short).inserted == 3
    assert sorted(event.event_id[32:] for event in stored(store)) == ["", "", ".1"]
    summary = take(store, longer)
    assert (summary.inserted, summary.unchanged) == (2, 3)


def test_another_source_is_another_feed(store: Store, log: Path) -> None:
    log.write_text(rows("u,view,1600000000,"))
    for source in ("web", "app", "web"):
        ingest(
            [str(log)],
            log_format=SHOP,
            store=store,
            now=NOW,
            max_refused_share=0,
            source=source,
            allow_unchanged=True,
        )
    assert len(stored(store)) == 2


def test_a_file_named_twice_counts_once(store: Store, log: Path) -> None:
    log.write_text(rows("u,view,1600000000,"))
    summary = take(store, log, log.parent / "." / log.name, f"file://{log}")
    assert (summary.files, summary.rows, summary.inserted) == (1, 1, 1)


def test_refused_rows_keep_their_line_their_reason_and_their_text(store: Store, log: Path) -> None:
    log.write_bytes(
        b"\xef\xbb\xbfwho,what,ts,price\r\n"
        b"u,view,1600000000,1\r\n"
        b"\r\n"
        b"u,view,1600000000\r\n"
        b",view,1600000000,1\r\n"
        b'"u,1",view,1600000000,"1.50"\r\n'
        b'u,view,1600000000,"over\r\n'
        b'two lines"\r\n'
        b"u\xff,view,1600000000,1\r\n"
        b"u,look,1600000000,1\r\n"
        b"u,view,never,1\r\n"
        b"u,view,1800000000,1\r\n"
        b"u,view,1600000000,-1\r\n"
        b"u,view,1600000000,1,5\r\n"
        b"u,view,1600000000,free"
    )
    summary = take(store, log)
    kept = {refusal.line: (refusal.reason, refusal.raw) for refusal in store.refused.latest(100)}
    assert kept == {
        4: ("field_count", "u,view,1600000000"),
        5: ("missing_user", ",view,1600000000,1"),
        7: ("field_count", 'u,view,1600000000,"over'),
        8: ("field_count", 'two lines"'),
        9: ("not_utf8", "u\\xff,view,1600000000,1"),
        10: ("unknown_type", "u,look,1600000000,1"),
        11: ("bad_time", "u,view,never,1"),
        12: ("future", "u,view,1800000000,1"),
        13: ("negative_price", "u,view,1600000000,-1"),
        14: ("field_count", "u,view,1600000000,1,5"),
        15: ("bad_price", "u,view,1600000000,free"),
    }
    assert summary.rows == 13
    assert sum(summary.refused.values()) == 11
    assert [(event.user_id, event.price) for event in stored(store)] == [("u", 100), ("u,1", 150)]


def test_refused_rows_refused_again_are_kept_once(store: Store, log: Path) -> None:
    log.write_text(rows("u,view,1600000000,", "u,look,1600000000,"))
    take(store, log)
    log.write_text(log.read_text() + "v,view,1600000000,\n")
    assert take(store, log).refused == {"unknown_type": 1}
    assert store.refused.counts() == {"unknown_type": 1}


def test_the_same_id_with_other_content_is_a_conflict_with_its_line(store: Store, log: Path) -> None:
    log.write_text(
        HEADER
        + "e1,a,view,1600000000000000,,,,\n"
        + "e1,a,cart,1600000000000000,,,,\n"
        + "e1,a,view,1600000000000000,,,,\n"
    )
    summary = take(store, log, log_format=FORMATS["propensity"])
    assert (summary.inserted, summary.unchanged, summary.refused) == (1, 1, {"conflict": 1})
    (refusal,) = store.refused.latest(5)
    assert (refusal.line, refusal.reason) == (3, "conflict")
    assert refusal.raw == "e1,a,cart,1600000000000000,,,,"
    assert [event.event_type for event in stored(store)] == ["view"]


def test_parquet_is_known_by_its_bytes_and_gives_the_ids_its_csv_gives(store: Store, tmp_path: Path) -> None:
    csv, parquet = tmp_path / "a.csv", tmp_path / "export"
    csv.write_text(rows("7,view,1600000000,0.29", "8,cart,1600000000,", "8,cart,1600000000,35.79"))
    frame = pl.DataFrame(
        {
            "who": [7.0, 8.0, 8.0, None],
            "what": ["view", "cart", "cart", "view"],
            "ts": [1_600_000_000] * 4,
            "price": [0.29, None, 35.79, 1.0],
        }
    )
    frame.with_columns(pl.from_epoch("ts")).write_parquet(parquet)
    take(store, csv)
    before = stored(store)
    summary = take(store, parquet)
    assert (summary.rows, summary.unchanged, summary.refused) == (4, 3, {"missing_user": 1})
    assert stored(store) == before
    assert store.refused.latest(1)[0].line == 4


def test_a_folder_is_read_with_all_its_files_but_hidden_ones(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    (folder / "2024" / ".tmp").mkdir(parents=True)
    (folder / "b.csv").write_text(rows("u,view,1600000000,"))
    (folder / "2024" / "a.csv.gz").write_bytes(gzip.compress(rows("v,view,1600000001,").encode()))
    (folder / "2024" / "quiet.csv").write_text("who,what,ts,price\n")
    (folder / "_SUCCESS").touch()
    (folder / ".a.csv.crc").write_bytes(b"\0crc")
    (folder / "2024" / ".tmp" / "half.csv").write_bytes(b"\0half")
    summary = take(store, folder, share=0)
    assert (summary.files, summary.inserted) == (3, 2)
    files = [Path(record.file).name for record in store.ingests.latest(5)]
    assert sorted(files) == ["a.csv.gz", "b.csv", "quiet.csv"]


def test_what_fsspec_opens_is_read(store: Store) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe("/shop/log.csv", rows("u,view,1600000000,", "u,look,1600000000,").encode())
    summary = take(store, "memory://shop/log.csv")
    assert summary.inserted == 1
    assert store.refused.latest(1)[0].file == "memory:///shop/log.csv"


def test_every_file_leaves_a_record(store: Store, log: Path) -> None:
    log.write_text(rows("u,view,1600000000,", "u,look,1600000000,"))
    take(store, log)
    (record,) = store.ingests.latest(5)
    assert (record.source, record.rows, record.inserted, record.unchanged) == ("custom", 2, 1, 0)
    assert record.refused == {"unknown_type": 1}
    assert (record.first_time, record.last_time) == (1_600_000_000_000_000, 1_600_000_000_000_000)


def test_progress_starts_low_never_falls_and_ends_full(store: Store, log: Path) -> None:
    log.write_text(rows(*[f"u{number},view,1600000000," for number in range(60_000)]))
    told: list[tuple[int, int]] = []
    ingest(
        [str(log)],
        log_format=SHOP,
        store=store,
        now=NOW,
        max_refused_share=0,
        progress=lambda done, total: told.append((done, total)),
    )
    size = log.stat().st_size
    assert told == sorted(told)
    assert {total for _, total in told} == {size}
    assert told[0][0] <= size // 2
    assert told[-1][0] == size
