/** Messages for tests, as the gateway writes them. */

export const T0 = Date.parse("2026-03-02T10:15:30Z");

export const iso = (at: number): string => new Date(at).toISOString();

type Json = Readonly<Record<string, unknown>>;

export const queueJson = (id: string, fields: Json = {}): Json => ({
  queue_id: id,
  name: id.toUpperCase(),
  waiting: 0,
  offered: 0,
  answered: 0,
  abandoned: 0,
  answered_in_time: 0,
  service_level: -1,
  service_level_s: 20,
  talking: 0,
  asa_s: -1,
  ...fields,
});

export const agentJson = (id: string, state: string, since = T0, fields: Json = {}): Json => ({
  agent_id: id,
  name: id,
  state,
  since: iso(since),
  ...fields,
});

export const minuteJson = (queueId: string, minute: number, fields: Json = {}): Json => ({
  queue_id: queueId,
  minute: iso(minute),
  ...fields,
});

export const updateJson = (kind: string, at: number, fields: Json = {}): Json => ({ kind, at: iso(at), ...fields });
