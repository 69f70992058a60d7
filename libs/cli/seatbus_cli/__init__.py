"""The `seatbus` command: starts the embedded platform and reads it from outside."""
