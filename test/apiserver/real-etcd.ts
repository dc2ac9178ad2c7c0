import type { KubernetesObject } from '../../src/api/meta.js';
import { Allocators } from '../../src/apiserver/allocators.js';
import { ApiServer } from '../../src/apiserver/api-server.js';
import { Call, Caller, createCallTable } from '../../src/apiserver/call.js';
import { Connections, type Watcher } from '../../src/apiserver/connections.js';
import type { ApiResponse, ResponseReceiver } from '../../src/apiserver/request.js';
import type { WatchRecord } from '../../src/apiserver/watch-cache.js';
import { RestClient } from '../../src/client/rest-client.js';
import { Client } from '../../src/etcd/client.js';
import { EtcdCluster } from '../../src/etcd/cluster.js';
import type { WatchEvent } from '../../src/etcd/types.js';
import { type Component, Simulation } from '../../src/kernel/simulation.js';
import { Network } from '../../src/network/network.js';
import { Randomness } from '../../src/random/stream.js';
import type { CostProfile } from '../../src/scenario/types.js';
import { COSTS, constant, SPEC } from '../etcd/harness.js';

const RTT = 0.4e6;
export const PREFIX = '/registry/configmaps/';
const SERVERS = 3;
const profile = {
  apiServer: {
    cores: 2,
    maxRequestsInFlight: 400,
    maxMutatingRequestsInFlight: 200,
    requestCpu: { default: constant(0.2e6) },
    listObjectCpu: 0,
    watchEventCpu: 0,
    encodeNanosecondsPerByte: 0,
  },
} as unknown as CostProfile;

/** Three API servers, each on a machine with a member of an etcd that runs Raft; clients and watchers on a machine of their own. */
export class World {
  readonly simulation = new Simulation();
  readonly network: Network;
  readonly etcd: EtcdCluster;
  readonly connections: Connections;
  readonly clientHost: number;
  readonly clients: RestClient[] = [];
  /** All changes of ConfigMaps that etcd has applied, in order: gathered from the members before they are compacted. */
  readonly history: WatchEvent[] = [];
  private gathered = 1;
  private readonly compactor: Client;

  constructor(seed: string, eventTtl = 0) {
    const randomness = new Randomness(seed);
    const rtt = constant(RTT);
    const { simulation } = this;
    this.network = new Network(simulation, randomness, { sameHost: constant(RTT / 8), sameZone: rtt, crossZone: rtt, external: rtt, bytesPerSecond: 1e15 });
    const hosts = Array.from({ length: SERVERS }, (_, i) => this.network.addHost(`control-plane-${i}`, 'a'));
    this.etcd = new EtcdCluster({ simulation, network: this.network, randomness, spec: SPEC, costs: COSTS, hosts });
    this.etcd.warmStart();
    this.clientHost = this.network.addHost('client', 'a');
    const calls = createCallTable();
    this.connections = new Connections(simulation, this.network, calls);
    const registry = new Allocators(simulation, randomness);
    hosts.forEach((host, index) => {
      const etcd = new Client(simulation, this.network, host, this.etcd.members, index);
      const server = new ApiServer({ simulation, randomness, profile, host, index, calls, etcd, registry, connections: this.connections, eventTtl });
      this.connections.addServer(server);
      server.warmStart([], 1);
      server.start();
      this.clients.push(new RestClient(simulation, this.connections, `writer-${index}`, this.clientHost, index, 0, 0));
    });
    this.compactor = new Client(simulation, this.network, hosts[0]!, this.etcd.members, -1);
  }

  run(duration: number): void {
    this.simulation.run(this.simulation.now + duration);
  }

  /** Notes the changes since the last time, from the member that has applied most. */
  gather(): void {
    for (const { store } of this.etcd.members) {
      for (let revision = this.gathered + 1; revision <= store.revision; revision++) {
        for (const event of store.eventsAt(revision)) if (event.kv.key.startsWith(PREFIX)) this.history.push(event);
        this.gathered = revision;
      }
    }
  }

