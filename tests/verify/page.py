"""What was measured, written into a page of the docs by the command that measured it, between two marks."""

from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def write(name: str, text: str) -> None:
    """Put a text between the marks of a page."""
    page = (DOCS / name).read_text(encoding="utf-8")
    before, after = page.split(BEGIN)[0], page.split(END)[1]
    (DOCS / name).write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")
