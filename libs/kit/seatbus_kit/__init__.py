"""What every Seatbus process shares: settings, logs, telemetry, bus, records, leases, gRPC life cycle."""
