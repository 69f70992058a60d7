"""Planning a change, without any server: laws that hold after any sequence of changes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatbus.ivr.v1 import types_pb2 as ivr
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_kit.errors import (
    AlreadyExists,
    InvalidArgument,
    NotFound,
    Refused,
    ResourceExhausted,
    SeatbusError,
)
from seatbus_tenancy.adapters.seal import Seal
from seatbus_tenancy.domain.change import MAX_WRITES, Plan, Policy, Request, plan, with_ids
from seatbus_tenancy.domain.claims import claims
from seatbus_tenancy.domain.kinds import KINDS, references
from seatbus_tenancy.domain.secrets import ha1, without_secrets
from seatbus_testkit.properties import examples

NOW = datetime(2030, 1, 7, 9, 0, tzinfo=UTC)
POLICY = Policy("seatbus", 1000)


class Memory:
    """The stored configuration and its claims, in memory."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, str, str], tenancy.ConfigObject] = {}
        self.claimed: dict[str, str] = {}
        self.versions: dict[str, int] = {}

    def get(self, tenant: str, kind: str, id: str) -> tenancy.ConfigObject | None:
        return self.items.get((tenant, kind, id))

    def objects(self, tenant: str, kind: str) -> Mapping[str, tenancy.ConfigObject]:
        return {key[2]: item for key, item in self.items.items() if key[:2] == (tenant, kind)}

    def tenants(self) -> Mapping[str, tenancy.ConfigObject]:
        return {key[0]: item for key, item in self.items.items() if key[1] == "tenant"}

    def apply(self, request: Request, policy: Policy = POLICY) -> Plan:
        tenant = request.tenant_id
        made = plan(with_ids(request, lambda: "new"), self, self.versions.get(tenant, 0), NOW, policy)
        for taken in made.taken:
            if self.claimed.get(taken.claim.key, "") not in ("", taken.giver, taken.claim.owner):
                raise AlreadyExists(field=f"{taken.path}.{taken.claim.field}")
        for taken in made.taken:
            self.claimed[taken.claim.key] = taken.claim.owner
        for claim in made.released:
            assert self.claimed.pop(claim.key) == claim.owner
        for kind, id in made.removed:
            del self.items[tenant, kind, id]
        for item in made.written:
            self.items[tenant, item.WhichOneof("object") or "", item.id] = item
        self.versions[tenant] = made.version
        return made


def put(tenant: str, *upserts: tenancy.ConfigObject, deletes: tuple[tuple[str, str], ...] = ()) -> Request:
    return Request(tenant, upserts, deletes)


TENANTS = ("acme", "operator")
IDS = ("a", "b", "c")
some_id = st.sampled_from(IDS)
maybe_id = st.sampled_from(("", *IDS))


@st.composite
def objects(draw: st.DrawFn, tenant: str) -> tenancy.ConfigObject:
    id = draw(some_id)
    match draw(st.integers(0, 6)):
        case 0:
            company = tenancy.Tenant(name="T", operator=tenant == "operator")
            return tenancy.ConfigObject(id=tenant, tenant=company)
        case 1:
            value = draw(st.sampled_from(("4000", "+4000", "4001")))
            return tenancy.ConfigObject(id=id, number=tenancy.Number(e164=value, branch_id=draw(maybe_id)))
        case 2:
            return tenancy.ConfigObject(id=id, branch=tenancy.Branch(name="B", time_zone="UTC"))
        case 3:
            device = tenancy.Device(
                agent_id=draw(some_id),
                kind=tenancy.DEVICE_KIND_SIP,
                username=draw(st.sampled_from(("u1", "u2"))),
                password=draw(st.sampled_from(("", "pw"))),
            )
            return tenancy.ConfigObject(id=id, device=device)
        case 4:
            sources = draw(st.lists(st.sampled_from(("10.0.0.1", "10.0.0.0/8", "10.0.0.1:5060")), max_size=2))
            return tenancy.ConfigObject(id=id, trunk=tenancy.Trunk(name="T", source_addresses=sources))
        case 5:
            member = tenancy.Member(
                agent_id=draw(some_id), agent_tenant_id=draw(st.sampled_from(("", "operator")))
            )
            return tenancy.ConfigObject(id=id, queue=tenancy.Queue(name="Q", members=[member]))
        case _:
            agent = tenancy.Agent(name="A", branch_id=draw(maybe_id))
            return tenancy.ConfigObject(id=id, agent=agent)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    tenant = draw(st.sampled_from(TENANTS))
    upserts = draw(st.lists(objects(tenant), max_size=4))
    kinds = st.sampled_from(("tenant", "branch", "number", "device", "trunk", "queue", "agent"))
    deletes = draw(st.lists(st.tuples(kinds, st.sampled_from((*IDS, tenant))), max_size=2))
    return Request(tenant, upserts, deletes)


