from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import MORNING
from watchdog.alert import Alert, Level
from watchdog.alert.slack import escape, message, plain_message

STARTED = Alert(
    "1", "shop", Level.WARNING, "rollback started", "api: HTTP 500", MORNING, (("Backup", "20261120_085900"),)
)


def sections(alert: Alert) -> list[str]:
    """The texts of the blocks, fields included."""
    blocks = message(alert)["blocks"]
    assert isinstance(blocks, list)
    parts = [part for block in blocks for part in ([block["text"]] if "text" in block else block["fields"])]
    return [part["text"] for part in parts]


def test_shows_headline_text_and_fields_with_a_fallback_beside_the_blocks() -> None:
    assert message(STARTED) == {
        "text": "shop: rollback started\napi: HTTP 500\nBackup: 20261120_085900",
        "blocks": [
            {
                "type": "section",
                "text": {"type": "mrkdwn", "text": ":warning: *shop*: rollback started"},
            },
            {"type": "section", "text": {"type": "mrkdwn", "text": "api: HTTP 500"}},
            {"type": "section", "fields": [{"type": "mrkdwn", "text": "*Backup*\n20261120_085900"}]},
        ],
    }


def test_the_plain_message_is_the_fallback_alone() -> None:
    assert plain_message(STARTED) == {"text": message(STARTED)["text"]}


def test_an_alert_without_text_and_fields_is_a_headline() -> None:
    assert sections(replace(STARTED, text="", fields=())) == [":warning: *shop*: rollback started"]


@pytest.mark.parametrize(
    ("level", "mark"),
    [(Level.INFO, ":white_check_mark:"), (Level.WARNING, ":warning:"), (Level.CRITICAL, ":rotating_light:")],
)
def test_the_level_is_seen_at_a_glance(level: Level, mark: str) -> None:
    assert sections(replace(STARTED, level=level))[0].startswith(mark)


@pytest.mark.parametrize(
    ("raw", "escaped"),
    [
        ("<!channel> & co", "&lt;!channel&gt; &amp; co"),
        ("&lt;", "&amp;lt;"),
        ("<https://evil|click>", "&lt;https://evil|click&gt;"),
    ],
)
def test_nothing_in_a_text_becomes_markup(raw: str, escaped: str) -> None:
    assert escape(raw) == escaped
    alert = replace(STARTED, title=raw, text=raw, fields=((raw, raw),))
    assert all(escaped in text and raw not in text for text in sections(alert))
    assert escaped in str(plain_message(alert)["text"])


@given(
    text=st.text(max_size=4000), fields=st.lists(st.tuples(st.text(max_size=2500), st.text(max_size=2500)))
)
def test_no_alert_is_too_large_for_slack(text: str, fields: list[tuple[str, str]]) -> None:
    alert = replace(STARTED, title=text, text=text, fields=tuple(fields))
    payload = message(alert)
    blocks = payload["blocks"]
    assert isinstance(blocks, list)
    assert len(str(payload["text"])) <= 3000
    assert all(len(block["text"]["text"]) <= 3000 for block in blocks if "text" in block)
    assert all(len(block["fields"]) <= 10 for block in blocks if "fields" in block)
    assert all(len(field["text"]) <= 2000 for block in blocks for field in block.get("fields", ()))
    assert all("<" not in text and ">" not in text for text in sections(alert))
