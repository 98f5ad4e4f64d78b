import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from watchdog.adapters import logs

SECRET = "hunter2"


@pytest.fixture(autouse=True)
def ordinary_logging_afterwards() -> Iterator[None]:
    """What `configure` sets is the process's own."""
    levels = {name: logging.getLogger(name).level for name in logs.NOISY}
    yield
    structlog.reset_defaults()
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def entry(event: str, level: str = "info", /, **fields: object) -> bytes:
    """What journald would get, from the chain that `configure` has set up."""
    logs.configure("info", "journal")
    encode = structlog.get_config()["processors"][-1]
    (datagram,), _ = encode(None, level, {"event": event, "level": level, "timestamp": "now", **fields})
    return bytes(datagram)


def decoded(datagram: bytes) -> dict[str, str]:
    """journald's own reading: `KEY=value` lines, or KEY, eight bytes of length, value."""
    fields = {}
    while datagram:
        line, _, rest = datagram.partition(b"\n")
        key, equals, value = line.partition(b"=")
        if not equals:
            size = int.from_bytes(rest[:8], "little")
            value, rest = rest[8 : 8 + size], rest[8 + size + 1 :]
        fields[key.decode()] = value.decode()
        datagram = rest
    return fields


def test_every_key_of_an_event_is_a_field_of_its_own() -> None:
    assert decoded(entry("step_finished", step="preflight", seconds=0.25, operation="o1")) == {
        "MESSAGE": "step_finished step=preflight seconds=0.25 operation=o1",
        "PRIORITY": "6",
        "SYSLOG_IDENTIFIER": "ops-watchdog",
        "EVENT": "step_finished",
        "STEP": "preflight",
        "SECONDS": "0.25",
        "OPERATION": "o1",
    }


@pytest.mark.parametrize(
    ("level", "priority"),
    [("critical", "2"), ("error", "3"), ("warning", "4"), ("info", "6"), ("debug", "7")],
)
def test_levels_become_syslogs_priorities(level: str, priority: str) -> None:
    assert decoded(entry("x", level))["PRIORITY"] == priority


def test_text_of_several_lines_is_sent_with_its_length() -> None:
    datagram = entry("step_failed", reason="first\nsecond=2\n")
    assert b"REASON\n\x0f\x00\x00\x00\x00\x00\x00\x00first\nsecond=2\n\n" in datagram
    assert decoded(datagram)["REASON"] == "first\nsecond=2\n"


def test_a_traceback_is_a_field_and_no_part_of_the_message() -> None:
    fields = decoded(entry("fault", "error", exception="Traceback:\n  boom"))
    assert fields["MESSAGE"] == "fault"
    assert fields["EXCEPTION"] == "Traceback:\n  boom"


KEYS = st.text(min_size=1, max_size=20).filter(
    lambda key: key.casefold() not in {"event", "level", "timestamp"}
)


@given(st.dictionaries(KEYS, st.text() | st.integers() | st.none() | st.lists(st.text()), max_size=4))
def test_every_field_name_is_one_that_journald_takes(fields: dict[str, object]) -> None:
    keys = decoded(entry("x", **fields))
    assert all(key.isascii() and key.replace("_", "A").isalnum() and key.upper() == key for key in keys)
    assert not any(key.startswith(("_", *"0123456789")) for key in keys)


@given(st.text(), st.text())
def test_any_text_reaches_the_journal_as_it_was(event: str, value: str) -> None:
    fields = decoded(entry(event, value=value))
    assert (fields["EVENT"], fields["VALUE"]) == (event, value)


def fail_with_a_secret_nearby() -> None:
    password = SECRET
    try:
        try:
            raise OSError(len(password))
        except OSError as error:
            raise ValueError("wrong") from error
    except ValueError:
        structlog.get_logger().exception("fault", stack="shop")


@pytest.mark.parametrize("style", ["json", "journal", "console"])
def test_a_traceback_holds_no_locals(capsys: pytest.CaptureFixture[str], style: str) -> None:
    logs.configure("info", style)
    fail_with_a_secret_nearby()
    written = capsys.readouterr().err
    assert SECRET not in written
    assert style == "journal" or "ValueError" in written


def test_json_lines_carry_level_moment_and_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "json")
    fail_with_a_secret_nearby()
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["level"], line["stack"]) == ("fault", "error", "shop")
    assert line["timestamp"].endswith("Z")
    assert [e["exc_type"] for e in line["exception"]] == ["ValueError", "OSError"]


def test_what_is_bound_to_the_context_is_in_every_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "json")
    with structlog.contextvars.bound_contextvars(operation="o1"):
        structlog.get_logger().info("x")
    assert json.loads(capsys.readouterr().err)["operation"] == "o1"


def test_lines_below_the_level_are_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("warning", "json")
    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud")
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == ["loud"]


@pytest.mark.parametrize("name", ["httpx", "httpcore"])
def test_a_request_is_not_logged_because_its_url_is_a_secret(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    logs.configure("debug", "json")
    logging.getLogger(name).info("HTTP Request: POST https://hooks.example/T0/%s", SECRET)
    assert caplog.records == []


def test_on_a_terminal_the_name_of_the_stack_stands_in_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "console")
    structlog.get_logger().info("armed", stack="shop", reasons=[])
    (line,) = capsys.readouterr().err.splitlines()
    assert "shop: armed" in line
