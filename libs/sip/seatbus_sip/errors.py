"""The error tree of the SIP stack. Each error carries fields and the status a UAS answers with."""

from __future__ import annotations


class SipError(Exception):
    """Base of every error of this library. `status` is the SIP response code that fits it."""

    status: int = 500


class SipParseError(SipError):
    """Bytes from the network break a rule. `field` names the part, `rule` says what it must be."""

    status = 400

    def __init__(self, field: str, rule: str, status: int = 400) -> None:
        super().__init__(f"{field}: {rule}")
        self.field = field
        self.rule = rule
        self.status = status


class SdpError(SipParseError):
    """A session description cannot be read, or cannot be answered (status 488)."""


class HeaderInjectionError(SipError):
    """A value meant for a header holds CR, LF or NUL and would start another header."""

    def __init__(self, field: str) -> None:
        super().__init__(f"{field}: must not contain CR, LF or NUL")
        self.field = field


class IllegalTransitionError(SipError):
    """A state machine has no entry for this event in this state. Nothing was changed."""

    def __init__(self, machine: str, state: str, event: str) -> None:
        super().__init__(f"{machine}: no transition for {event} in {state}")
        self.machine = machine
        self.state = state
        self.event = event


class DialogError(SipError):
    """A request or response does not fit its dialog."""

    status = 400

    def __init__(self, call_id: str, rule: str) -> None:
        super().__init__(f"dialog {call_id}: {rule}")
        self.call_id = call_id
        self.rule = rule


class OutOfOrderError(DialogError):
    """CSeq not above the last one of this dialog (RFC 3261 section 12.2.2: 500)."""

    status = 500


class NoDialogError(DialogError):
    """The request names a dialog that does not exist or has ended."""

    status = 481


class GlareError(DialogError):
    """Both sides offer at once (RFC 3261 section 14.2)."""

    status = 491


class DigestError(SipError):
    """A challenge or credential cannot be used. `field` names the parameter."""

    status = 400

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(f"digest {field}: {rule}")
        self.field = field
        self.rule = rule
