"""Two phones, no server: what a call does to its two ends."""

from __future__ import annotations

import asyncio
import time

import pytest
from phone_pair import connected, pair

from seatbus_rtp.receiver import Fault
from seatbus_sip import Request, Timing, initial_request
from seatbus_testkit.actors import CallActionError, CallEndedFirst, Policy
from seatbus_testkit.eventually import eventually
from seatbus_testkit.phone import Phone


async def test_both_sides_hear_the_others_tone_at_its_level_without_a_gap() -> None:
    async with pair() as (alice, bob):
        near, far = await connected(alice, bob)
        near.mouth.play_tone(440, -12)
        far.mouth.play_tone(1000, -18)
        await near.ears.wait_tone(1000)
        await far.ears.wait_tone(440)
        await asyncio.sleep(1.2)
        hz, dbfs = far.ears.tone()
        assert hz == pytest.approx(440, abs=2)
        assert dbfs == pytest.approx(-12, abs=0.5)
        hz, dbfs = near.ears.tone()
        assert hz == pytest.approx(1000, abs=2)
        assert dbfs == pytest.approx(-18, abs=0.5)
        assert near.ears.level_dbfs() == pytest.approx(-18, abs=0.5)
        await near.hang_up()
        await far.wait_ended()
        for ears in (near.ears, far.ears):
            assert ears.discontinuities == []
            assert ears.longest_gap_ms() == 0
            assert len(ears.pcm()) == ears.duration_ms * 8


async def test_a_late_loop_leaves_no_gap_in_what_is_sent() -> None:
    async with pair() as (alice, bob):
        near, far = await connected(alice, bob)
        near.mouth.play_tone(440)
        await far.ears.wait_tone(440)
        far.ears.clear()
        began = time.monotonic()
        time.sleep(0.3)
        await asyncio.sleep(0.2)
        await eventually(
            lambda: far.ears.duration_ms == pytest.approx((time.monotonic() - began) * 1000, abs=45)
        )
        assert far.ears.discontinuities == []
        assert far.ears.gaps_ms() == []


async def test_digits_are_heard_once_each_in_both_directions() -> None:
    async with pair() as (alice, bob):
        near, far = await connected(alice, bob)
        near.mouth.play_tone(440, -20)
        sent = near.mouth.send_dtmf("1123#", ms=60, gap_ms=60), far.mouth.send_dtmf("*0D", ms=40, gap_ms=80)
        await asyncio.gather(*sent)
        await far.ears.wait_digits("1123#")
        await near.ears.wait_digits("*0D")
        await far.ears.wait_tone(440)
        assert far.ears.faults(Fault.LOST, Fault.TIMESTAMP_JUMP, Fault.TIMESTAMP_BACK) == []
        assert far.ears.longest_gap_ms() == 0


async def test_a_clip_is_sent_once_and_then_silence() -> None:
    from seatbus_rtp.tones import tone

    async with pair() as (alice, bob):
        near, far = await connected(alice, bob)
        await near.mouth.play_pcm(tone([700], 0.5, -10))
        await asyncio.sleep(0.25)
        heard = far.ears.pcm()
        loud = [at for at in range(0, len(heard) - 160, 160) if abs(heard[at : at + 160]).max() > 1000]
        assert len(loud) == 25
        assert far.ears.level_dbfs(0.1) < -60


async def test_the_answering_side_hangs_up() -> None:
    async with pair() as (alice, bob):
        near, far = await connected(alice, bob)
        await far.hang_up()
        await near.wait_ended()
        assert (near.ended_by, far.ended_by) == ("remote", "local")
        assert (near.status, far.status) == (200, 200)
        assert [text for _, text in far.history][-1] == "BYE answered 200"
        assert (alice.calls, bob.calls) == ([], [])


async def test_both_sides_hang_up_at_once() -> None:
    async with pair() as (alice, bob):
        near, far = await connected(alice, bob)
        await asyncio.gather(near.hang_up(), far.hang_up())
        assert (near.state, far.state) == ("ended", "ended")
        assert "BYE answered 200" in [text for _, text in near.history + far.history]


