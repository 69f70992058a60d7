-- Facts of the platform. Every statement may be repeated.
-- Ids are text: a UUIDv7 then sorts by its time, which the type UUID of this engine does not.
-- Months are those inside the id, never those of a time that a later version of the row could move.
-- Unset times are 1970-01-01. Reads say FINAL.

CREATE TABLE IF NOT EXISTS call_events (
    tenant String,
    call_id String,
    seq UInt64,
    type LowCardinality(String),
    occurred_at DateTime64(6, 'UTC'),
    producer LowCardinality(String),
    causation String,
    payload String CODEC(ZSTD(3)),
    stream_seq UInt64
) ENGINE = ReplacingMergeTree(stream_seq)
PARTITION BY toYYYYMM(UUIDv7ToDateTime(toUUIDOrZero(call_id), 'UTC'))
ORDER BY (tenant, call_id, seq);

CREATE TABLE IF NOT EXISTS cdr (
    tenant String,
    call_id String,
    version UInt64,
    interaction_id String,
    direction LowCardinality(String),
    caller String,
    dialed String,
    trunk_id String,
    number_id String,
    branch_id String,
    flow_id String,
    queue_id String,
    queue_ids Array(String),
    agent_id String,
    agent_ids Array(String),
    digits String,
    cause LowCardinality(String),
    sip_status UInt16,
    started_at DateTime64(6, 'UTC'),
    answered_at DateTime64(6, 'UTC'),
    queued_at DateTime64(6, 'UTC'),
    bridged_at DateTime64(6, 'UTC'),
    ended_at DateTime64(6, 'UTC'),
    duration_us UInt64,
    wait_us UInt64,
    talk_us UInt64,
    queue_visits UInt32,
    offers UInt32,
    recording_id String,
    last_seq UInt64,
    final UInt8,
    caller_mos Float64,
    agent_mos Float64,
    owner String,
    segments String CODEC(ZSTD(3)),
    attributes Map(String, String)
) ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(UUIDv7ToDateTime(toUUIDOrZero(call_id), 'UTC'))
ORDER BY (tenant, call_id);

CREATE TABLE IF NOT EXISTS queue_visits (
    tenant String,
    contact_id String,
    seq UInt64,
    type LowCardinality(String),
    occurred_at DateTime64(6, 'UTC'),
    call_id String,
    interaction_id String,
    queue_id String,
    branch_id String,
    channel LowCardinality(String),
    priority UInt32,
    visit UInt32,
    enqueued_at DateTime64(6, 'UTC'),
    outcome LowCardinality(String),
    wait_us UInt64,
    agent_tenant String,
    agent_id String,
    offers UInt32,
    rid String,
    reason LowCardinality(String),
    service_level_s UInt32,
    short_abandon_s UInt32,
    stream_seq UInt64,
    INDEX of_call call_id TYPE bloom_filter GRANULARITY 1
) ENGINE = ReplacingMergeTree(stream_seq)
PARTITION BY toYYYYMM(UUIDv7ToDateTime(toUUIDOrZero(contact_id), 'UTC'))
ORDER BY (tenant, contact_id, seq);

-- An agent's id may be a readable word without a time in it. The month is that of the event, which its
-- sequence number fixes once for all.
CREATE TABLE IF NOT EXISTS agent_intervals (
    tenant String,
    agent_id String,
    seq UInt64,
    kind LowCardinality(String),
    state LowCardinality(String),
    reason String,
    from_at DateTime64(6, 'UTC'),
    until_at DateTime64(6, 'UTC'),
    next_state LowCardinality(String),
    cause LowCardinality(String),
    rid String,
    call_id String,
    contact_id String,
    contact_tenant String,
    queue_id String,
    disposition String,
    stream_seq UInt64
) ENGINE = ReplacingMergeTree(stream_seq)
PARTITION BY toYYYYMM(until_at)
ORDER BY (tenant, agent_id, seq);

CREATE TABLE IF NOT EXISTS recordings (
    tenant String,
    recording_id String,
    seq UInt64,
    type LowCardinality(String),
    occurred_at DateTime64(6, 'UTC'),
    call_id String,
    duration_ms UInt64,
    size_bytes UInt64,
    channels UInt8,
    sha256 String,
    incomplete UInt8,
    reason String,
    stream_seq UInt64,
    INDEX of_call call_id TYPE bloom_filter GRANULARITY 1
) ENGINE = ReplacingMergeTree(stream_seq)
PARTITION BY toYYYYMM(UUIDv7ToDateTime(toUUIDOrZero(recording_id), 'UTC'))
ORDER BY (tenant, recording_id, seq);
