"""The daemon: sources report into the inbox of a stack's guard, and the guard decides."""
