import type { Component, Simulation } from '../kernel/simulation.js';
import type { Network } from '../network/network.js';
import type { LoadBalancerSpec } from '../scenario/types.js';
import type { ApiServer } from './api-server.js';

const OP_CHECK = 1;

/** A client's HTTP/2 connection, which lasts as long as the process at its end. */
interface Connected {
  readonly server: number;
  /** Life of that process when the connection was made. */
  readonly life: number;
}

/** What a balancer thinks of one server. */
class Backend {
  healthy = true;
  /** Checks in a row that say the opposite. */
  streak = 0;
}

/**
 * A balancer of TCP connections in front of the API servers (HAProxy in mode tcp, a network load balancer): it asks each for /readyz
 * at an interval, sends new connections to the healthy ones in turn, and leaves open connections where they are. A server that has
 * gone gets connections until its checks have failed often enough: these are refused.
 */
export class LoadBalancer implements Component {
  readonly name = 'load-balancer';
  private readonly simulation: Simulation;
  private readonly network: Network;
  private readonly servers: readonly ApiServer[];
  private readonly spec: LoadBalancerSpec;
  private readonly target: number;
  private readonly backends: Backend[] = [];
  /** Connections by host and user. */
  private readonly connected = new Map<number, Map<string, Connected>>();
  private turn = 0;

  constructor(simulation: Simulation, network: Network, servers: readonly ApiServer[], spec: LoadBalancerSpec) {
    this.simulation = simulation;
    this.network = network;
    this.servers = servers;
    this.spec = spec;
    this.target = simulation.add(this);
    for (let index = 0; index < servers.length; index++) {
      this.backends.push(new Backend());
      simulation.post(spec.interval, this.target, OP_CHECK, index);
    }
  }

  describe(): string {
    return 'the load balancer checks an API server';
  }

  handle(_opcode: number, index: number): void {
    const { fall, rise, interval } = this.spec;
    const server = this.servers[index]!;
    const backend = this.backends[index]!;
    const answers = server.ready && this.network.isUp(server.host);
    if (answers === backend.healthy) backend.streak = 0;
    else if (++backend.streak >= (backend.healthy ? fall : rise)) {
      backend.healthy = answers;
      backend.streak = 0;
    }
    this.simulation.post(interval, this.target, OP_CHECK, index);
  }

  /** Whether new connections go to a server. */
  healthy(index: number): boolean {
    return this.backends[index]!.healthy;
  }

  /** The server at the other end of a client's connection, if that is open; −1: it has none. */
  open(host: number, user: string): number {
    const connected = this.connected.get(host)?.get(user);
    if (connected === undefined) return -1;
    const server = this.servers[connected.server]!;
    return server.up && server.life === connected.life ? connected.server : -1;
  }

  /** The server that a client's connection was to, open or not; −1: it has never had one. */
  last(host: number, user: string): number {
    return this.connected.get(host)?.get(user)?.server ?? -1;
  }

  /** Makes a new connection for a client; −1: it is refused. `keep` false: it is closed after one request. */
  connect(host: number, user: string, keep: boolean): number {
    for (let i = 0; i < this.servers.length; i++) {
      const index = this.turn++ % this.servers.length;
      if (!this.backends[index]!.healthy) continue;
      const server = this.servers[index]!;
      if (!server.up) return -1;
      if (keep) this.note(host, user, { server: index, life: server.life });
      return index;
    }
    return -1;
  }

  private note(host: number, user: string, connected: Connected): void {
    let byUser = this.connected.get(host);
    if (byUser === undefined) this.connected.set(host, (byUser = new Map()));
    byUser.set(user, connected);
  }
}
