"""Examples of request bodies in the API's document; a test sends each through its model."""

from __future__ import annotations

from typing import Any, Final

EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "tenants": {"id": "acme", "name": "Acme Ltd", "language": "en"},
    "branches": {"id": "berlin", "name": "Berlin", "time_zone": "Europe/Berlin"},
    "numbers": {"id": "main", "e164": "+4930555000", "branch_id": "berlin", "flow_id": "entry"},
    "trunks": {"id": "carrier", "name": "Carrier", "source_addresses": ["192.0.2.10"]},
    "queues": {
        "id": "sales",
        "name": "Sales",
        "ring_timeout_s": 20,
        "wrap_up_s": 30,
        "service_level_s": 20,
        "record": True,
        "members": [{"agent_id": "ann"}],
    },
    "flows": {
        "id": "entry",
        "name": "Entry",
        "start": "greeting",
        "nodes": [
            {"id": "greeting", "play": {"audio": [{"text": "Welcome."}], "next": "sales"}},
            {"id": "sales", "queue": {"queue_id": "sales"}},
        ],
    },
    "agents": {"id": "ann", "name": "Ann", "branch_id": "berlin"},
    "devices": {"id": "ann-phone", "agent_id": "ann", "kind": "sip", "username": "acme-ann", "password": "…"},
    "teams": {"id": "first", "name": "First team", "branch_id": "berlin"},
    "outbound-routes": {
        "id": "abroad",
        "name": "Abroad",
        "prefixes": ["44", "33"],
        "trunks": [{"trunk_id": "carrier"}, {"trunk_id": "second", "order": 1}],
    },
    "config": {
        "expected_version": 0,
        "upserts": [{"kind": "branch", "id": "berlin", "name": "Berlin", "time_zone": "Europe/Berlin"}],
        "deletes": [{"kind": "team", "id": "old"}],
    },
    "api-keys": {"id": "board", "label": "Screen in the hall", "role": "agent"},
    "calls/hold": {"leg_id": "01978b00-0000-7000-8000-000000000001", "on": True},
    "calls/mute": {"leg_id": "01978b00-0000-7000-8000-000000000001", "on": True},
    "calls/transfer": {"queue_id": "sales"},
    "calls/consult": {"agent_id": "ann"},
    "calls/consult/complete": {"end": "transfer"},
    "calls/dtmf": {"leg_id": "01978b00-0000-7000-8000-000000000001", "digits": "1#"},
    "calls/supervise": {"supervisor_agent_id": "eva", "mode": "monitor"},
    "calls/recording": {"action": "pause"},
    "calls": {"agent_id": "ann", "number": "+442079460000", "caller_id": "+4930555000"},
    "pick-up": {"slot": "701", "agent_id": "ann"},
    "contacts": {"queue_id": "sales", "channel": "chat", "attributes": {"page": "cart"}},
    "contacts/accept": {"rid": "01978b00-0000-7000-8000-000000000001"},
    "contacts/reject": {"rid": "01978b00-0000-7000-8000-000000000001", "reason": "busy"},
    "contacts/end": {"rid": "01978b00-0000-7000-8000-000000000001", "agent_id": "ann"},
    "state": {"action": "not_ready", "reason": "lunch"},
    "force": {"presence": "not_ready", "reason": "meeting"},
}
