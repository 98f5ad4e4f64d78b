"""`make bench`: what the issue's limits are about, measured on the real engine."""
