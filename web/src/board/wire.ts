/** The contract's `reporting.v1.BoardUpdate` as JSON, turned into typed figures with times in milliseconds. */

export interface QueueFigures {
  readonly id: string;
  readonly name: string;
  readonly waiting: number;
  /** Null: nobody waits. */
  readonly oldestEnqueuedAt: number | null;
  readonly offered: number;
  readonly answered: number;
  readonly abandoned: number;
  readonly shortAbandoned: number;
  readonly other: number;
  readonly answeredInTime: number;
  /** OFFERED: answered within T ÷ (answered + abandoned), 0 to 1. Null while undefined. */
  readonly serviceLevel: number | null;
  /** T in seconds. */
  readonly serviceLevelS: number;
  readonly talking: number;
  /** Average speed of answer in seconds. Null while undefined. */
  readonly asaS: number | null;
}

export interface AgentFigures {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly reason: string;
  readonly since: number | null;
  readonly queueId: string;
}

export interface MinuteFigures {
  readonly minute: number;
  readonly queueId: string;
  readonly offered: number;
  readonly answered: number;
  readonly abandoned: number;
  readonly waitingMax: number;
}

/** A call for help that runs now. */
export interface EmergencyCall {
  readonly callId: string;
  readonly number: string;
  readonly agentId: string;
  readonly seatId: string;
  readonly branchId: string;
  readonly since: number | null;
}

export interface BoardUpdate {
  readonly kind: "snapshot" | "delta" | "heartbeat";
  readonly at: number;
  readonly queues: readonly QueueFigures[];
  readonly agents: readonly AgentFigures[];
  readonly minutes: readonly MinuteFigures[];
  /** Null: the message does not say (a heartbeat). */
  readonly callsNow: number | null;
  readonly removedQueueIds: readonly string[];
  readonly removedAgentIds: readonly string[];
  /** All that run. Null: the message does not say (a heartbeat). */
  readonly emergencies: readonly EmergencyCall[] | null;
}

export class WireError extends Error {
  constructor(readonly field: string) {
    super(`the board's message has no usable ${field}`);
    this.name = "WireError";
  }
}

export const DEFAULT_SERVICE_LEVEL_S = 20;

type Fields = Readonly<Record<string, unknown>>;

function fields(value: unknown, what: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new WireError(what);
  return value as Fields;
}

/** Protobuf's JSON may leave a zero out and may write 64-bit numbers as text. */
function number(from: Fields, name: string): number {
  const value = from[name] ?? 0;
  const parsed = typeof value === "string" ? Number(value) : value;
  if (typeof parsed !== "number" || !Number.isFinite(parsed)) throw new WireError(name);
  return parsed;
}

function text(from: Fields, name: string): string {
  const value = from[name] ?? "";
  if (typeof value !== "string") throw new WireError(name);
  return value;
}

function time(from: Fields, name: string): number | null {
  const value = from[name] ?? null;
  if (value === null || value === "") return null;
  const parsed = typeof value === "string" ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(parsed)) throw new WireError(name);
  return parsed;
}

function list<T>(from: Fields, name: string, read: (item: unknown) => T): T[] {
  const value = from[name] ?? [];
  if (!Array.isArray(value)) throw new WireError(name);
  return value.map(read);
}

function id(from: Fields, name: string): string {
  const value = text(from, name);
  if (value === "") throw new WireError(name);
  return value;
}

const undefinedIfNegative = (value: number): number | null => (value < 0 ? null : value);

function queue(value: unknown): QueueFigures {
  const from = fields(value, "queue");
  const queueId = id(from, "queue_id");
  return {
    id: queueId,
    name: text(from, "name") || queueId,
    waiting: number(from, "waiting"),
    oldestEnqueuedAt: time(from, "oldest_enqueued_at"),
    offered: number(from, "offered"),
    answered: number(from, "answered"),
    abandoned: number(from, "abandoned"),
    shortAbandoned: number(from, "short_abandoned"),
    other: number(from, "other"),
    answeredInTime: number(from, "answered_in_time"),
    serviceLevel: undefinedIfNegative(number(from, "service_level")),
    serviceLevelS: number(from, "service_level_s") || DEFAULT_SERVICE_LEVEL_S,
    talking: number(from, "talking"),
    asaS: undefinedIfNegative(number(from, "asa_s")),
  };
}

function agent(value: unknown): AgentFigures {
  const from = fields(value, "agent");
  const agentId = id(from, "agent_id");
  return {
    id: agentId,
    name: text(from, "name") || agentId,
    state: text(from, "state") || "logged_out",
    reason: text(from, "reason"),
    since: time(from, "since"),
    queueId: text(from, "queue_id"),
  };
}

function minute(value: unknown): MinuteFigures {
  const from = fields(value, "minute");
  const start = time(from, "minute");
  if (start === null) throw new WireError("minute");
  return {
    minute: start,
    queueId: text(from, "queue_id"),
    offered: number(from, "offered"),
    answered: number(from, "answered"),
    abandoned: number(from, "abandoned"),
    waitingMax: number(from, "waiting_max"),
  };
}

function emergency(value: unknown): EmergencyCall {
  const from = fields(value, "emergency");
  return {
    callId: id(from, "call_id"),
    number: text(from, "number"),
    agentId: text(from, "agent_id"),
    seatId: text(from, "seat_id"),
    branchId: text(from, "branch_id"),
    since: time(from, "since"),
  };
}

const string = (value: unknown): string => {
  if (typeof value !== "string") throw new WireError("removed id");
  return value;
};

/** @throws WireError naming the field that cannot be used. */
export function readUpdate(json: unknown): BoardUpdate {
  const from = fields(json, "object");
  const kind = text(from, "kind");
  if (kind !== "snapshot" && kind !== "delta" && kind !== "heartbeat") throw new WireError("kind");
  const at = time(from, "at");
  if (at === null) throw new WireError("at");
  return {
    kind,
    at,
    queues: list(from, "queues", queue),
    agents: list(from, "agents", agent),
    minutes: list(from, "minutes", minute),
    callsNow: kind === "heartbeat" ? null : number(from, "calls_now"),
    removedQueueIds: list(from, "removed_queue_ids", string),
    removedAgentIds: list(from, "removed_agent_ids", string),
    emergencies: kind === "heartbeat" ? null : list(from, "emergencies", emergency),
  };
}
