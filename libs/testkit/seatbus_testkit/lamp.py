"""A phone's busy lamp: a subscription to somebody's dialogs (RFC 4235), and what it was told."""

from __future__ import annotations

import re

from seatbus_sip import Dialog, Request, Response, ServerTransaction, initial_request
from seatbus_sip.subscriptions import DIALOG_INFO
from seatbus_testkit.actors_sip import IDS
from seatbus_testkit.phone import Phone


class Lamp:
    """A subscription of a phone: what it was told, and how it answers."""

    def __init__(self, phone: Phone, request: Request) -> None:
        self.phone, self.request = phone, request
        self.told: list[tuple[str, str]] = []
        self.status = 200
        self.dialog: Dialog
        phone.notifies(request.call_id, str(request.from_.tag), self.on_request)

    def on_request(self, tx: ServerTransaction, request: Request) -> None:
        """A NOTIFY."""
        self.told.append((request.get("Subscription-State") or "", request.body.decode()))
        self.phone.sip.respond(tx, tx.response(self.status))

    def states(self) -> list[list[str]]:
        """Of all dialogs, in each NOTIFY."""
        return [re.findall(r"<state>(\w+)</state>", body) for _, body in self.told]

    async def again(self, expires: int) -> Response:
        request = self.dialog.request("SUBSCRIBE", headers={"Event": "dialog", "Expires": expires})
        _, response = await self.phone.sip.ask(request, self.phone.server)
        return response


async def subscribe(
    phone: Phone, user: str, *, expires: int = 60, event: str = "dialog", accept: str = DIALOG_INFO
) -> tuple[Lamp, Response]:
    request = initial_request(
        "SUBSCRIBE",
        phone.at_server(user),
        from_=f"<{phone.aor}>",
        to=f"<{phone.at_server(user)}>",
        call_id=IDS.token(),
        tag=IDS.token(),
        contact=phone.contact,
        headers={"Event": event, "Accept": accept, "Expires": expires},
    )
    lamp = Lamp(phone, request)
    for _ in range(2):
        if phone.digest is not None:
            phone.digest.authorize(request)
        sent = request.copy()
        _, response = await phone.sip.ask(request, phone.server)
        if response.status not in (401, 407) or phone.digest is None:
            break
        assert phone.digest.accept(response, sent)
        request = request.copy()
        request.remove("Via")
        request.set("CSeq", "2 SUBSCRIBE")
    if response.status == 200:
        lamp.dialog = Dialog.uac(request, response)
    return lamp, response
