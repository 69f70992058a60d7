"""Every statement that reads the store: one text for both engines. Times leave as microseconds since 1970."""

from __future__ import annotations

from typing import Final

_SPAN: Final = """
  AND ({{from_us:Int64}} = 0 OR {column} >= fromUnixTimestamp64Micro({{from_us:Int64}}, 'UTC'))
  AND ({{until_us:Int64}} = 0 OR {column} < fromUnixTimestamp64Micro({{until_us:Int64}}, 'UTC'))"""

CALL_FACTS: Final = """
SELECT call_id, seq, type, toUnixTimestamp64Micro(occurred_at) AS occurred_us, payload
FROM call_events FINAL
WHERE tenant = {tenant:String} AND call_id IN {calls:Array(String)}
ORDER BY call_id, seq"""

# Whose journal asks does not know tenants; ids are unique on the platform.
COMMITTED: Final = """
SELECT call_id, groupUniqArray(seq) AS seqs FROM call_events
WHERE call_id IN {calls:Array(String)} GROUP BY call_id"""

PROVISIONAL: Final = """
SELECT tenant, call_id, owner FROM cdr FINAL
WHERE final = 0 AND call_id >= {since_id:String} LIMIT 10000"""

_CDR_COLUMNS: Final = """
  tenant AS tenant_id, call_id, interaction_id, direction, caller, dialed, trunk_id, number_id, branch_id,
  flow_id, queue_id, agent_id, digits, cause, sip_status,
  toUnixTimestamp64Micro(started_at) AS started_at, toUnixTimestamp64Micro(answered_at) AS answered_at,
  toUnixTimestamp64Micro(queued_at) AS queued_at, toUnixTimestamp64Micro(bridged_at) AS bridged_at,
  toUnixTimestamp64Micro(ended_at) AS ended_at,
  duration_us, wait_us, talk_us, queue_visits, offers, recording_id, last_seq, final, caller_mos, agent_mos,
  owner, segments, attributes"""

CDRS: Final = f"""
SELECT {_CDR_COLUMNS} FROM (
SELECT * FROM cdr FINAL
WHERE tenant = {{tenant:String}}
  AND ({{before_id:String}} = '' OR call_id < {{before_id:String}})
  AND call_id >= {{first_id:String}}
  AND ({{queue_id:String}} = '' OR has(queue_ids, {{queue_id:String}}))
  AND ({{agent_id:String}} = '' OR has(agent_ids, {{agent_id:String}}))
  AND ({{cause:String}} = '' OR cause = {{cause:String}})
  AND ({{caller:String}} = '' OR caller = {{caller:String}}){_SPAN.format(column="started_at")}
ORDER BY call_id DESC LIMIT {{limit:UInt32}})"""

CDR: Final = f"""
SELECT {_CDR_COLUMNS} FROM (
SELECT * FROM cdr FINAL WHERE tenant = {{tenant:String}} AND call_id = {{call_id:String}})"""

RECORDINGS_OF: Final = """
SELECT call_id, recording_id, max(duration_ms) AS duration_ms, max(size_bytes) AS size_bytes
FROM recordings FINAL
WHERE tenant = {tenant:String} AND call_id IN {calls:Array(String)}
GROUP BY call_id, recording_id HAVING countIf(type = 'deleted') = 0
ORDER BY call_id, recording_id"""

# One visit is told by its first and its last event; each column is empty or zero in the one that lacks it.
_VISITS: Final = """
SELECT f.tenant AS tenant, f.contact_id AS contact_id, max(f.call_id) AS call_id, max(f.queue_id) AS queue_id,
  max(f.branch_id) AS branch_id, max(f.enqueued_at) AS enqueued_at, max(f.outcome) AS outcome,
  max(f.wait_us) AS wait_us, max(f.agent_id) AS agent_id, max(f.offers) AS offers,
  max(f.service_level_s) AS service_level_s, maxIf(f.occurred_at, f.type = 'ended') AS ended_at
FROM queue_visits AS f FINAL
WHERE f.tenant = {tenant:String} AND f.type IN ('enqueued', 'ended')"""

VISITS: Final = f"""
SELECT tenant AS tenant_id, contact_id, call_id, queue_id, outcome, wait_us, agent_id, offers,
  service_level_s,
  toUnixTimestamp64Micro(v.enqueued_at) AS enqueued_at, toUnixTimestamp64Micro(v.ended_at) AS ended_at
FROM ({_VISITS}
  AND ({{before_id:String}} = '' OR f.contact_id < {{before_id:String}})
  AND f.contact_id >= {{first_id:String}}
  AND ({{queue_id:String}} = '' OR f.queue_id = {{queue_id:String}})
  AND ({{call_id:String}} = '' OR f.call_id = {{call_id:String}}){_SPAN.format(column="f.enqueued_at")}
GROUP BY tenant, contact_id) AS v
ORDER BY contact_id DESC LIMIT {{limit:UInt32}}"""

