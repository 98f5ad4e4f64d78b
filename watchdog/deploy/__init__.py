"""Deployments: how one release becomes another, and how what runs is captured while it can be proven."""
