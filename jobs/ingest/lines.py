"""A text in blocks of whole lines, and the lines of a block as a column, so that memory does not grow with the file.

A block is cut at a newline and split there and nowhere else: line numbers stay exact whatever stands in a line, and a
row that runs over two lines is refused in both instead of swallowing what follows it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import BinaryIO, Final

import polars as pl

from propensity.errors import NotText
from propensity.events import Reason

BLOCK_BYTES: Final = 4 << 20
"""What is parsed at once; that takes some ten times as much memory, and larger blocks are no faster."""
MAX_LINE_BYTES: Final = 16 << 20
BOM: Final = b"\xef\xbb\xbf"
BINARY_CHECK_BYTES: Final = 64 << 10
"""How far from the start a zero byte says that a file is binary; later ones are a fault of their line."""


@dataclass(frozen=True)
class Block:
    """Whole lines of a text."""

    data: bytes
    before: int = 0
    """Lines of the text that stand before them."""
    start: int = 0
    """Bytes of the text that stand before them."""

    @cached_property
    def height(self) -> int:
        """How many lines there are, empty ones too."""
        return self.newlines + (not self.data.endswith(b"\n") and self.data != b"")

    @cached_property
    def newlines(self) -> int:
        """How many of them are ended."""
        return self.data.count(b"\n")

    def take_first(self) -> tuple[str, "Block"]:
        """Return the first line that is not empty, and the rest; an empty line where there is none."""
        rest = self
        while rest.data:
            line, _, data = rest.data.partition(b"\n")
            rest = Block(data, rest.before + 1, rest.start + len(rest.data) - len(data))
            if first := line.removesuffix(b"\r"):
                return first.decode(errors="backslashreplace"), rest
        return "", rest

    def beyond(self, size: int) -> "Block":
        """Return the lines that stand after the first `size` bytes of the text, where a line ends."""
        cut = min(max(size - self.start, 0), len(self.data))
        return Block(self.data[cut:], self.before + self.data[:cut].count(b"\n"), self.start + cut)


def read_blocks(stream: BinaryIO, *, name: str, block_bytes: int = BLOCK_BYTES) -> Iterator[Block]:
    """Yield a text in blocks; NotText where the stream holds something else than lines of UTF-8."""
    before = start = 0
    for data in _pieces(stream, name=name, size=block_bytes):
        if not before:
            _expect_text(data[:BINARY_CHECK_BYTES], name)
            _expect_newlines(data, name)
            text = data.removeprefix(BOM)
            block = Block(text, start=len(data) - len(text))
            _expect_utf8(block, name)
        else:
            block = Block(data, before, start)
        yield block
        before += block.height
        start += len(data)


def read_lines(stream: BinaryIO, *, name: str, block_bytes: int = BLOCK_BYTES) -> Iterator[pl.DataFrame]:
    """Yield the lines of a text as `split` does, block by block."""
    return map(split, read_blocks(stream, name=name, block_bytes=block_bytes))


def split(block: Block) -> pl.DataFrame:
    """Return the lines that are not empty, with columns line (1-based), raw and fault (`not_utf8` or null)."""
    data = block.data.removesuffix(b"\n")
    try:
        raw = pl.Series("raw", [data.decode()]).str.split("\n").explode(empty_as_null=False)
        fault: pl.Series | pl.Expr = pl.lit(None, pl.String).alias("fault")
    except UnicodeDecodeError:
        raw, fault = _split_doubtful(data)
    if b"\r" in data:
        raw = raw.str.strip_suffix("\r")
    lines = pl.DataFrame(raw).with_columns(fault).with_row_index("line", offset=block.before + 1)
    return lines.filter(pl.col("raw") != "")


def _pieces(stream: BinaryIO, *, name: str, size: int) -> Iterator[bytes]:
    """Yield pieces of about `size` bytes that end with a line."""
    rest = b""
    while chunk := stream.read(size):
        piece = rest + chunk
        cut = piece.rfind(b"\n") + 1
        rest = piece[cut:]
        if cut:
            yield piece[:cut]
        if len(rest) > MAX_LINE_BYTES:
            _expect_newlines(rest, name)
            raise NotText(
                f"{name} has a line of over {MAX_LINE_BYTES >> 20} MB. Name a log with a line per event."
            )
    if rest:
        yield rest


def _split_doubtful(data: bytes) -> tuple[pl.Series, pl.Series]:
    """Split a block with bytes that are no UTF-8, finding the lines they stand in."""
    raws: list[str] = []
    faults: list[str | None] = []
    for line in data.split(b"\n"):
        try:
            raws.append(line.decode())
            faults.append(None)
        except UnicodeDecodeError:
            raws.append(line.decode(errors="backslashreplace"))
            faults.append(Reason.NOT_UTF8.value)
    return pl.Series("raw", raws, pl.String), pl.Series("fault", faults, pl.String)


def _expect_text(start: bytes, name: str) -> None:
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise NotText(f"{name} is UTF-16 text. Convert it first: iconv -f UTF-16 -t UTF-8.")
    if kind := _unmarked_utf16(start):
        raise NotText(f"{name} is UTF-16 text. Convert it first: iconv -f {kind} -t UTF-8.")
    if b"\0" in start:
        raise NotText(f"{name} is neither text, gzip nor Parquet. Name the event log itself, unpacked.")


def _unmarked_utf16(start: bytes) -> str | None:
    """Tell UTF-16 without a mark by its zero bytes: in a log most characters are ASCII, half of each is zero."""
    even, odd = (start[at::2].count(0) * 2 > len(start[at::2]) for at in (0, 1))
    if even == odd:
        return None
    return "UTF-16BE" if even else "UTF-16LE"


def _expect_newlines(start: bytes, name: str) -> None:
    if b"\n" not in start and b"\r" in start.rstrip(b"\r"):
        raise NotText(
            f"{name} ends its lines with a carriage return alone, as old Macs did. "
            "Convert it first: tr '\\r' '\\n' < old.csv > new.csv."
        )


def _expect_utf8(block: Block, name: str) -> None:
    if block.data.isascii():
        return
    lines = split(block)
    faulty = lines["fault"].count()
    if faulty * 2 > lines.height:
        raise NotText(
            f"{name} is not UTF-8: {faulty:,} of its first {lines.height:,} lines can't be read as such. "
            "Convert it first, for example with iconv -f LATIN1 -t UTF-8."
        )
