"""The database step: dumped beside the live one, restored beside it, and swapped in by rename."""

from watchdog.database.contents import hashes_for
from watchdog.database.displaced import open_read_only
from watchdog.database.facts import DatabaseFacts, blockers, inspect, room
from watchdog.database.fence import end_backends, unfence
from watchdog.database.fingerprint import schema_fingerprint
from watchdog.database.names import displaced_name, side_name
from watchdog.database.ports import Cluster, Format, Session
from watchdog.database.properties import Properties, apply_properties, read_properties
from watchdog.database.restore import discard_side, restore_beside
from watchdog.database.swap import Swap, SwapState, observe, swap

__all__ = [
    "Cluster",
    "DatabaseFacts",
    "Format",
    "Properties",
    "Session",
    "Swap",
    "SwapState",
    "apply_properties",
    "blockers",
    "discard_side",
    "displaced_name",
    "end_backends",
    "hashes_for",
    "inspect",
    "observe",
    "open_read_only",
    "read_properties",
    "restore_beside",
    "room",
    "schema_fingerprint",
    "side_name",
    "swap",
    "unfence",
]
