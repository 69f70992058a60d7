"""A SIP phone (or trunk, or caller) on a real socket, as careful as a good real one."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Mapping

from seatbus_sip import (
    Address,
    Dialog,
    DigestClient,
    ParseFailed,
    Request,
    Response,
    ServerTransaction,
    SipError,
    Timing,
    initial_request,
    sip_uri,
)
from seatbus_sip.headers import quote_string
from seatbus_testkit.actors import CallActionError, Policy, RegistrationRefused, codecs_named
from seatbus_testkit.actors_sip import IDS, SipSocket
from seatbus_testkit.actors_stream import SipConnection
from seatbus_testkit.call import ALLOW, PhoneCall

__all__ = ["Phone", "PhoneCall", "Policy", "RegistrationRefused"]

_REFRESH_AT = 0.8
_RETRY_S = 5.0
_CLOSE_S = 2.0
_ENDED_MEMORY_S = 32.0
"""A peer may repeat its BYE this long (64*T1)."""


class Phone:
    """One user agent: one SIP socket, any number of calls, an RTP port for each.

    Requests outside of a dialog go to `server`. `policy` says what incoming calls meet; every one that was
    not ignored is also given out by `next_call`. `registered` is the last answer of the registrar;
    registrations are refreshed until `unregister`, and tried again every few seconds while refused.
    """

    def __init__(
        self,
        server: Address,
        *,
        host: str,
        username: str,
        password: str,
        display: str,
        codecs: tuple[str, ...],
        ears_keep_s: float | None,
    ) -> None:
        self.server = server
        self.host = host
        self.username = username
        self.display = display
        self.codecs = codecs_named(codecs)
        self.digest = DigestClient(username, password, IDS) if password else None
        self.ears_keep_s = ears_keep_s
        self.policy = Policy()
        self.registered = False
        self.calls: list[PhoneCall] = []
        self.malformed: list[ParseFailed] = []
        self.sip: SipSocket
        self.transport = "UDP"
        self._timing: Timing | None = None
        self._contact = ""
        self._incoming: asyncio.Queue[PhoneCall] = asyncio.Queue()
        self._dialogs: dict[tuple[str, str], PhoneCall] = {}
        self._notified: dict[tuple[str, str], Callable[[ServerTransaction, Request], None]] = {}
        self._refresher: asyncio.Task[None] | None = None
        self._register_call_id = IDS.token()
        self._register_tag = IDS.token()
        self._register_cseq = 0
        self._loop = asyncio.get_running_loop()

    @classmethod
    async def start(
        cls,
        server: Address,
        *,
        host: str = "127.0.0.1",
        username: str = "",
        password: str = "",
        display: str = "",
        codecs: tuple[str, ...] = ("PCMU", "PCMA"),
        timing: Timing | None = None,
        ears_keep_s: float | None = None,
        transport: str = "UDP",
    ) -> Phone:
        """A phone that listens. `timing` scales the timers of SIP; `ears_keep_s` limits what calls record.

        `transport` TCP, TLS, WS or WSS: all goes over one connection to `server`.
        """
        phone = cls(
            server,
            host=host,
            username=username,
            password=password,
            display=display,
            codecs=codecs,
            ears_keep_s=ears_keep_s,
        )
        phone._timing = timing
        phone.transport = transport
        await phone._open()
        return phone

    async def _open(self) -> None:
        if self.transport == "UDP":
            self.sip = await SipSocket.open(self.host, self, self._timing)
            self._contact = f"<{sip_uri(self.username or None, *self.sip.address)}>"
            return
        # A connection over IPv6 may belong to a phone whose audio is IPv4.
        host = self.host if (":" in self.host) == (":" in self.server[0]) else None
        made = await SipConnection.connect(self.transport, self.server, self, host=host, timing=self._timing)
        self.sip = made
        self._contact = f"<sip:{self.username or 'phone'}@{made.contact_host}>"

    async def reconnect(self) -> None:
        """A new connection (and Contact) in place of one that broke. Registering again is the caller's."""
        self._stop_refresh()
        self.sip.close()
        await self._open()

    @property
    def address(self) -> Address:
        """Host and port of the SIP socket."""
        return self.sip.address

    @property
    def aor(self) -> str:
        """Address of record, as a URI."""
        return self.at_server(self.username or "anonymous")

    @property
    def contact(self) -> str:
        """Where requests reach it."""
        return self._contact

    def at_server(self, user: str) -> str:
        """The URI of somebody at its server."""
        host, port = self.server
        return str(sip_uri(user, host, None if port == 5060 else port))

    # ---- registering ------------------------------------------------------------------------------------
    async def register(self, expires: int = 300) -> None:
        """Register and stay registered. Raises `RegistrationRefused` (status 408 for no answer)."""
        self._stop_refresh()
        granted = await self._register(expires)
        self._refresher = asyncio.create_task(self._stay_registered(expires, granted))

    async def unregister(self) -> None:
        """Remove the binding. Raises `RegistrationRefused`."""
        self._stop_refresh()
        await self._register(0)
        self.registered = False

    async def _register(self, expires: int) -> int:
        """Granted seconds."""
        for _ in range(4):
            response, request = await self._register_once(expires)
            if response.status == 200:
                self.registered = expires > 0
                return self._granted(response, expires)
            if response.status in (401, 407) and self.digest and self.digest.accept(response, request):
                continue
            minimum = response.integer("Min-Expires")
            if response.status == 423 and minimum and minimum > expires:
                expires = minimum
                continue
            break
        self.registered = False
        raise RegistrationRefused(self.username, response.status, response.reason)

    async def _register_once(self, expires: int) -> tuple[Response, Request]:
        self._register_cseq += 1
        host, port = self.server
        request = initial_request(
            "REGISTER",
            str(sip_uri(None, host, None if port == 5060 else port)),
            from_=f"<{self.aor}>",
            to=f"<{self.aor}>",
            call_id=self._register_call_id,
            tag=self._register_tag,
            cseq=self._register_cseq,
            contact=f"{self._contact};expires={expires}",
            headers={"Expires": expires, "Allow": ALLOW, "User-Agent": "Seatbus testkit phone"},
        )
        if self.digest is not None:
            self.digest.authorize(request)
        sent = request.copy()
        _, response = await self.sip.ask(request, self.server)
        return response, sent

    def _granted(self, response: Response, asked: int) -> int:
        own = self._contact.strip("<>")
        for contact in response.addresses("Contact"):
            seconds = contact.params.get("expires") or ""
            if contact.uri_text == own and seconds.isdigit():
                return int(seconds)
        return response.integer("Expires") or asked

    async def _stay_registered(self, expires: int, granted: int) -> None:
        pause = granted * _REFRESH_AT
        while True:
            await asyncio.sleep(pause)
            try:
                pause = await self._register(expires) * _REFRESH_AT
            except RegistrationRefused:
                pause = _RETRY_S

    def _stop_refresh(self) -> None:
        if self._refresher is not None:
            self._refresher.cancel()
            self._refresher = None

    # ---- calling ----------------------------------------------------------------------------------------
    async def dial(
        self,
        target: str,
        *,
        headers: Mapping[str, object] | None = None,
        early_ok: bool = True,
        caller: str = "",
        display: str = "",
    ) -> PhoneCall:
        """Send an INVITE to a number (at the server) or a SIP address, and do not wait.

        `caller` and `display` replace the phone's own in From, as a trunk does. `early_ok` takes SDP of 18x.
        """
        uri = target if target.startswith(("sip:", "sips:", "tel:", "urn:")) else self.at_server(target)
        shown = display or self.display
        name = f"{quote_string(shown)} " if shown else ""
        sender = self.at_server(caller) if caller else self.aor
        request = initial_request(
            "INVITE",
            uri,
            from_=f"{name}<{sender}>",
            to=f"<{uri}>",
            call_id=IDS.token(),
            tag=IDS.token(),
            contact=self._contact,
            headers={"Allow": ALLOW, "User-Agent": "Seatbus testkit phone", **(headers or {})},
        )
        call = PhoneCall(self, request, incoming=False)
        self.calls.append(call)
        await call.place(early_ok, self.server)
        return call

    async def next_call(self, timeout: float = 30.0) -> PhoneCall:
        """The next incoming call that nobody has taken from here."""
        try:
            return await asyncio.wait_for(self._incoming.get(), timeout)
        except TimeoutError:
            raise TimeoutError(
                f"phone {self.username or self.address}: no incoming call within {timeout} s"
            ) from None

    async def options(self, remote: Address | None = None) -> int:
        """Ask the server (or another) whether it lives; the status of its answer."""
        target = remote or self.server
        request = initial_request(
            "OPTIONS",
            str(sip_uri(None, *target)),
            from_=f"<{self.aor}>",
            to=f"<{sip_uri(None, *target)}>",
            call_id=IDS.token(),
            tag=IDS.token(),
            contact=self._contact,
        )
        _, response = await self.sip.ask(request, target)
        return response.status

    async def close(self) -> None:
        """Hang up what is up, and go. The registration stays, as when a real phone is unplugged."""
        self._stop_refresh()
        endings = [asyncio.ensure_future(call.hang_up()) for call in list(self.calls)]
        if endings:
            done, late = await asyncio.wait(endings, timeout=_CLOSE_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
            for task in done:
                error = task.exception()
                if error is not None and not isinstance(error, TimeoutError | CallActionError):
                    raise error
        self.vanish()

    def vanish(self) -> None:
        """Be gone without a word, calls and all."""
        self._stop_refresh()
        for call in list(self.calls):
            call.abandon()
        self.sip.close()

    # ---- for calls --------------------------------------------------------------------------------------
    def hop(self, dialog: Dialog) -> Address:
        """Route or target of the dialog if it is an address, else the server."""
        host, port = dialog.next_hop.address
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return self.server
        return host, port

    def notifies(self, call_id: str, tag: str, serve: Callable[[ServerTransaction, Request], None]) -> None:
        """Requests of this dialog, which is no call's, are served so."""
        self._notified[(call_id, tag)] = serve

    def index(self, call: PhoneCall, dialog: Dialog) -> None:
        self._dialogs[(dialog.call_id, dialog.local_tag)] = call

    def finished(self, call: PhoneCall) -> None:
        if call in self.calls:
            self.calls.remove(call)
        for key in [key for key, known in self._dialogs.items() if known is call]:
            self._loop.call_later(_ENDED_MEMORY_S, self._dialogs.pop, key, None)

    # ---- for the socket ---------------------------------------------------------------------------------
    def wants(self, data: bytes) -> bool:
        return not (self.policy.ignored and data.startswith(b"INVITE ") and self._is_new(data))

    def _is_new(self, data: bytes) -> bool:
        head = data.partition(b"\r\n\r\n")[0].decode("utf-8", "replace").split("\r\n")
        to = next((line for line in head if line.lower().startswith(("to:", "t:"))), "")
        return ";tag=" not in to

    def on_request(self, tx: ServerTransaction, request: Request) -> None:
        tag = request.to.tag
        refusal = _unable(tx, request)
        if refusal is not None:
            self.sip.respond(tx, refusal)
        elif tag is not None and (serve := self._notified.get((request.call_id, tag))) is not None:
            serve(tx, request)
        elif tag is not None:
            call = self._dialogs.get((request.call_id, tag))
            if call is None:
                self.sip.respond(tx, tx.response(481))
            else:
                call.on_request(tx, request)
        elif request.method == "INVITE":
            self._ring_in(tx, request)
        else:
            response = tx.response(200 if request.method == "OPTIONS" else 405)
            response.set("Allow", ALLOW)
            response.set("Accept", "application/sdp")
            self.sip.respond(tx, response)

    def _ring_in(self, tx: ServerTransaction, request: Request) -> None:
        policy = self.policy
        busy = policy.max_calls is not None and len(self.calls) >= policy.max_calls
        call = PhoneCall(self, request, incoming=True)
        try:
            call.arrive(tx, self._contact)
        except SipError as error:
            self.sip.respond(tx, tx.response(error.status))
            return
        self.calls.append(call)
        self._incoming.put_nowait(call)
        call.follow(asyncio.ensure_future(_meet(call, Policy.reject(486) if busy else policy)))

    def on_ack(self, request: Request) -> None:
        call = self._dialogs.get((request.call_id, request.to.tag or ""))
        if call is not None:
            call.on_ack(request)

    def on_cancel(self, tx: ServerTransaction, request: Request) -> None:
        call = self._dialogs.get((tx.call_id, tx.local_tag))
        if call is not None:
            call.cancel_reason = request.get("Reason") or ""
            call.on_cancel(tx)

    def on_ack_timeout(self, tx: ServerTransaction) -> None:
        call = self._dialogs.get((tx.call_id, tx.local_tag))
        if call is not None:
            call.on_ack_timeout()

    def on_malformed(self, event: ParseFailed) -> None:
        self.malformed.append(event)


def _unable(tx: ServerTransaction, request: Request) -> Response | None:
    """420 or 415 for what this phone does not speak (RFC 3261 sections 8.2.2.3 and 8.2.3)."""
    required = request.values("Require")
    if required:
        refusal = tx.response(420)
        refusal.set("Unsupported", ", ".join(required))
        return refusal
    if request.method == "INVITE" and request.body and request.content_type != "application/sdp":
        refusal = tx.response(415)
        refusal.set("Accept", "application/sdp")
        return refusal
    return None


async def _meet(call: PhoneCall, policy: Policy) -> None:
    """What the policy does with a call; `_end` of the call stops it."""
    began = asyncio.get_running_loop().time()

    async def at(seconds: float) -> None:
        await asyncio.sleep(max(0.0, began + seconds - asyncio.get_running_loop().time()))

    try:
        if policy.ring_after_s is not None:
            await at(policy.ring_after_s)
            await call.ring()
        if policy.reject_code is not None:
            await at(policy.reject_after_s)
            await call.reject(policy.reject_code)
        elif policy.answer_after_s is not None:
            await at(policy.answer_after_s)
            await call.answer()
    except (CallActionError, SipError) as error:
        # The test, or the caller, was faster.
        call.note(f"policy stopped: {error}")
