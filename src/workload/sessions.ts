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
