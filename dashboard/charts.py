"""The plots, in one palette that reads on white and on dark: blue is the model, orange what it is compared with.

Colours are Okabe and Ito's idea (told apart with any colour vision) in middle tones; grey is what needs no model. A
frame comes in long form, and each chart names its axes with their units.
"""

from collections.abc import Sequence
from typing import Any, Final

import altair as alt
import pandas as pd
import streamlit as st

from dashboard.connections import now
from dashboard.wording import zone_name

BLUE: Final = "#2F86D6"
ORANGE: Final = "#D97B00"
GREEN: Final = "#1A9E75"
PURPLE: Final = "#A05EB5"
RED: Final = "#D1495B"
GREY: Final = "#7C838D"
PALETTE: Final = (BLUE, ORANGE, GREEN, PURPLE, RED, GREY)
HEIGHT: Final = 260
Drawn = alt.Chart | alt.LayerChart | alt.FacetChart


def show(chart: Drawn, *, alt_text: str, height: int = HEIGHT) -> None:
    """Draw a chart as wide as its box."""
    st.altair_chart(chart.properties(height=height), width="stretch", alt=alt_text)


def colours(names: Sequence[str], palette: Sequence[str] = PALETTE) -> alt.Scale:
    """Return a scale that gives names their colours in order."""
    return alt.Scale(domain=list(names), range=list(palette[: len(names)]))


def by_colour(column: str, names: Sequence[str], palette: Sequence[str] = PALETTE) -> alt.Color:
    """Return an encoding of a series with its legend above the plot, where it takes no width."""
    return alt.Color(
        f"{column}:N",
        scale=colours(names, palette),
        sort=list(names),
        legend=alt.Legend(orient="top", title=None, columns=3, labelLimit=190, symbolOpacity=1)
        if len(names) > 1
        else None,
    )


def lines(
    frame: pd.DataFrame,
    *,
    x: Any,
    y: Any,
    series: str,
    names: Sequence[str],
    palette: Sequence[str] = PALETTE,
    points: bool = False,
) -> Any:
    """Return one line for each name of a series."""
    mark = alt.Chart(frame).mark_line(point={"size": 36} if points else False, strokeWidth=2)
    return mark.encode(x=x, y=y, color=by_colour(series, names, palette), tooltip=list(frame.columns))


def band(frame: pd.DataFrame, *, x: Any, low: str, high: str, colour: str = BLUE) -> Any:
    """Return the interval around a line."""
    return alt.Chart(frame).mark_area(opacity=0.18, color=colour).encode(x=x, y=f"{low}:Q", y2=f"{high}:Q")


def bars(frame: pd.DataFrame, *, x: Any, y: Any, colour: str = BLUE) -> Any:
    """Return bars of one colour."""
    mark = alt.Chart(frame).mark_bar(color=colour, cornerRadiusEnd=2)
    return mark.encode(x=x, y=y, tooltip=list(frame.columns))


def rule(*, x: float | None = None, y: float | None = None, colour: str = GREEN, dashed: bool = True) -> Any:
    """Return a line across the plot at a value."""
    place = {"x": alt.X("at:Q")} if x is not None else {"y": alt.Y("at:Q")}
    frame = pd.DataFrame({"at": [x if x is not None else y]})
    return (
        alt.Chart(frame)
        .mark_rule(color=colour, strokeDash=[6, 4] if dashed else [1, 0], size=2)
        .encode(**place)
    )


def diagonal(*, top: float = 1.0, falling: bool = False) -> Any:
    """Return the line of chance, or of perfection, from corner to corner."""
    frame = pd.DataFrame({"x": [0.0, top], "y": [top, 0.0] if falling else [0.0, top]})
    return alt.Chart(frame).mark_line(color=GREY, strokeDash=[3, 3]).encode(x="x:Q", y="y:Q")


def time_axis(column: str = "time") -> alt.X:
    """Return a horizontal axis of time, as the viewer's clock shows it, with that clock's zone for its title."""
    return alt.X(
        f"{column}:T",
        title=zone_name(now()),
        axis=alt.Axis(
            labelOverlap=True,
            grid=False,
            format="%a %H:%M",
            tickCount=8,
            labelFlush=30,
            titleFontWeight="normal",
        ),
    )


def amount(column: str, title: str, *, percent: bool = False, zero: bool = True) -> alt.Y:
    """Return a vertical axis."""
    return alt.Y(
        f"{column}:Q", title=title, scale=alt.Scale(zero=zero), axis=alt.Axis(format="%" if percent else "~s")
    )
