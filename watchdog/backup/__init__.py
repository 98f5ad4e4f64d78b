"""Backups: what is written for one moment under one timestamp, how it is found again, and how long it stays."""
