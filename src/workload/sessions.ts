import type { RequestStream } from './pod-server.js';
import type { RequestTable } from './request-table.js';

/** Draw of a request that decides whether it fails because its client has met another version just before. */
const MIXED_DRAW = 64;

/**
 * Which version answered each client last. A page of one version whose next request another version answers may ask for what that one
 * does not know: mixed-version errors.
 */
export class Sessions {
  /** Share of the requests answered by another version than their client's request before that fail, 0..1. */
  readonly share: number;
  private readonly last = new Map<number, string>();

  constructor(share: number) {
    this.share = share;
  }

  /** A version answers a request of a client: whether another one answered the request before. */
  crosses(client: number, version: string): boolean {
    const before = this.last.get(client);
    if (before === version) return false;
    this.last.set(client, version);
    return before !== undefined;
  }
}

/** Who sends the requests of a stream. */
export interface SessionClients {
  readonly sessions: Sessions;
  /** The client of a request by its row; negative: nobody waits for it any more. */
  clientOf(request: number): number;
}

/** Whether a request that `version` answers fails because the one before of its client was answered by another. */
export function failsBetweenVersions({ sessions: clients, demand }: RequestStream, requests: RequestTable, request: number, version: string): boolean {
  if (!clients) return false;
  const client = clients.clientOf(request);
  if (client < 0 || !clients.sessions.crosses(client, version)) return false;
  return demand.at(requests.number[request]!, requests.first[request]! + MIXED_DRAW).next() < clients.sessions.share;
}
