"""A user agent that says exactly what a case tells it: it repeats, acknowledges, answers nothing itself."""

from __future__ import annotations

import asyncio
import itertools
import ssl
from collections.abc import Mapping

from seatbus_sip import DigestClient, Message, Request, Response, initial_request, parse_message
from seatbus_testkit.platform import PlatformError
from seatbus_testkit.tenant import PASSWORD, TestTenant

_tokens = itertools.count(1)

Headers = Mapping[str, object]


def token() -> str:
    return f"w{next(_tokens)}x"


def sdp(direction: str = "sendrecv", payload: int = 0, host: str = "127.0.0.1", version: int = 1) -> str:
    """Audio to the discard port. Payload 0 is PCMU, 8 is PCMA."""
    return "\r\n".join(
        [
            "v=0",
            f"o=wire 7 {version} IN IP4 {host}",
            "s=-",
            f"c=IN IP4 {host}",
            "t=0 0",
            f"m=audio 9 RTP/AVP {payload} 101",
            "a=rtpmap:101 telephone-event/8000",
            f"a={direction}",
            "",
        ]
    )


class Wire(asyncio.DatagramProtocol):
    """A UDP socket. Messages wait in `inbox` in their order until a case takes them."""

    def __init__(self, server: tuple[str, int]) -> None:
        self.server = server
        self.inbox: list[Message] = []
        self.seen: list[str] = []
        self.address = ("", 0)
        self._came = asyncio.Event()
        self._transport: asyncio.DatagramTransport | None = None

    @classmethod
    async def open(cls, server: tuple[str, int], host: str = "127.0.0.1", port: int = 0) -> Wire:
        loop = asyncio.get_running_loop()
        transport, made = await loop.create_datagram_endpoint(lambda: cls(server), local_addr=(host, port))
        made._transport = transport
        made.address = transport.get_extra_info("sockname")[:2]
        return made

    async def __aenter__(self) -> Wire:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
        # A transport gives its port back in the loop's next turn.
        await asyncio.sleep(0)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        if data.strip():
            message = parse_message(data)
            self.inbox.append(message)
            self.seen.append(message.start_line())
            self._came.set()

    # ---- saying -----------------------------------------------------------------------------------------
    def send(self, message: Message | bytes) -> None:
        if self._transport is not None:
            data = message if isinstance(message, bytes) else message.to_bytes()
            self._transport.sendto(data, self.server)

    def stamped(self, request: Request, branch: str = "") -> Request:
        """With a Via of its own on top, ready to be sent (and sent again)."""
        host, port = self.host, self.address[1]
        request.prepend("Via", f"SIP/2.0/UDP {host}:{port};branch={branch or 'z9hG4bK' + token()};rport")
        return request

    @property
    def contact(self) -> str:
        return f"<sip:wire@{self.host}:{self.address[1]}>"

    @property
    def host(self) -> str:
        host = self.address[0]
        return f"[{host}]" if ":" in host else host

    # ---- hearing ----------------------------------------------------------------------------------------
    def _take(self, what: str | int, method: str) -> Message | None:
        for place, message in enumerate(self.inbox):
            found = message.method if isinstance(message, Request) else message.status  # type: ignore[attr-defined]
            if found == what and (not method or message.cseq.method == method):
                return self.inbox.pop(place)
        return None

    async def _expect(self, what: str | int, method: str, seconds: float) -> Message:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while True:
            found = self._take(what, method)
            if found is not None:
                return found
            self._came.clear()
            try:
                await asyncio.wait_for(self._came.wait(), max(0.0, deadline - loop.time()))
            except TimeoutError:
                raise PlatformError(f"no {what} {method} within {seconds} s; came: {self.seen}") from None

    async def request(self, method: str, seconds: float = 20.0) -> Request:
        """The next request of this method that nobody has taken."""
        found = await self._expect(method, "", seconds)
        assert isinstance(found, Request)
        return found

    async def response(self, status: int, method: str = "", seconds: float = 20.0) -> Response:
        found = await self._expect(status, method, seconds)
        assert isinstance(found, Response)
        return found

    async def final(self, method: str, seconds: float = 20.0) -> Response:
        """The next final response to a request of this method."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while loop.time() < deadline:
            for place, message in enumerate(self.inbox):
                if isinstance(message, Response) and message.status >= 200 and message.cseq.method == method:
                    del self.inbox[place]
                    return message
            await asyncio.sleep(0.02)
        raise PlatformError(f"no final answer to {method} within {seconds} s; came: {self.seen}")

    async def silence(self, what: str | int, method: str = "", seconds: float = 0.5) -> None:
        """Nothing of this comes for a while."""
        await asyncio.sleep(seconds)
        assert self._take(what, method) is None, self.seen


class Talk:
    """One dialog of a wire: the identifiers that make messages belong together."""

    def __init__(self, wire: Wire, call_id: str, local: str, remote: str, target: str, cseq: int) -> None:
        self.wire, self.call_id = wire, call_id
        self.local, self.remote, self.target = local, remote, target
        self.cseq = cseq
        self.invite: Request
        # The request inside the dialog that a case is about.
        self.asked: Request

    # ---- beginning --------------------------------------------------------------------------------------
    @classmethod
    def dial(
        cls, wire: Wire, number: str, *, offer: str | None = None, headers: Headers | None = None
    ) -> Talk:
        """Sends an INVITE to a number; with the default offer unless another one (or "", none) is given."""
        target = f"sip:{number}@{wire.server[0]}:{wire.server[1]}"
        invite = initial_request(
            "INVITE",
            target,
            from_=f"<sip:13800138000@{wire.address[0]}>",
            to=f"<{target}>",
            call_id=token() + "@wire",
            tag=token(),
            contact=wire.contact,
            headers=headers,
            body=sdp() if offer is None else offer,
        )
        if offer and headers and "Content-Type" in headers:
            invite.set("Content-Type", headers["Content-Type"])
        talk = cls(wire, invite.call_id, invite.require("From"), invite.require("To"), target, 1)
        talk.invite = wire.stamped(invite)
        wire.send(invite)
        return talk

    @classmethod
    async def ringing(cls, wire: Wire, seconds: float = 20.0) -> Talk:
        """Takes the next INVITE that came."""
        invite = await wire.request("INVITE", seconds)
        contact = invite.contact
        assert contact is not None
        to = f"{invite.require('To')};tag={token()}"
        talk = cls(wire, invite.call_id, to, invite.require("From"), contact.uri_text, 100)
        talk.invite = invite
        return talk

    # ---- as the one who asks ----------------------------------------------------------------------------
    def learn(self, response: Response) -> Response:
        """Takes the dialog's far end from a response."""
        self.remote = response.require("To")
        if response.contact is not None:
            self.target = response.contact.uri_text
        return response

    async def answered(self, *, body: str = "", seconds: float = 20.0) -> Response:
        """Waits for the 200 to the INVITE and acknowledges it."""
        response = self.learn(await self.wire.response(200, "INVITE", seconds))
        self.ack(body=body)
        return response

    async def answered_to(self, cseq: int) -> Response:
        """The 200 to the INVITE of this number, acknowledged."""
        response = self.learn(await self.wire.response(200, "INVITE"))
        self.ack(cseq=cseq)
        return response

    def make(self, method: str, *, body: str = "", headers: Headers | None = None, cseq: int = 0) -> Request:
        """A request of this dialog that is not sent yet."""
        if not cseq:
            self.cseq += 1
        made = Request(method, self.target)
        made.set("Max-Forwards", 70)
        made.set("From", self.local)
        made.set("To", self.remote)
        made.set("Call-ID", self.call_id)
        made.set("CSeq", f"{cseq or self.cseq} {method}")
        made.set("Contact", self.wire.contact)
        for name, value in (headers or {}).items():
            made.set(name, value)
        if body:
            made.set_body(body, made.get("Content-Type") or "application/sdp")
        return self.wire.stamped(made)

    def say(self, method: str, *, body: str = "", headers: Headers | None = None, cseq: int = 0) -> Request:
        made = self.make(method, body=body, headers=headers, cseq=cseq)
        self.wire.send(made)
        return made

    async def ask(
        self, method: str, status: int = 200, *, body: str = "", headers: Headers | None = None
    ) -> Response:
        """Sends a request and waits for this answer; acknowledges it when it was an INVITE."""
        made = self.say(method, body=body, headers=headers)
        response = await self.wire.response(status, method)
        if method == "INVITE" and status < 300:
            self.ack(cseq=made.cseq.number)
        elif method == "INVITE":
            self.ack_refusal(response, made)
        return response

    def ack(self, *, cseq: int = 0, body: str = "") -> Request:
        return self.say("ACK", cseq=cseq or self.cseq, body=body)

    def ack_refusal(self, response: Response, invite: Request | None = None) -> None:
        self.wire.send(self._of_invite("ACK", invite or self.invite, response.require("To")))

    def cancel(self) -> None:
        self.wire.send(self._of_invite("CANCEL", self.invite, self.invite.require("To")))

    def _of_invite(self, method: str, invite: Request, to: str) -> Request:
        made = Request(method, invite.uri)
        made.set("Via", invite.get_all("Via")[0])
        made.set("Max-Forwards", 70)
        made.copy_from(invite, "From", "Call-ID")
        made.set("To", to)
        made.set("CSeq", f"{invite.cseq.number} {method}")
        return made

    # ---- as the one who is asked ------------------------------------------------------------------------
    def reply(
        self, status: int, request: Request | None = None, *, body: str = "", headers: Headers | None = None
    ) -> Response:
        """Answers a request (the INVITE by default) as this dialog's user agent."""
        request = request or self.invite
        made = Response.to_request(request, status)
        if status > 100:
            made.set("To", self.local if request is self.invite else request.require("To"))
        if status < 300:
            made.set("Contact", self.wire.contact)
        for name, value in (headers or {}).items():
            made.set(name, value)
        if body:
            made.set_body(body, made.get("Content-Type") or "application/sdp")
        self.wire.send(made)
        return made

    async def pick_up(self, *, body: str | None = None, headers: Headers | None = None) -> Request:
        """200 with an answer, then the ACK."""
        self.reply(200, body=sdp() if body is None else body, headers=headers)
        return await self.wire.request("ACK")


