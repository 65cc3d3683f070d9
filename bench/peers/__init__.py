"""What a user would pick instead, measured in one run: `make bench-peers`."""
