"""The container's HEALTHCHECK: plain sockets, since it starts once a second."""

import socket
import sys

with socket.create_connection(("127.0.0.1", 8000), timeout=1.5) as backend:
    backend.sendall(b"GET /api/v1/health HTTP/1.0\r\nHost: localhost\r\n\r\n")
    sys.exit(b" 200 " not in backend.recv(64))
