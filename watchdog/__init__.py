"""ops-watchdog: brings database, configuration and images of a Compose project back together."""

__version__ = "0.1.0"
