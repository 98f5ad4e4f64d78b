"""ops-watchdog: brings database, configuration and images of a Compose project back after a bad deployment."""

__version__ = "0.1.0"