async def test_hold_stops_the_held_voice_and_resume_brings_it_back() -> None:
    async with pair() as (alice, bob):
        near, far = await connected(alice, bob)
        far.mouth.play_tone(1000)
        await near.ears.wait_tone(1000)
        await near.hold()
        assert far.held_by_peer
        assert not near.held_by_peer
        await asyncio.sleep(0.1)
        before = near.ears.received
        await asyncio.sleep(0.2)
        assert near.ears.received == before
        await near.hold(False)
        assert not far.held_by_peer
        near.ears.clear()
        await near.ears.wait_tone(1000)
        assert near.ears.faults(Fault.LOST, Fault.SSRC_CHANGED) == []


async def test_two_re_invites_that_meet_are_both_done_in_the_end() -> None:
    async with pair() as (alice, bob):
        near, far = await connected(alice, bob)
        await asyncio.gather(near.hold(), far.hold())
        assert near.state == far.state == "answered"
        assert any("491" in text for _, text in near.history + far.history)
        assert near.held_by_peer
        assert far.held_by_peer


async def test_cancel_ends_both_sides_with_487() -> None:
    async with pair() as (alice, bob):
        near = await alice.dial("bob")
        far = await bob.next_call()
        await near.wait_ringing()
        await near.cancel()
        await far.wait_ended()
        assert (near.status, near.ended_by) == (487, "local")
        assert (far.status, far.ended_by) == (487, "remote")
        with pytest.raises(CallActionError, match="CANCEL received"):
            await far.answer()


async def test_an_answer_that_crosses_the_cancel_is_acknowledged_and_hung_up() -> None:
    async with pair(Policy.manual()) as (alice, bob):
        near = await alice.dial("bob")
        far = await bob.next_call()
        # No provisional response yet: the CANCEL waits for one, the 200 comes instead.
        await asyncio.gather(near.cancel(), far.answer())
        await far.wait_ended()
        assert (far.state, far.ended_by) == ("ended", "remote")
        assert near.ended_by == "local"
        assert "ACK received" in [text for _, text in far.history]


@pytest.mark.parametrize("code", [486, 480, 603])
async def test_a_refusal_reaches_the_caller(code: int) -> None:
    async with pair(Policy.reject(code)) as (alice, bob):
        near = await alice.dial("bob")
        assert await near.wait_status() == code
        assert (near.state, near.ended_by) == ("ended", "remote")
        assert (await bob.next_call()).ended_by == "local"
        with pytest.raises(CallEndedFirst, match=str(code)):
            await near.wait_answered()


async def test_a_phone_in_a_call_is_busy_where_its_policy_allows_one() -> None:
    async with pair(Policy(answer_after_s=0, max_calls=1)) as (alice, _bob):
        first = await alice.dial("bob")
        await first.wait_answered()
        assert await (await alice.dial("bob")).wait_status() == 486
        assert first.state == "answered"


async def test_the_policy_rings_and_answers_at_its_times() -> None:
    async with pair(Policy.answer(0.4, ring_after_s=0.2)) as (alice, _bob):
        began = time.monotonic()
        near = await alice.dial("bob")
        await near.wait_ringing()
        await near.wait_answered()
        assert near.rang_at is not None
        assert near.answered_at is not None
        assert near.rang_at - began == pytest.approx(0.2, abs=0.15)
        assert near.answered_at - began == pytest.approx(0.4, abs=0.15)


async def test_an_ignored_call_times_out_with_408() -> None:
    bob = await Phone.start(("127.0.0.1", 9), username="bob")
    bob.policy = Policy.ignore()
    alice = await Phone.start(bob.address, username="alice", timing=Timing(t1=0.01, t2=0.05, t4=0.05))
    near = await alice.dial("bob")
    with pytest.raises(TimeoutError, match="INVITE to sip:bob"):
        await near.wait_ringing(0.1)
    assert await near.wait_status() == 408
    assert near.ended_by is None
    with pytest.raises(TimeoutError, match="no incoming call"):
        await bob.next_call(0.05)
    await alice.close()
    await bob.close()


