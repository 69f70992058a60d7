/** The gateway's HTTP interface, as far as this page needs it. */

import type { Verdict } from "../board/connection";

export interface Tenant {
  readonly id: string;
  readonly name: string;
}

export class ApiError extends Error {
  constructor(readonly status: number) {
    super(`the gateway answered ${status}`);
    this.name = "ApiError";
  }
}

const BASE = "/api/v1";

const board = (tenant: string): string => `${BASE}/tenants/${encodeURIComponent(tenant)}/board`;

const request = (path: string, key: string): Promise<Response> =>
  fetch(path, { headers: { Authorization: `Bearer ${key}` }, cache: "no-store" });

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

/** Tenants as a plain list or within an object, each as configuration object (`{id, tenant: {name}}`) or flat. */
export function readTenants(json: unknown): Tenant[] {
  const items = Array.isArray(json) ? json : (Object.values(record(json)).find(Array.isArray) ?? []);
  return (items as unknown[]).flatMap((item) => {
    const fields = record(item);
    const id = fields["id"] ?? fields["tenant_id"];
    if (typeof id !== "string" || id === "") return [];
    const name = fields["name"] ?? record(fields["tenant"])["name"];
    return [{ id, name: typeof name === "string" && name !== "" ? name : id }];
  });
}

/** Those the key may see. A key of one tenant may not list tenants: then there is nothing to choose from. */
export async function listTenants(key: string): Promise<Tenant[]> {
  const response = await request(`${BASE}/tenants`, key);
  if (response.status === 401 || response.status === 403) return [];
  if (!response.ok) throw new ApiError(response.status);
  return readTenants(await response.json());
}

export async function probeBoard(tenant: string, key: string): Promise<Verdict> {
  try {
    const { status } = await request(board(tenant), key);
    if (status === 401 || status === 403) return "refused";
    return status === 404 ? "unknown" : "reachable";
  } catch (reason) {
    console.info("the gateway cannot be reached", reason);
    return "unreachable";
  }
}

export function boardSocketUrl(tenant: string, key: string): string {
  const scheme = window.location.protocol === "https:" ? "wss" : "ws";
  return `${scheme}://${window.location.host}${board(tenant)}/ws?key=${encodeURIComponent(key)}`;
}
