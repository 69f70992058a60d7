"""Real servers and real actors for tests and for the demo: NATS, SIP phones, RTP ears, fake clock."""
