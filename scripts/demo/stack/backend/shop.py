"""The backend of the demo product: `shop.py migrate` and `shop.py serve`.

One program for every version: SHOP_VERSION and SHOP_BREAKAGE are baked into the
image, so that what breaks is the image and not its surroundings.
"""

import os
import sys

from breakages import break_on_purpose
from database import connect
from migrations import migrate
from server import serve

VERSION = os.environ["SHOP_VERSION"]
BREAKAGE = os.environ["SHOP_BREAKAGE"]


def main(command: str) -> int:
    if command == "migrate":
        return migrate(connect(), VERSION, fails_halfway=BREAKAGE == "migration")
    if command == "serve":
        break_on_purpose(BREAKAGE)
        serve(VERSION, turns_bad=BREAKAGE == "health")
        return 0
    print(f"unknown command {command}: migrate or serve", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