async def test_the_callee_sees_who_calls_whom() -> None:
    async with pair() as (alice, bob):
        await alice.dial("4000", caller="+4930123456", headers={"X-Test": "yes"})
        far = await bob.next_call()
        assert (far.caller, far.dialed) == ("+4930123456", "4000")
        assert far.request.from_.display == "Alice A."
        assert far.request.get("X-Test") == "yes"


async def test_requests_outside_of_calls_get_the_answers_of_a_real_phone() -> None:
    async with pair() as (alice, bob):
        assert await alice.options() == 200

        async def status(method: str, to: str) -> int:
            request = initial_request(
                method, "sip:bob@x", from_="<sip:a@x>", to=to, call_id=method, tag="t", contact="<sip:a@x>"
            )
            _, response = await alice.sip.ask(request, bob.address)
            return response.status

        assert await status("BYE", "<sip:bob@x>;tag=unknown") == 481
        assert await status("MESSAGE", "<sip:bob@x>") == 405


@pytest.mark.parametrize(
    ("headers", "status"), [({"Require": "100rel"}, 420), ({"Content-Type": "text/plain"}, 415)]
)
async def test_what_a_phone_does_not_speak_is_refused_by_name(headers: dict[str, str], status: int) -> None:
    async with pair() as (alice, bob):
        request = initial_request(
            "INVITE", "sip:bob@x", from_="<sip:a@x>", to="<sip:bob@x>", call_id="odd", tag="t",
            contact="<sip:a@127.0.0.1>", body="v=0",
        )  # fmt: skip
        for name, value in headers.items():
            request.set(name, value)
        _, response = await alice.sip.ask(request, bob.address)
        assert response.status == status
        assert bob.calls == []


async def test_an_invite_without_offer_gets_one_and_takes_the_answer_of_the_ack() -> None:
    async with pair(Policy.answer()) as (alice, bob):
        from seatbus_sip import Dialog
        from seatbus_sip.sdp import build_answer, parse_sdp

        request = initial_request(
            "INVITE", "sip:bob@x", from_="<sip:a@x>", to="<sip:bob@x>", call_id="late", tag="t",
            contact=f"<sip:a@127.0.0.1:{alice.address[1]}>",
        )  # fmt: skip
        sent = request.copy()
        tx, response = await alice.sip.ask(request, bob.address)
        dialog = Dialog.uac(sent, response)
        answer, _ = build_answer(parse_sdp(response.body), ("127.0.0.1", 40000), session_id=1)
        alice.sip.ack(tx, dialog.ack(body=answer.to_bytes()), bob.address)
        far = await bob.next_call()
        await far.until(lambda: far.agreed is not None, 2, "agreed")
        assert far.agreed is not None
        assert far.agreed.remote == ("127.0.0.1", 40000)
        _, gone = await alice.sip.ask(dialog.request("BYE"), bob.address)
        assert gone.status == 200


async def test_an_offer_without_a_common_codec_is_refused_with_488() -> None:
    async with pair(Policy.answer()) as (alice, bob):
        request: Request = initial_request(
            "INVITE", "sip:bob@x", from_="<sip:a@x>", to="<sip:bob@x>", call_id="g729", tag="t",
            contact="<sip:a@127.0.0.1>",
            body="v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            "m=audio 4000 RTP/AVP 18\r\n",
        )  # fmt: skip
        _, response = await alice.sip.ask(request, bob.address)
        assert response.status == 488
        assert (await bob.next_call()).state == "ended"


async def test_thirty_calls_of_one_trunk_at_once() -> None:
    async with pair(Policy.answer()) as (alice, bob):
        calls = [await alice.dial("bob", caller=f"100{n}") for n in range(30)]
        await asyncio.gather(*(call.wait_answered() for call in calls))
        await eventually(lambda: all(call.ears.received > 10 for call in calls))
        await asyncio.gather(*(call.hang_up() for call in calls))
        assert bob.calls == []


async def test_a_phone_that_vanishes_says_nothing() -> None:
    async with pair() as (alice, bob):
        near, far = await connected(alice, bob)
        alice.vanish()
        await asyncio.sleep(0.1)
        assert near.state == "ended"
        assert far.state == "answered"
        bob.vanish()
