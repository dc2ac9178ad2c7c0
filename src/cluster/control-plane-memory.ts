import type { ApiServer } from '../apiserver/api-server.js';
import type { Component, Simulation } from '../kernel/simulation.js';
import { type Duration, MILLISECOND, SECOND, type Time } from '../kernel/time.js';
import type { Network } from '../network/network.js';
import { type BackOffEntry, isInBackOffSince, NO_BACK_OFF, nextBackOff } from '../node/restart-policy.js';
import type { EtcdClusters } from './etcd-clusters.js';

const OP_CHECK = 1;
const OP_START = 2;
/** How often memory is looked at; the height of lists between two looks is not missed. */
const CHECK_PERIOD: Duration = 100 * MILLISECOND;
/** A container that has ended is seen by the kubelet's relist and started (pleg/generic.go, every second). */
const RELIST_PERIOD: Duration = SECOND;

/** The kube-apiserver of one machine. */
class Guarded {
  readonly server: ApiServer;
  /** The most it has taken so far. */
  peak = 0;
  kills = 0;
  backOff: BackOffEntry = NO_BACK_OFF;

  constructor(server: ApiServer) {
    this.server = server;
  }
}

/**
 * Memory of the control plane's machines: an API server that, with the database of an etcd member beside it, needs more than its machine
 * has is killed (OOMKilled), and its static pod is started again after the kubelet's back-off.
 */
export class ControlPlaneMemory implements Component {
  readonly name = 'control-plane-memory';
  readonly guarded: readonly Guarded[];
  private readonly simulation: Simulation;
  private readonly network: Network;
  private readonly etcd: EtcdClusters;
  private readonly bytes: number;
  private readonly target: number;

  constructor(simulation: Simulation, network: Network, etcd: EtcdClusters, servers: readonly ApiServer[], bytes: number) {
    this.simulation = simulation;
    this.network = network;
    this.etcd = etcd;
    this.bytes = bytes;
    this.guarded = servers.map((server) => new Guarded(server));
    this.target = simulation.add(this);
    simulation.post(CHECK_PERIOD, this.target, OP_CHECK);
  }

  describe(opcode: number): string {
    return opcode === OP_CHECK ? 'the memory of the control plane is looked at' : 'the kubelet starts an API server again';
  }

  handle(opcode: number, argument: number): void {
    if (opcode === OP_START) {
      const { server } = this.guarded[argument]!;
      if (this.network.isUp(server.host)) server.heal();
      return;
    }
    for (let index = 0; index < this.guarded.length; index++) this.check(this.guarded[index]!, index);
    this.simulation.post(CHECK_PERIOD, this.target, OP_CHECK);
  }

  private check(each: Guarded, index: number): void {
    const { server } = each;
    const used = server.takeMemory();
    if (used > each.peak) each.peak = used;
    if (used + this.databases(server.host) <= this.bytes) return;
    each.kills++;
    server.fail();
    const { now } = this.simulation;
    this.simulation.post(this.waitOf(each, now), this.target, OP_START, index);
  }

  /** How long the kubelet waits with the next start of a container that has just ended. */
  private waitOf(each: Guarded, now: Time): Duration {
    const waiting = isInBackOffSince(each.backOff, now, now);
    const wait = waiting ? each.backOff.backOff : RELIST_PERIOD;
    each.backOff = nextBackOff(each.backOff, now, now + wait);
    return wait;
  }

  /** etcd maps its database into memory (bbolt), all of it in use. */
  private databases(host: number): number {
    let bytes = 0;
    for (const member of this.etcd.members) if (member.host === host) bytes += member.store.size;
    return bytes;
  }
}