  /** Compacts etcd at the newest revision, so that whatever is behind has lost its place. */
  compact(): void {
    this.gather();
    this.compactor.request({ op: 'compact', revision: this.gathered }, { etcdResponse: () => {} }, 0);
  }

  /** What is stored as of a revision: modification revision by key. */
  storedAt(revision: number): Map<string, number> {
    const stored = new Map<string, number>();
    for (const { type, kv } of this.history) {
      if (kv.modRevision > revision) break;
      if (type === 'PUT') stored.set(kv.key.slice(PREFIX.length), kv.modRevision);
      else stored.delete(kv.key.slice(PREFIX.length));
    }
    return stored;
  }

  /** Everything that is broken is repaired. */
  heal(): void {
    for (let i = 0; i < SERVERS; i++) {
      this.etcd.heal(i);
      this.connections.servers[i]!.heal();
    }
  }
}

/** A stretch of a watch: all that came after a list. */
export interface Stretch {
  readonly listed: number;
  /** Objects of the list; undefined for a watch of one object, whose list is not kept. */
  readonly items: ReadonlyMap<string, number>;
  readonly told: number[];
}

const OP_RETRY = 1;
const RETRY = 50e6;
const TAG_WATCH = 1;

/** Lists and watches ConfigMaps as a reflector does, and writes down all it is told. */
export class Scribe implements Watcher, ResponseReceiver, Component {
  readonly name: string;
  readonly resource = 'configmaps';
  readonly host: number;
  readonly key?: string;
  server = -1;
  revision = 0;
  readonly stretches: Stretch[] = [];
  private expired = false;
  private readonly world: World;
  private preferred: number;
  private readonly target: number;
  private readonly caller: Caller;

  constructor(world: World, preferred: number, key?: string) {
    this.world = world;
    this.host = world.clientHost;
    this.preferred = preferred;
    this.name = `scribe-${preferred}-${key ?? ''}`;
    this.caller = new Caller(this.name, this.host);
    if (key !== undefined) this.key = key;
    this.target = world.simulation.add(this);
  }

  list(): void {
    const seen = this.expired ? { source: 'consistent' as const } : this.revision > 0 ? { resourceVersion: this.revision } : {};
    this.send({ verb: 'list', ...seen }, 0);
  }

  /** Gives its watch up and lists again, at another server. */
  listAgain(preferred: number): void {
    // Answers to what is under way come to nobody's notice.
    if (this.server < 0) return;
    this.world.connections.unwatch(this);
    this.preferred = preferred;
    this.list();
  }

  private send(part: { verb: 'list' | 'watch'; source?: 'consistent'; resourceVersion?: number }, tag: number): void {
    const name = this.key === undefined ? '' : this.key.slice(this.key.indexOf('/') + 1);
    const call = new Call({ ...part, resource: this.resource, namespace: name === '' ? '' : 'n', name }, this.caller, this, tag);
    this.world.connections.submit(call, this.preferred, 0);
  }

  receive(tag: number, response: ApiResponse): void {
    if (response.code !== 200) {
      this.later(tag);
      return;
    }
    if (tag === TAG_WATCH) {
      const opening = this.world.connections.watch(this, this.preferred);
      if (opening === 'watching') return;
      if (opening === 'expired') this.expired = true;
      this.later(0);
      return;
    }
    const items = new Map(response.items!.map((object: KubernetesObject) => [`n/${object.metadata.name}`, object.metadata.resourceVersion]));
    this.stretches.push({ listed: response.resourceVersion!, items, told: [] });
    this.expired = false;
    this.revision = response.resourceVersion!;
    this.send({ verb: 'watch' }, TAG_WATCH);
  }

  private later(tag: number): void {
    this.world.simulation.post(RETRY, this.target, OP_RETRY, tag);
  }

  handle(_opcode: number, tag: number): void {
    if (tag === TAG_WATCH) this.send({ verb: 'watch' }, TAG_WATCH);
    else this.list();
  }

  watchEvent(record: WatchRecord): void {
    this.stretches.at(-1)!.told.push(record.revision);
  }

  watchLost(): void {
    this.later(TAG_WATCH);
  }
}
