"""What a called network has offered before its answer outlives the edge that has answered it."""

from __future__ import annotations

from typing import Any

from seatbus_sip import Dialog, Request, ServerTransaction
from seatbus_sip.sdp import build_offer
from seatbus_testkit.eventually import eventually
from seatbus_testkit.phone import Phone

from .outside_world import OUTSIDE, carrier, company


class Network(Phone):
    """Says what the test says."""

    invited: ServerTransaction
    dialog: Dialog
    asked: list[str]

    def on_request(self, tx: ServerTransaction, request: Request) -> None:
        self.asked.append(request.method)
        if request.method == "INVITE":
            self.invited, self.dialog = tx, Dialog.uas(request, tx.local_tag, self._contact)
        else:
            self.sip.respond(tx, tx.response(200))

    def reply(self, status: int, body: str, **headers: str) -> None:
        assert self.invited.request is not None
        response = self.dialog.response(self.invited.request, status, body=body)
        for name, value in headers.items():
            response.set(name, value)
        self.sip.respond(self.invited, response)


async def network(world: Any) -> Network:
    made = await Network.start(world.sip, username="out")
    world.phones.append(made)
    made.asked = []
    host, port = made.address
    await carrier(world, host=host, port=port)
    return made


def told(world: Any) -> list[str]:
    return [
        command.accept_answer.sdp for _, command in world.media.commands if command.HasField("accept_answer")
    ]


async def test_the_offer_of_an_early_dialog_is_known_after_a_restart(world: Any) -> None:
    phone = await company(world)
    far = await network(world)
    call = await phone.dial(OUTSIDE)
    await eventually(lambda: "INVITE" in far.asked)
    first = str(build_offer(("127.0.0.1", 4000), session_id=1, version=1))
    second = str(build_offer(("127.0.0.1", 4002), session_id=1, version=2))
    far.reply(183, first, Require="100rel", RSeq="1")
    await eventually(lambda: "PRACK" in far.asked)
    _, answer = await far.sip.ask(far.dialog.request("UPDATE", second), world.sip)
    assert (answer.status, answer.content_type) == (200, "application/sdp")
    port = world.sip[1]
    await world.stop_edge()
    await world.start_edge(sip_port=port)
    far.reply(200, first)
    await call.wait_answered()
    # Media has an answer to our offer once, before the other side's own.
    assert told(world) == [first]
    await call.hang_up()
