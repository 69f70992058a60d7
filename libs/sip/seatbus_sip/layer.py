"""The transaction layer as an engine without I/O: bytes and time in, bytes and events out.

A shell calls `receive` for each datagram and `tick` at `next_deadline()`. After either, and after sending, it
empties `outgoing()` and `events()`.
"""

from __future__ import annotations

from collections.abc import Hashable
from contextlib import suppress

from seatbus_sip import events as ev
from seatbus_sip import stateless as rules
from seatbus_sip.errors import SipParseError
from seatbus_sip.flow import Flow, host_of, host_port
from seatbus_sip.ids import IdSource, RandomIds
from seatbus_sip.layer_config import LayerConfig
from seatbus_sip.message import Request, Response
from seatbus_sip.parsing import parse_message
from seatbus_sip.size import compact, too_large
from seatbus_sip.tables import TIMER_EVENT, Do, Event, Machine, State
from seatbus_sip.timers import Timers
from seatbus_sip.transactions import Answer, ClientTransaction, ServerTransaction, Transaction


def _sized(data: bytes, flow: Flow) -> bytes:
    """A request that is large for a datagram has the short names of its headers."""
    return compact(data) if flow.transport == "UDP" and too_large(len(data)) else data


class SipLayer:
    """All transactions of one process. Not thread-safe; every method returns at once."""

    def __init__(self, config: LayerConfig | None = None, ids: IdSource | None = None) -> None:
        self.config = config or LayerConfig()
        self.timing = self.config.timing
        self.ids = ids or RandomIds()
        self._clients: dict[Hashable, ClientTransaction] = {}
        self._servers: dict[Hashable, ServerTransaction] = {}
        self._answers: dict[Hashable, Answer] = {}
        self._merged: dict[Hashable, ServerTransaction] = {}
        # By the bytes and the source of their request; what is being read now.
        self._seen: dict[Hashable, ServerTransaction] = {}
        self._reading: Hashable = None
        self._timers = Timers()
        self.arm = self._timers.arm
        self._outgoing: list[tuple[Flow, bytes]] = []
        self._events: list[ev.LayerEvent] = []

    def __len__(self) -> int:
        """Transactions and unacknowledged answers held."""
        return len(self._clients) + len(self._servers) + len(self._answers)

    # ---- shell ------------------------------------------------------------------------------------------
    def outgoing(self) -> list[tuple[Flow, bytes]]:
        """Bytes to send, in order; emptied by this call."""
        queued, self._outgoing = self._outgoing, []
        return queued

    def events(self) -> list[ev.LayerEvent]:
        """What happened, in order; emptied by this call."""
        queued, self._events = self._events, []
        return queued

    def next_deadline(self) -> float | None:
        """Time of the next `tick` that is needed, None if nothing runs."""
        return self._timers.next_deadline()

    def tick(self, now: float) -> None:
        """Run the timers that are due."""
        while (due := self._timers.pop(now)) is not None:
            transaction, timer = due
            transaction.feed(TIMER_EVENT[timer], now, self)

    def receive(self, data: bytes, source: Flow, now: float) -> None:
        """Take in one datagram (or one framed message of a stream). Never raises for what is in it."""
        if not data or data.isspace() or (data[0] == 0 and not data.strip(b"\0")):
            if source.reliable and data == b"\r\n\r\n":
                self.transmit(source, b"\r\n")
            self._events.append(ev.KeepAlive(source))
            return
        self._reading = None if source.reliable else (hash(data), len(data), source.remote)
        repeated = self._seen.get(self._reading)
        if repeated is not None:
            # A client repeats its request byte by byte (RFC 3261 section 17.1): it is not read again.
            repeated.feed(Event.REQUEST, now, self)
            return
        message: Request | Response | None = None
        try:
            message = parse_message(data, self.config.limits)
            message.validate()
        except SipParseError as error:
            answered = isinstance(message, Request) and self._refuse_malformed(message, source, error)
            self._events.append(ev.ParseFailed(source, error, answered))
            return
        if self.config.divert is not None and self.config.divert(message, source, now):
            return
        if isinstance(message, Response):
            self._on_response(message, source, now)
        else:
            self._on_request(message, source, now)

    def transport_failed(self, flow: Flow, now: float) -> None:
        """The flow is broken: its transactions learn of it."""
        every = (*self._clients.values(), *self._servers.values(), *self._answers.values())
        self._break(every, flow, now)

    def connection_lost(self, flow: Flow, now: float) -> None:
        """A connection has gone: requests sent over it fail, responses may go another way (18.2.2)."""
        self._break(tuple(self._clients.values()), flow, now)

    def _break(self, transactions: tuple[Transaction, ...], flow: Flow, now: float) -> None:
        for transaction in transactions:
            if transaction.flow != flow or not transaction.accepts(Event.TRANSPORT_ERROR):
                continue
            if not (isinstance(transaction, ClientTransaction) and self._fell_back(transaction, now)):
                transaction.feed(Event.TRANSPORT_ERROR, now, self)

    def _fell_back(self, tx: ClientTransaction, now: float) -> bool:
        before = tx.key
        request = tx.fall_back(self._sent_by)
        if request is None:
            return False
        del self._clients[before]
        self._begin(tx, request, now)
        return True

    def refuse_unframed(self, head: bytes, source: Flow, error: SipParseError) -> None:
        """Answer the headers of a message whose end a stream does not tell, or whose size is refused."""
        answered = False
        with suppress(SipParseError):
            message = parse_message(head, self.config.limits)
            answered = isinstance(message, Request) and self._refuse_malformed(message, source, error)
        self._events.append(ev.ParseFailed(source, error, answered))

    # ---- transaction user -------------------------------------------------------------------------------
    def prepare_request(self, request: Request, flow: Flow) -> None:
        """Give a request its Via and Max-Forwards, so that it can be stored before `send_prepared`."""
        self._add_via(request, flow)

    def send_prepared(
        self, request: Request, flow: Flow, now: float, instead: tuple[Request, Flow] | None = None
    ) -> ClientTransaction:
        """Send a prepared request statefully: for the first time, or again in a successor of the process.

        To the peer the same request is a retransmission: it repeats its last answer. `instead`, a copy, is
        what the transaction goes on with, under its own branch, when the flow fails before anything is heard.
        """
        invite = request.method == "INVITE"
        machine = Machine.INVITE_CLIENT if invite else Machine.NON_INVITE_CLIENT
        return self._start_client(machine, (request.via.branch, request.method), flow, request, now, instead)

    def send_request(self, request: Request, flow: Flow, now: float) -> ClientTransaction:
        """Send a request (not ACK nor CANCEL) statefully. Takes it over: prepends Via, adds Max-Forwards."""
        self._add_via(request, flow)
        return self.send_prepared(request, flow, now)

    def resume_invite(self, request: Request, flow: Flow, local_tag: str) -> ServerTransaction:
        """Take up an unfinished INVITE of a predecessor: its repeats and its CANCEL find it.

        `request` as it was delivered then, `flow` where its responses go.
        """
        tx = self._start_server(request, rules.transaction_key(request), flow, local_tag)
        tx.state = State.PROCEEDING
        tx.merge_key = (request.from_.tag, request.call_id, request.cseq)
        self._merged[tx.merge_key] = tx
        return tx

    def respond(self, tx: ServerTransaction, response: Response, now: float) -> None:
        """Send a response. To gets the transaction's tag if it has none.

        A 2xx to INVITE is repeated until its ACK. Raises `IllegalTransitionError` after a final response.
        """
        if response.status > 100:
            response.give_tag(tx.local_tag)
        if response.status < 200:
            event = Event.TU_1XX
        elif response.status < 300 and tx.machine is Machine.INVITE_SERVER:
            event = Event.TU_2XX
        else:
            event = Event.TU_FINAL
        tx.feed(event, now, self, response)

    def cancel(self, tx: ClientTransaction, now: float, reason: str | None = None) -> bool:
        """Cancel an INVITE: at once if a 1xx has come, else as soon as one comes (RFC 3261 section 9.1).

        The INVITE still ends by its own final response or timeout. `reason` is a Reason header value.
        Returns False if the INVITE already has its final response.
        """
        if tx.state not in (State.CALLING, State.PROCEEDING) or tx.request is None or tx.method != "INVITE":
            return False
        if tx.cancel_request is None:
            cancel = rules.in_transaction(tx.request, "CANCEL")
            cancel.copy_from(tx.request, "To")
            if reason is not None:
                cancel.set("Reason", reason)
            tx.cancel_request = cancel
            if tx.state is State.CALLING:
                tx.cancel_pending = True
            else:
                self._send_cancel(tx, now)
        return True

    def send_ack(
        self, tx: ClientTransaction | None, ack: Request, now: float, flow: Flow | None = None
    ) -> None:
        """Send the ACK of a 2xx. While `tx` is held, repeats of that 2xx are answered with the same ACK.

        `flow` is where the ACK goes if not where the INVITE went; required without `tx`.
        """
        target = flow or (tx.flow if tx is not None else None)
        if target is None:
            raise ValueError("an ACK needs a transaction or a flow")
        self._add_via(ack, target)
        data = _sized(ack.to_bytes(), target)
        if tx is not None:
            tx._acked[ack.to.tag or ""] = (target, data)
        self.transmit(target, data)

    def send_raw(self, message: Request | Response, flow: Flow) -> None:
        """Send a message without a transaction, as it is (stateless proxying)."""
        self.transmit(flow, message.to_bytes())

    # ---- host of transactions ---------------------------------------------------------------------------
    def transmit(self, flow: Flow, data: bytes) -> None:
        self._outgoing.append((flow, data))

    def ended(self, transaction: Transaction) -> None:
        if isinstance(transaction, ServerTransaction):
            self._servers.pop(transaction.key, None)
            self._seen.pop(transaction.seen_as, None)
            if self._merged.get(transaction.merge_key) is transaction:
                del self._merged[transaction.merge_key]
        elif isinstance(transaction, Answer):
            self._answers.pop(transaction.key, None)
        else:
            self._clients.pop(transaction.key, None)

    def perform(
        self, transaction: Transaction, effect: Do, now: float, message: Request | Response | None
    ) -> None:
        if isinstance(transaction, ClientTransaction):
            self._perform_client(transaction, effect, now, message)
        elif isinstance(transaction, ServerTransaction):
            self._perform_server(transaction, effect, now, message)
        elif isinstance(transaction, Answer):
            if effect is Do.DELIVER_ACK and isinstance(message, Request):
                self._events.append(ev.AckReceived(transaction.server, message, transaction.flow))
            elif effect is Do.TIMEOUT:
                self._events.append(ev.AckTimeout(transaction.server))

    def _perform_client(
        self, tx: ClientTransaction, effect: Do, now: float, message: Request | Response | None
    ) -> None:
        if effect is Do.DELIVER and isinstance(message, Response):
            self._deliver_response(tx, message, now)
        elif effect is Do.SEND_ACK and tx.request is not None and message is not None:
            ack = rules.in_transaction(tx.request, "ACK")
            ack.copy_from(message, "To")
            tx.ack = ack.to_bytes()
            self.transmit(tx.flow, tx.ack)
        # The outcome of a CANCEL is told by its INVITE.
        elif effect is Do.TIMEOUT and tx.method != "CANCEL":
            self._events.append(ev.TransactionTimeout(tx))
        elif effect is Do.FAILED and tx.method != "CANCEL":
            self._events.append(ev.TransportFailed(tx))

    def _perform_server(
        self, tx: ServerTransaction, effect: Do, now: float, message: Request | Response | None
    ) -> None:
        if effect is Do.SEND_NEW and isinstance(message, Response):
            self._send_response(tx, message, now)
        elif effect is Do.SEND_TRYING:
            tx.data = tx.response(100).to_bytes()
            self.transmit(tx.flow, tx.data)
        elif effect is Do.DELIVER_REQUEST and isinstance(message, Request):
            self._events.append(ev.RequestReceived(tx, message, tx.flow))
        elif effect is Do.DELIVER_ACK and isinstance(message, Request):
            self._acknowledge(message, tx.flow, now)
        elif effect is Do.TIMEOUT:
            self._events.append(ev.TransactionTimeout(tx))
        elif effect is Do.FAILED:
            self._events.append(ev.TransportFailed(tx))

    # ---- receiving --------------------------------------------------------------------------------------
    def _on_response(self, response: Response, source: Flow, now: float) -> None:
        tx = self._clients.get((response.via.branch, response.cseq.method))
        if tx is None:
            foreign = host_of(self._sent_by(source)) != response.via.host.lower()
            self._events.append(ev.StrayResponse(response, source, foreign))
            return
        if response.status < 200:
            event = Event.R_1XX
        elif response.status < 300 and tx.machine is Machine.INVITE_CLIENT:
            event = Event.R_2XX
        else:
            event = Event.R_FINAL
        tx.feed(event, now, self, response)

    def _deliver_response(self, tx: ClientTransaction, response: Response, now: float) -> None:
        request = tx.request
        if request is None or tx.method == "CANCEL":
            return
        if tx.method == "INVITE":
            if tx.cancel_pending:
                tx.cancel_pending = False
                if response.status < 200:
                    self._send_cancel(tx, now)
            acked = tx._acked.get(response.to.tag or "") if 200 <= response.status < 300 else None
            if acked is not None:
                self.transmit(*acked)
                return
        elif response.status >= 200:
            tx.request = None
            tx.data = b""
        self._events.append(ev.ResponseReceived(tx, response, request))

    def _on_request(self, request: Request, source: Flow, now: float) -> None:
        reply = rules.mark_source(request, source)
        key = rules.transaction_key(request)
        tx = self._servers.get(key)
        if request.method == "ACK":
            if tx is not None:
                tx.feed(Event.ACK, now, self, request)
            else:
                self._acknowledge(request, source, now)
        elif tx is not None:
            tx.feed(Event.REQUEST, now, self, request)
        elif request.method == "CANCEL":
            self._on_cancel(request, key, reply, now)
        else:
            self._new_request(request, key, reply, now)

    def _new_request(self, request: Request, key: Hashable, reply: Flow, now: float) -> None:
        merge_key: Hashable = None
        if request.to.tag is None and self.config.check_hops:
            if request.method != "OPTIONS" and request.integer("Max-Forwards") == 0:
                self._refuse(request, reply, 483)
                return
            merge_key = (request.from_.tag, request.call_id, request.cseq)
            if merge_key in self._merged:
                self._refuse(request, reply, 482)
                return
        tx = self._start_server(request, key, reply)
        if self._reading is not None:
            tx.seen_as = self._reading
            self._seen[tx.seen_as] = tx
        if merge_key is not None:
            tx.merge_key = merge_key
            self._merged[merge_key] = tx
        tx.feed(Event.START, now, self, request)

    def _on_cancel(self, request: Request, key: tuple[Hashable, ...], reply: Flow, now: float) -> None:
        invite = self._servers.get((*key[:-1], "INVITE"))
        if invite is None:
            self._refuse(request, reply, 481)
            return
        # The CANCEL of a retransmitting client is absorbed by its own, silent transaction.
        tx = ServerTransaction(Machine.NON_INVITE_SERVER, key, reply, request, invite.local_tag)
        self._servers[key] = tx
        tx.state = State.TRYING
        self.respond(tx, tx.response(200), now)
        if invite.state is State.PROCEEDING:
            self._events.append(ev.CancelReceived(invite, request))

    def _acknowledge(self, ack: Request, source: Flow, now: float) -> None:
        answer = self._answers.get((ack.call_id, ack.to.tag, ack.from_.tag, ack.cseq.number))
        if answer is None:
            self._events.append(ev.AckReceived(None, ack, source))
        else:
            answer.feed(Event.ACK, now, self, ack)

    # ---- sending ----------------------------------------------------------------------------------------
    def _sent_by(self, flow: Flow) -> str:
        return self.config.sent_by(flow) if self.config.sent_by else host_port(flow.local)

    def _add_via(self, request: Request, flow: Flow) -> None:
        sent_by, branch = self._sent_by(flow), rules.MAGIC + self.ids.token()
        request.prepend("Via", f"SIP/2.0/{flow.transport} {sent_by};branch={branch};rport")
        if "Max-Forwards" not in request:
            request.set("Max-Forwards", 70)

    def _start_client(
        self,
        machine: Machine,
        key: Hashable,
        flow: Flow,
        request: Request,
        now: float,
        instead: tuple[Request, Flow] | None = None,
    ) -> ClientTransaction:
        tx = ClientTransaction(machine, key, flow, request)
        tx.instead = instead
        self._begin(tx, request, now)
        return tx

    def _begin(self, tx: ClientTransaction, request: Request, now: float) -> None:
        tx.data = _sized(request.to_bytes(), tx.flow)
        self._clients[tx.key] = tx
        tx.feed(Event.START, now, self)

    def _start_server(
        self, request: Request, key: Hashable, reply: Flow, local_tag: str = ""
    ) -> ServerTransaction:
        invite = request.method == "INVITE"
        machine = Machine.INVITE_SERVER if invite else Machine.NON_INVITE_SERVER
        tx = ServerTransaction(machine, key, reply, request, local_tag or self.ids.token())
        self._servers[key] = tx
        return tx

    def _send_cancel(self, tx: ClientTransaction, now: float) -> None:
        if tx.cancel_request is not None:
            branch = tx.cancel_request.via.branch
            self._start_client(Machine.NON_INVITE_CLIENT, (branch, "CANCEL"), tx.flow, tx.cancel_request, now)
            tx.feed(Event.CANCELLED, now, self)

    def _send_response(self, tx: ServerTransaction, response: Response, now: float) -> None:
        data = response.to_bytes()
        if tx.state is State.ACCEPTED:
            key = (tx.call_id, response.to.tag, response.from_.tag, response.cseq.number)
            tx.request = None
            tx.data = b""
            if key not in self._answers:
                answer = Answer(key, tx.flow, tx, data)
                self._answers[key] = answer
                answer.feed(Event.START, now, self)
                return
        else:
            tx.data = data
            if response.status >= 200:
                tx.request = None
        self.transmit(tx.flow, data)

    def _refuse(self, request: Request, flow: Flow, status: int) -> None:
        self.transmit(flow, rules.refusal(request, status, "", self.config.agent_name).to_bytes())

    def _refuse_malformed(self, request: Request, source: Flow, error: SipParseError) -> bool:
        if not self.config.answer_malformed:
            return False
        made = rules.refuse_malformed(request, source, error, self.config.agent_name)
        if made is not None:
            self.transmit(*made)
        return made is not None