def outside(wire: Wire, method: str, *, user: str = "wire", to: str = "", offer: bool = False) -> Request:
    """A request that belongs to no dialog, ready to be sent. REGISTER is for the user itself."""
    server = wire.server[0] if ":" not in wire.server[0] else f"[{wire.server[0]}]"
    host = f"{server}:{wire.server[1]}"
    aor = f"sip:{user}@{host}"
    made = initial_request(
        method,
        f"sip:{to}@{host}" if to else f"sip:{host}",
        from_=f"<{aor}>",
        to=f"<sip:{to}@{host}>" if to else f"<{aor}>",
        call_id=token() + "@wire",
        tag=token(),
        contact=wire.contact,
        body=sdp() if offer else "",
    )
    return wire.stamped(made)


def refused(invite: Request, to: str) -> Request:
    """The ACK of a refusal."""
    made = Request("ACK", invite.uri)
    made.set("Via", invite.get_all("Via")[0])
    made.set("Max-Forwards", 70)
    made.copy_from(invite, "From", "Call-ID")
    made.set("To", to)
    made.set("CSeq", f"{invite.cseq.number} ACK")
    return made


def hang_up(wire: Wire, invite: Request, answer: Response) -> None:
    """ACK and BYE of a call that a case is done with."""
    talk = Talk(wire, invite.call_id, invite.require("From"), "", invite.uri, invite.cseq.number)
    talk.learn(answer)
    talk.ack()
    talk.say("BYE")


