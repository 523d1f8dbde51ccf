"""What every page is made of: its head, its boxes, and what stands there when something is empty or away.

A box catches what its own content raises, so that a registry that is away empties one box and not the page.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import streamlit as st

from propensity.errors import PropensityError

_MARKS: Final = str.maketrans({mark: f"\\{mark}" for mark in "[]<>$"})


@contextmanager
def told() -> Iterator[None]:
    """Show an error of ours as the sentence it is."""
    try:
        yield
    except PropensityError as error:
        st.error(unmarked(str(error)), icon=":material/error:")


def unmarked(text: str) -> str:
    """Return a sentence that may quote a file's words: no link, picture, colour, icon or formula is made of them."""
    return text.translate(_MARKS)


def head(title: str, said: str) -> None:
    """Begin a page: its name, and one sentence on what it answers."""
    st.title(title, anchor=False)
    st.caption(said)


@contextmanager
def box(title: str, *, about: str = "", note: str = "") -> Iterator[None]:
    """Frame one thing to look at; `about` is its window, `note` what a person needs to read it."""
    with st.container(border=True, height="stretch"):
        st.subheader(title, anchor=False, help=note or None)
        if about:
            st.caption(about)
        with told():
            yield


def empty(what: str, command: str = "") -> None:
    """Say that there is nothing yet, and what to type next."""
    st.info(what, icon=":material/inbox:")
    if command:
        st.code(command, language="bash")
