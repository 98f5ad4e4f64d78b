"""The commands of one noun each, as click sees them; `cli.main` puts them together."""
