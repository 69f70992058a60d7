"""Fixtures that every test of the repository may use."""

pytest_plugins = ["seatbus_testkit.fixtures"]
