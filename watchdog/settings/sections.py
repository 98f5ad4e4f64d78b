"""The top of the configuration: what belongs to the daemon itself, and the stacks."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from watchdog.settings.fields import (
    AbsolutePath,
    EngineHost,
    HostAndPort,
    SecretUrl,
    Section,
    StackName,
    UrlFile,
    read_secret,
)
from watchdog.settings.stacks import StackSection


class DockerSection(Section):
    """Without a host, DOCKER_HOST decides, then this default."""

    host: EngineHost = "unix:///var/run/docker.sock"


class LogSection(Section):
    """`auto`: the journal under systemd, a console on a terminal, JSON lines elsewhere."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "journal", "json", "console"] = "auto"


class SlackSection(Section):
    webhook_url: SecretUrl | None = None
    webhook_url_file: UrlFile | None = None

    @model_validator(mode="after")
    def _one_url(self) -> SlackSection:
        if (self.webhook_url is None) == (self.webhook_url_file is None):
            raise ValueError("needs exactly one of webhook_url, webhook_url_file")
        return self

    def webhook(self) -> SecretStr:
        """The URL itself, from whichever key gives it; a file is read again each time (ValueError)."""
        if self.webhook_url is not None:
            return self.webhook_url
        assert self.webhook_url_file is not None, "the validator demands one of both"
        return read_secret(self.webhook_url_file)


class MetricsSection(Section):
    """Left out, none are served. They tell a stranger much and ask for no password: loopback, if you can."""

    listen: HostAndPort = "127.0.0.1:9187"

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def local(self) -> bool:
        """Only this host can ask."""
        host, _ = self.address
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"


class Settings(BaseSettings):
    """The whole configuration, valid in each of its parts. Made by `load`, which also looks across them."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        env_prefix="OPS_WATCHDOG_",
        env_nested_delimiter="__",
    )

    state_dir: AbsolutePath = Path("/var/lib/ops-watchdog")
    socket: AbsolutePath = Path("/run/ops-watchdog/control.sock")
    docker: DockerSection = Field(default_factory=DockerSection)
    log: LogSection = Field(default_factory=LogSection)
    slack: SlackSection | None = None
    metrics: MetricsSection | None = None
    stacks: Annotated[dict[StackName, StackSection], Field(min_length=1)]

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # `load` merges file and environment itself: only it knows where each value came from.
        return (init_settings,)