@given(st.lists(requests(), max_size=25))
@settings(max_examples=examples(300), deadline=None)
def test_after_any_changes_no_reference_dangles_and_every_claim_has_its_one_owner(
    changes: list[Request],
) -> None:
    memory = Memory()
    for tenant in TENANTS:
        company = tenancy.Tenant(name="T", operator=tenant == "operator")
        memory.apply(put(tenant, tenancy.ConfigObject(id=tenant, tenant=company)))
    for change in changes:
        before = dict(memory.versions)
        try:
            memory.apply(change)
        except SeatbusError:
            assert memory.versions == before
            continue
        assert memory.versions[change.tenant_id] == before.get(change.tenant_id, 0) + 1
        wanted: dict[str, str] = {}
        for (tenant, kind, _), item in memory.items.items():
            assert item.WhichOneof("object") == kind
            assert not item.device.password
            for reference in references(item):
                assert memory.get(reference.tenant or tenant, reference.kind, reference.id), reference
            for claim in claims(item):
                assert wanted.setdefault(claim.key, claim.owner) == claim.owner
        assert memory.claimed == wanted
        for tenant in {key[0] for key in memory.items}:
            assert memory.get(tenant, "tenant", tenant)


@pytest.fixture
def memory() -> Memory:
    made = Memory()
    made.apply(put("acme", tenancy.ConfigObject(id="acme", tenant=tenancy.Tenant(name="Acme"))))
    return made


def agent(id: str) -> tenancy.ConfigObject:
    return tenancy.ConfigObject(id=id, agent=tenancy.Agent(name="A"))


def phone(id: str, **fields: object) -> tenancy.ConfigObject:
    device = tenancy.Device(agent_id="a", kind=tenancy.DEVICE_KIND_SIP, **fields)
    return tenancy.ConfigObject(id=id, device=device)


