"""What stands beside bars and axes of a call's page is short, and fits."""

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest

from ringline.timeline import entries as e
from ringline.timeline import svg
from ringline.timeline.entries import AnyBody, Entry
from ringline.timeline.render_html import page

pytestmark = pytest.mark.unit

START = datetime(2026, 1, 1, tzinfo=UTC)


def entries(*bodies: AnyBody) -> list[Entry]:
    return [
        Entry(number, number, START + timedelta(seconds=number), "leg", "session", body)
        for number, body in enumerate(bodies)
    ]


@pytest.mark.parametrize(
    ("source", "label"),
    [
        ("http://app.test:1234/sounds/chime.wav?token=1", "chime.wav"),
        ("https://app.test/", "app.test"),
        ("speak", "speak"),
        ("shelf/bell", "shelf/bell"),
    ],
)
def test_a_playout_is_called_by_its_file(source: str, label: str) -> None:
    drawn = page(entries(e.PlayoutStarted("p1", source), e.PlayoutEnded("p1", 900, "completed")))
    assert f">{label}</text>" in drawn


def test_a_bridge_is_not_called_by_an_id() -> None:
    drawn = page(entries(e.Bridged("v3:long-and-random"), e.Unbridged("v3:long-and-random")))
    assert ">bridged</text>" in drawn
    assert ">v3:long-and-random</text>" not in drawn


def test_words_are_drawn_while_they_were_said() -> None:
    said = e.SpeechResult("my name is Ann", True, length_ms=1000, lag_ms=500)
    drawn = ElementTree.fromstring(
        page(
            entries(e.StateChanged("answered"), e.StateChanged("answered"), e.StateChanged("answered"), said)
        )
        .partition("<section>")[2]
        .partition("<h2>Timeline</h2>")[2]
        .partition("</section>")[0]
    )
    (words,) = [one for one in drawn.iter("g") if one.get("class") == "speech"]
    assert "known 500 ms after" in (words.findtext("title") or "")
    (bar,) = words.iter("rect")
    one_second = float(bar.get("width") or 0)
    (state, *_) = [one for one in drawn.iter("g") if (one.get("class") or "").startswith("state")]
    assert one_second == pytest.approx(float(next(state.iter("rect")).get("width") or 0), abs=0.2)


@pytest.mark.parametrize("seconds", [2, 10, 20, 20.01, 59.9, 61, 600])
def test_no_time_on_the_axis_is_cut_at_the_edge(seconds: float) -> None:
    scale = svg.Scale(START, START + timedelta(seconds=seconds))
    lane = svg.Lane("state", (svg.Mark(START, None, "up", "state"),))
    drawn = ElementTree.fromstring(svg.lanes([lane], scale))
    times = [one for one in drawn.iter("text") if one.get("class") == "axis"]
    assert times[0].text == "0 s"
    assert all(float(one.get("x") or 0) + svg.CHAR * len(one.text or "") <= svg.WIDTH for one in times)
