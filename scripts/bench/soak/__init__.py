"""The soak: many real deployments, good and broken ones, under one real daemon, and what it made of each."""
