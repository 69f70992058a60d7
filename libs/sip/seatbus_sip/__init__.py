"""A SIP stack without I/O: messages, transactions, dialogs, digest. Time and bytes are inputs."""
