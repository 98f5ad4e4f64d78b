"""The webhook that alerts go to. Its URL is a secret: it stays in here and never in an error or a log."""

from __future__ import annotations

from datetime import timedelta

from watchdog.adapters.http import post_json
from watchdog.alert.outbox import Response

TIMEOUT = timedelta(seconds=10)


class Webhook:
    """Fulfils `alert.outbox.Messenger`."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def post(self, payload: dict[str, object]) -> Response:
        answer = await post_json(self._url, payload, TIMEOUT)
        return Response(answer.status, answer.body, answer.retry_after)
