"""The configuration: read whole or refused with every fault at once, then handed on in the domain's words."""

from watchdog.settings.build import StackSettings
from watchdog.settings.load import Configuration, load
from watchdog.settings.sections import Settings

__all__ = ["Configuration", "Settings", "StackSettings", "load"]