class Stream:
    """A TCP or TLS connection, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, server: tuple[str, int], *, tls: bool = False) -> Stream:
        context = None
        if tls:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return cls(*await asyncio.open_connection(*server, ssl=context))

    async def __aenter__(self) -> Stream:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    def options(self, wire: Wire) -> bytes:
        """An OPTIONS as it stands on the line."""
        made = outside(wire, "OPTIONS")
        made.set("Content-Length", 0)
        return made.to_bytes().replace(b"SIP/2.0/UDP", b"SIP/2.0/TCP")

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    async def message(self, seconds: float = 20.0) -> Response:
        """The next response."""
        async with asyncio.timeout(seconds):
            head = b""
            while not head.strip():
                head = await self._reader.readuntil(b"\r\n\r\n")
            found = parse_message(head.lstrip() if head.startswith(b"\r\n") else head)
            assert isinstance(found, Response)
            return found

    async def closed(self, seconds: float = 20.0) -> bool:
        async with asyncio.timeout(seconds):
            try:
                while await self._reader.read(65536):
                    pass
            except ConnectionError:
                pass
            return True


DIRECT = [{"id": "sales", "queue": {"queue_id": "q1", "on_overflow": "bye"}}, {"id": "bye", "hang_up": {}}]
"""A flow that puts the caller into the queue at once."""


SETTLED_S = 0.4
"""Every service has its own copy of the configuration; nobody calls a company in its first moment."""


async def company(platform: object, **options: object) -> TestTenant:
    """A company whose number leads into its queue at once."""
    options.setdefault("agents", 1)
    options.setdefault("flow_nodes", DIRECT)
    made = await asyncio.to_thread(lambda: TestTenant.create(platform, **options))  # type: ignore[arg-type]
    await asyncio.sleep(SETTLED_S)
    return made


async def carrier(tenant: TestTenant) -> Wire:
    """A wire behind the company's trunk."""
    return await Wire.open(tenant.platform.sip, tenant.caller_host)