REFUSED = [
    (put("acme"), InvalidArgument, "upserts", "not_empty"),
    (put("acme", agent("x"), agent("x")), InvalidArgument, "upserts[1]", "unique"),
    (put("acme", agent("x"), deletes=(("agent", "x"),)), InvalidArgument, "deletes[0]", "unique"),
    (put("acme", deletes=(("agent", "x"),)), NotFound, "deletes[0]", "exists"),
    (put("acme", deletes=(("ghost", "x"),)), InvalidArgument, "deletes[0].kind", "kind"),
    (
        put("acme", agent("a"), phone("d", username="u")),
        InvalidArgument,
        "upserts[1].device.password",
        "required",
    ),
    (
        put("acme", agent("a"), phone("d", password="p")),
        InvalidArgument,
        "upserts[1].device.username",
        "required",
    ),
    (
        put("acme", agent("a"), phone("d", username="u", ha1_md5="x")),
        InvalidArgument,
        "upserts[1].device.ha1_md5",
        "write_only",
    ),
    (
        put("acme", agent("a"), phone("d", username="_u", password="p")),
        InvalidArgument,
        "upserts[1].device.username",
        "token",
    ),
    (
        put(
            "acme", agent("a"), phone("d", username="u", password="p"), phone("e", username="u", password="p")
        ),
        AlreadyExists,
        "upserts[2].device.username",
        "unique",
    ),
    (
        put("acme", phone("d", username="u", password="p")),
        Refused,
        "upserts[0].device.agent_id",
        "reference.exists",
    ),
    (put("nobody", agent("a")), NotFound, "context.tenant_id", "tenant.exists"),
    (
        put("acme", tenancy.ConfigObject(id="acme", tenant=tenancy.Tenant(name="A", operator=True))),
        InvalidArgument,
        "upserts[0].tenant.operator",
        "tenant.operator",
    ),
    (
        put(
            "acme",
            tenancy.ConfigObject(
                id="s", schedule=tenancy.Schedule(time_zone="UTC", closed_dates=["2030-02-30"])
            ),
        ),
        InvalidArgument,
        "upserts[0].schedule.closed_dates[0]",
        "date",
    ),
    (
        put(
            "acme",
            tenancy.ConfigObject(
                id="s",
                schedule=tenancy.Schedule(
                    time_zone="UTC", open=[ivr.OpenPeriod(weekday=1, until="08:00", **{"from": "09:00"})]
                ),
            ),
        ),
        InvalidArgument,
        "upserts[0].schedule.open[0].until",
        "hours.period",
    ),
    (
        put(
            "acme",
            tenancy.ConfigObject(
                id="q",
                queue=tenancy.Queue(
                    name="Q", members=[tenancy.Member(agent_id="a", agent_tenant_id="rival")]
                ),
            ),
        ),
        InvalidArgument,
        "upserts[0].queue.members[0].agent_tenant_id",
        "own_or_operator",
    ),
    (
        put(
            "acme",
            tenancy.ConfigObject(
                id="q",
                queue=tenancy.Queue(name="Q", strategy=tenancy.STRATEGY_FIXED_ORDER, ring_agents=3),
            ),
        ),
        InvalidArgument,
        "upserts[0].queue.ring_agents",
        "strategy.simultaneous_ring",
    ),
    (
        put(
            "acme",
            tenancy.ConfigObject(
                id="q",
                queue=tenancy.Queue(name="Q", comfort=tenancy.ComfortSchedule(prompt_ids=["none"])),
            ),
        ),
        Refused,
        "upserts[0].queue.comfort.prompt_ids[0]",
        "reference.exists",
    ),
    (
        put("acme", tenancy.ConfigObject(id="b", agent=tenancy.Agent(name="A" * 1_000_000))),
        InvalidArgument,
        "upserts[0]",
        "object.size",
    ),
]


@pytest.mark.parametrize(
    ("request_", "error", "field", "rule"), REFUSED, ids=[f"{c[3]}-{c[2]}" for c in REFUSED]
)
def test_a_refusal_names_field_and_rule(
    memory: Memory, request_: Request, error: type[SeatbusError], field: str, rule: str
) -> None:
    with pytest.raises(error) as caught:
        memory.apply(request_)
    assert (caught.value.field, caught.value.rule) == (field, rule)
    assert "pw" not in caught.value.message


def test_a_change_too_large_for_one_batch_is_refused(memory: Memory) -> None:
    phones = [phone(f"d{i}", username=f"u{i}", password="p") for i in range(500)]
    with pytest.raises(InvalidArgument) as caught:
        memory.apply(put("acme", agent("a"), *phones))
    assert caught.value.rule == "batch.max_writes"
    assert str(MAX_WRITES) in caught.value.message
    memory.apply(put("acme", agent("a"), *phones[:480]))


def test_a_tenant_has_a_quota_of_objects(memory: Memory) -> None:
    small = Policy("seatbus", 3)
    memory.apply(put("acme", agent("x"), agent("y")), small)
    with pytest.raises(ResourceExhausted):
        memory.apply(put("acme", agent("z")), small)
    memory.apply(put("acme", agent("x")), small)
    memory.apply(put("acme", agent("z"), deletes=(("agent", "y"),)), small)