# With `next_state` an interval also says what began at its end: the last one of each kind is still open.
_INTERVALS: Final = """
SELECT tenant AS tenant_id, agent_id, seq, kind, state, reason, toUnixTimestamp64Micro(from_at) AS from_us,
  toUnixTimestamp64Micro(until_at) AS until_us, next_state, cause, rid, call_id, queue_id, contact_tenant,
  disposition
FROM agent_intervals FINAL"""

INTERVALS: Final = f"""{_INTERVALS}
WHERE tenant = {{tenant:String}} AND state NOT IN ('', 'done') AND from_at < until_at
  AND ({{agent_id:String}} = '' OR agent_id = {{agent_id:String}})
  AND ({{from_us:Int64}} = 0 OR until_at > fromUnixTimestamp64Micro({{from_us:Int64}}, 'UTC'))
  AND ({{until_us:Int64}} = 0 OR from_at < fromUnixTimestamp64Micro({{until_us:Int64}}, 'UTC'))
  AND ({{before_us:Int64}} = 0 OR (toUnixTimestamp64Micro(until_at), agent_id, seq)
    < ({{before_us:Int64}}, {{before_agent:String}}, {{before_seq:UInt64}}))
ORDER BY until_at DESC, agent_id DESC, seq DESC LIMIT {{limit:UInt32}}"""

OPEN_INTERVALS: Final = f"""{_INTERVALS}
WHERE tenant = {{tenant:String}} AND ({{agent_id:String}} = '' OR agent_id = {{agent_id:String}})
ORDER BY agent_id, kind, rid, seq DESC LIMIT 1 BY agent_id, kind, rid"""

_VISIT_GROUP: Final = {
    "": "''",
    "queue": "queue_id",
    "branch": "branch_id",
    "interval": "formatDateTime(toStartOfInterval(v.enqueued_at, INTERVAL 15 MINUTE), '%FT%TZ', 'UTC')",
}


def visit_totals(group_by: str) -> str:
    """Totals of `domain.metrics.Visits` for each value of the group."""
    return f"""
SELECT {_VISIT_GROUP[group_by]} AS grp, count() AS offered,
  countIf(outcome = 'answered') AS answered,
  countIf(outcome = 'answered' AND wait_us <= t_us) AS answered_in_time,
  countIf(outcome = 'abandoned') AS abandoned,
  countIf(outcome = 'abandoned' AND wait_us <= t_us) AS abandoned_in_time,
  countIf(outcome = 'short_abandoned') AS short_abandoned, countIf(outcome = 'overflowed') AS overflowed,
  countIf(outcome = 'voicemail') AS voicemail, countIf(outcome = 'callback') AS callback,
  countIf(outcome = 'transferred_out') AS transferred_out, countIf(outcome = 'refused') AS refused,
  sumIf(wait_us, outcome = 'answered') AS wait_answered_us,
  ifNotFinite(quantileExactIf(0.5)(wait_us, outcome = 'answered'), 0) AS wait_answered_p50_us,
  ifNotFinite(quantileExactIf(0.9)(wait_us, outcome = 'answered'), 0) AS wait_answered_p90_us
FROM (SELECT *, if(service_level_s = 0, 20, service_level_s) * 1000000 AS t_us FROM ({_VISITS}
  AND f.contact_id >= {{first_id:String}}{_SPAN.format(column="f.enqueued_at")}
GROUP BY tenant, contact_id)) AS v
GROUP BY grp"""


_WORK_GROUP: Final = {
    "": "''",
    "agent": "agent_id",
    "queue": "queue_id",
    "interval": "formatDateTime(toStartOfInterval(from_at, INTERVAL 15 MINUTE), '%FT%TZ', 'UTC')",
}


def work_totals(group_by: str) -> str:
    """Totals of `domain.metrics.Work` for each value of the group."""
    of_queue = "AND kind = 'work'" if group_by == "queue" else ""
    return f"""
SELECT {_WORK_GROUP[group_by]} AS grp,
  uniqExactIf(rid, kind = 'work' AND state = 'talking') AS handled,
  sumIf(us, kind = 'work' AND state IN ('talking', 'consulting', 'conferenced')) AS talk_us,
  sumIf(us, kind = 'work' AND state = 'held') AS hold_us,
  sumIf(us, kind = 'work' AND state = 'wrap_up') AS wrap_up_us,
  sumIf(us, kind = 'work') AS busy_us,
  sumIf(us, kind = 'presence' AND state = 'ready') AS ready_us,
  sumIf(us, kind = 'presence' AND state != 'logged_out') AS logged_in_us
FROM (SELECT *, toUnixTimestamp64Micro(until_at) - toUnixTimestamp64Micro(from_at) AS us
FROM agent_intervals FINAL
WHERE tenant = {{tenant:String}} AND state NOT IN ('', 'done') {of_queue}{_SPAN.format(column="from_at")})
GROUP BY grp"""
