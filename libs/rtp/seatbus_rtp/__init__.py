"""RTP, codecs, DTMF and tones without sockets: bytes and time in, bytes and events out."""
