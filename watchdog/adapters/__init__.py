"""The edge: the only modules that touch Docker, PostgreSQL, the network, processes or SQLite.

Each fulfils a port that a noun declares and turns its library's errors into ours; only `watchdog.app` builds
them.
"""
