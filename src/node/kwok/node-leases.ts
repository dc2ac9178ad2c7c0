import type { Lease } from '../../api/workloads.js';
import { type ApiResponse, type ResponseReceiver, succeeded } from '../../apiserver/request.js';
import type { ApiClient } from '../../client/types.js';
import { worked } from '../../client/context.js';
import type { ProcessorShare } from '../../etcd/processor.js';
import { Fifo } from '../../kernel/fifo.js';
import type { Component, Simulation } from '../../kernel/simulation.js';
import type { Duration } from '../../kernel/time.js';
import type { KeyedDraws } from '../../random/stream.js';
import type { CostProfile } from '../../scenario/types.js';
import { NODE_LEASE_NAMESPACE } from '../heartbeats.js';

const OP_DUE = 1;
const OP_SYNC = 2;

/** A lease is renewed every quarter of its duration, each time by up to this share later (controller.go renewIntervalJitter). */
const RENEW_FRACTION = 4;
const RENEW_JITTER = 0.04;
/** How long the controller waits when the namespace of leases is not there yet. */
const NAMESPACE_WAIT: Duration = 1e9;

/** Who holds the leases of KWOK's nodes. */
export const KWOK_IDENTITY = 'kwok-controller';

class HeldLease {
  readonly node: string;
  readonly index: number;
  /** The lease as last stored; null: to be created. */
  lease: Lease | null;
  renewals = 0;
  held = true;

  constructor(node: string, index: number, lease: Lease | null) {
    this.node = node;
    this.index = index;
    this.lease = lease;
  }
}

export interface NodeLeasesOptions {
  readonly simulation: Simulation;
  readonly client: ApiClient;
  /** nodeLeaseParallelism. */
  readonly parallelism: number;
  /** nodeLeaseDurationSeconds. */
  readonly durationSeconds: number;
  readonly draws: KeyedDraws;
  readonly costs: CostProfile['kwok'];
  /** Cores that its process shares with others; absent: enough for everything. */
  readonly machine?: ProcessorShare;
}

/** KWOK's node lease controller (pkg/kwok/controllers/node_lease_controller.go): a few workers renew the leases of all nodes. */
export class NodeLeases implements Component, ResponseReceiver {
  readonly name = 'kwok-controller/node-leases';
  private readonly options: NodeLeasesOptions;
  private readonly target: number;
  private readonly leases: HeldLease[] = [];
  private readonly byNode = new Map<string, HeldLease>();
  private readonly due = new Fifo<HeldLease>();
  private idle: number;

  constructor(options: NodeLeasesOptions) {
    this.options = options;
    this.idle = options.parallelism;
    this.target = options.simulation.add(this);
  }

  private get interval(): Duration {
    return (this.options.durationSeconds / RENEW_FRACTION) * 1e9;
  }

  /** Holds the lease of a node from now on. `phase` in 0..1: which part of the renewal interval has passed; 1: it is renewed at once. */
  hold(node: string, phase: number, lease: Lease | null): void {
    const known = this.byNode.get(node);
    if (known?.held === true) return;
    const held = known ?? new HeldLease(node, this.leases.length, lease);
    if (known === undefined) {
      this.leases.push(held);
      this.byNode.set(node, held);
    }
    held.held = true;
    this.schedule(held, Math.round((1 - phase) * this.interval));
  }

  /** Lets the lease of a node run out. */
  release(node: string): void {
    const held = this.byNode.get(node);
    if (held !== undefined) held.held = false;
  }

  private schedule(held: HeldLease, delay: Duration): void {
    this.options.simulation.schedule(delay, this.target, OP_DUE, held.index);
  }

  describe(opcode: number, argument: number): string {
    return `${opcode === OP_DUE ? 'the lease is due' : 'a worker renews the lease'} of node ${this.leases[argument]!.node}`;
  }

  handle(opcode: number, argument: number): void {
    const held = this.leases[argument]!;
    if (opcode === OP_DUE) {
      if (!held.held) return;
      this.due.push(held);
      this.work();
    } else this.sync(held);
  }

  private work(): void {
    while (this.idle > 0) {
      const held = this.due.shift();
      if (held === undefined) return;
      this.idle--;
      this.options.simulation.schedule(worked(this.options, this.options.costs.leaseCpu), this.target, OP_SYNC, held.index);
    }
  }

  private sync(held: HeldLease): void {
    const { client, durationSeconds, simulation } = this.options;
    const { node, lease } = held;
    const body: Lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: lease?.metadata ?? {
        name: node,
        namespace: NODE_LEASE_NAMESPACE,
        uid: '',
        resourceVersion: 0,
        generation: 0,
        creationTimestamp: 0,
      },
      spec: { holderIdentity: KWOK_IDENTITY, leaseDurationSeconds: durationSeconds, renewTime: simulation.now },
    };
    const verb = lease === null ? 'create' : 'update';
    client.request({ verb, resource: 'leases', namespace: NODE_LEASE_NAMESPACE, name: node, body }, this, held.index);
  }

  receive(tag: number, response: ApiResponse): void {
    const held = this.leases[tag]!;
    this.idle++;
    let delay = this.interval * (1 + RENEW_JITTER * this.options.draws.uniform(held.index, held.renewals++));
    if (succeeded(response)) held.lease = response.object as Lease;
    else if (response.code === 404) {
      // The lease is gone, or its namespace is not there yet.
      held.lease = null;
      delay = NAMESPACE_WAIT;
    } else if (response.code === 409 && held.lease !== null) {
      // The controller's cache has the newer version by the next time; without its number the update is unconditional.
      held.lease = { ...held.lease, metadata: { ...held.lease.metadata, resourceVersion: 0 } };
    }
    if (held.held) this.schedule(held, Math.round(delay));
    this.work();
  }
}