async def agent(tenant: TestTenant, name: str = "a1", *, ready: bool = True, port: int = 0) -> Wire:
    """A wire on which that agent's phone is registered; the agent is logged in."""
    wire = await Wire.open(tenant.platform.sip, port=port)
    client = DigestClient(tenant.username(name), PASSWORD)
    host = f"{wire.server[0]}:{wire.server[1]}"
    aor = f"sip:{tenant.username(name)}@{host}"
    call_id, tag = token(), token()
    # A nonce that grew old before it was used is given anew.
    for number in range(1, 5):
        request = initial_request(
            "REGISTER",
            f"sip:{host}",
            from_=f"<{aor}>",
            to=f"<{aor}>",
            call_id=call_id,
            tag=tag,
            cseq=number,
            contact=wire.contact,
            headers={"Expires": 120},
        )
        client.authorize(request)
        wire.send(wire.stamped(request))
        answer = await wire.final("REGISTER")
        if answer.status != 401 or not client.accept(answer, request):
            break
    if answer.status != 200:
        raise PlatformError(f"{tenant.username(name)} is not registered: {answer.start_line()}")
    await asyncio.to_thread(tenant.agent_do, name, "login", ready=ready)
    return wire


async def bridged(caller: Wire, phone: Wire, tenant: TestTenant) -> tuple[Talk, Talk]:
    """A call that has been answered by the agent."""
    call = Talk.dial(caller, tenant.number)
    await call.answered()
    ring = await Talk.ringing(phone)
    ring.reply(180)
    await ring.pick_up()
    await until_talking(tenant)
    return call, ring


async def until_talking(tenant: TestTenant) -> None:
    """The agent is bound and the audio joined: what comes from now on happens to a conversation."""

    def talking() -> bool:
        calls = tenant.platform.get(tenant.path("calls"))["calls"]
        return any(call["state"] == "CALL_STATE_BRIDGED" for call in calls)

    await asyncio.to_thread(tenant.platform.until, talking, 30, f"two people who talk in {tenant.id}")


async def record(tenant: TestTenant, cause: str, **match: object) -> dict[str, object]:
    """The call's final record, with this cause."""
    try:
        return await asyncio.to_thread(lambda: tenant.wait_cdr(12, cause=cause, **match))
    except PlatformError as error:
        raise PlatformError(f"{error}; there are {tenant.cdrs()}") from None


async def record_of(tenant: TestTenant) -> dict[str, object]:
    """The final record of the company's only call, whatever its cause."""
    found: dict[str, object] = await asyncio.to_thread(tenant.wait_cdr, 15)
    assert len(tenant.cdrs()) == 1
    return found
