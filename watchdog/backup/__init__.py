"""Backups: what is written for one moment under one timestamp, and how long it stays."""
