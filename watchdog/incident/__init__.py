"""Incidents: the record of a failure and of what was done about it, for the morning after."""

from watchdog.incident.incident import Incident, Moment

__all__ = ["Incident", "Moment"]
