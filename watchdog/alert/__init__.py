"""Alerts: what people must hear of, kept in an outbox until it has been delivered."""

from watchdog.alert.alert import Alert, Level

__all__ = ["Alert", "Level"]
