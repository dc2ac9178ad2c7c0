import type { Time } from '../kernel/time.js';
import type { PodServer } from './pod-server.js';

/** A connection to a pod, kept for more requests. */
export class Connection {
  readonly entry: number;
  readonly address: number;
  /** Whom it was opened to: another process at the address knows nothing of it. */
  readonly server: PodServer | undefined;
  readonly opened: Time;
  /** When its newest answer reached the client; Infinity: it is in use. */
  idleSince: Time = Number.POSITIVE_INFINITY;
  requests = 0;

  constructor(entry: number, address: number, server: PodServer | undefined, opened: Time) {
    this.entry = entry;
    this.address = address;
    this.server = server;
    this.opened = opened;
  }
}