def test_an_operators_agent_that_serves_a_tenant_stays(memory: Memory) -> None:
    company = tenancy.ConfigObject(id="operator", tenant=tenancy.Tenant(name="O", operator=True))
    memory.apply(put("operator", company, agent("pro")))
    member = tenancy.Member(agent_id="pro", agent_tenant_id="operator")
    memory.apply(put("acme", tenancy.ConfigObject(id="q", queue=tenancy.Queue(name="Q", members=[member]))))
    with pytest.raises(Refused) as caught:
        memory.apply(put("operator", deletes=(("agent", "pro"),)))
    assert caught.value.rule == "reference.in_use"


def test_the_guards_hours_are_there_and_stay(memory: Memory) -> None:
    guard = tenancy.TollGuard(schedule_id="office")
    agreed = tenancy.ConfigObject(id="agreed", quota=tenancy.Quota(toll_guard=guard))
    with pytest.raises(Refused) as caught:
        memory.apply(put("acme", agreed))
    assert (caught.value.field, caught.value.rule) == (
        "upserts[0].quota.toll_guard.schedule_id",
        "reference.exists",
    )
    hours = tenancy.ConfigObject(id="office", schedule=tenancy.Schedule(time_zone="UTC"))
    memory.apply(put("acme", agreed, hours))
    with pytest.raises(Refused) as caught:
        memory.apply(put("acme", deletes=(("schedule", "office"),)))
    assert caught.value.rule == "reference.in_use"
    memory.apply(put("acme", deletes=(("quota", "agreed"), ("schedule", "office"))))


def test_digest_hashes_are_those_of_rfc_7616() -> None:
    md5, sha256 = ha1("Mufasa", "http-auth@example.org", "Circle of Life")
    assert md5 == "3d78807defe7de2157e2b0b6573a855f"
    assert sha256 == "7987c64c30e25f1b74be53f966b49b90f2808aa92faf9a00262392d7b4794232"


def test_no_kind_shows_a_secret() -> None:
    secrets = [
        phone("d", ha1_md5="SECRET", ha1_sha256="SECRET", password="SECRET"),
        tenancy.ConfigObject(trunk=tenancy.Trunk(name="t", secret="SECRET")),
        tenancy.ConfigObject(user=tenancy.User(email="a@b", password_hash="SECRET")),
        tenancy.ConfigObject(api_key=tenancy.ApiKey(label="k", key_hash="SECRET")),
    ]
    for item in secrets:
        assert b"SECRET" not in without_secrets(item).SerializeToString()
        assert b"SECRET" in item.SerializeToString()


def test_every_field_that_names_an_object_is_checked() -> None:
    """A field called …_id or …_ids that nobody follows would be a reference that may dangle."""
    followed = {
        "agent_id", "team_id", "branch_id", "flow_id", "queue_id", "trunk_id", "schedule_id", "prompt_id",
        "announcement_prompt_id", "music_prompt_id", "whisper_prompt_id", "emergency_trunk_id",
        "leader_agent_id", "outage_prompt_id", "device_lost_prompt_id", "overflow_queue_ids",
        "queue_ids", "seat_ids",
    }  # fmt: skip
    not_references = {"tenant_id", "agent_tenant_id", "caller_id", "caller_ids", "default_caller_id"}
    fields = {
        field.name
        for kind in KINDS
        for field in tenancy.ConfigObject.DESCRIPTOR.fields_by_name[kind].message_type.fields
        if field.name.endswith(("_id", "_ids"))
    }
    assert fields <= followed | not_references


def test_a_sealed_secret_opens_for_its_owner_only() -> None:
    seal = Seal("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
    sealed = seal.seal("trunk-pw", "acme.trunk.a")
    assert seal.open(sealed, "acme.trunk.a") == "trunk-pw"
    assert sealed != seal.seal("trunk-pw", "acme.trunk.a")
    with pytest.raises(ValueError, match="cannot be opened"):
        seal.open(sealed, "acme.trunk.b")
    with pytest.raises(ValueError, match="base64 of 32 bytes"):
        Seal("short")
