"""An alert as a Slack message: a pure function, so that what Slack gets can be read in a test.

Slack's rules (its incoming-webhook reference): `text` is the fallback and must always be there, `& < >` are
escaped, a section holds at most 3,000 characters and ten fields.
"""

from __future__ import annotations

from watchdog.alert.alert import Alert, Level

SECTION_LIMIT = 2900
FIELD_LIMIT = 10
MARKS = {Level.INFO: ":white_check_mark:", Level.WARNING: ":warning:", Level.CRITICAL: ":rotating_light:"}


def message(alert: Alert) -> dict[str, object]:
    """The JSON payload for an incoming webhook."""
    headline = f"{MARKS[alert.level]} *{escape(alert.stack)}*: {escape(alert.title)}"
    blocks: list[dict[str, object]] = [_section(headline)]
    if alert.text:
        blocks.append(_section(escape(alert.text)))
    if alert.fields:
        blocks.append({"type": "section", "fields": [_field(*pair) for pair in alert.fields[:FIELD_LIMIT]]})
    return {"text": plain_text(alert), "blocks": blocks}


def plain_message(alert: Alert) -> dict[str, object]:
    """The same without blocks, for the second try after `invalid_payload`."""
    return {"text": plain_text(alert)}


def plain_text(alert: Alert) -> str:
    fields = [f"{name}: {value}" for name, value in alert.fields]
    lines = [f"{alert.stack}: {alert.title}", alert.text, *fields]
    return escape("\n".join(line for line in lines if line))[:SECTION_LIMIT]


def escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _section(text: str) -> dict[str, object]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text[:SECTION_LIMIT]}}


def _field(name: str, value: str) -> dict[str, str]:
    return {"type": "mrkdwn", "text": f"*{escape(name)}*\n{escape(value)}"[:1900]}
