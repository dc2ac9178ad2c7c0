import type {
  EtcdClient,
  EtcdReceiver,
  EtcdRequest,
  EtcdResponse,
  EtcdWatchReceiver,
  WatchEvent,
} from '../../src/etcd/types.js';
import type { Component } from '../../src/kernel/simulation.js';
import { type Duration, MILLISECOND, SECOND } from '../../src/kernel/time.js';
import { Randomness, type Stream } from '../../src/random/stream.js';
import { Harness } from './harness.js';
import type { Operation } from './linearizability.js';

/** Longest pause of a client between two requests. */
const THINKING = 60 * MILLISECOND;
const KEYS = ['/c/a', '/c/b', '/c/d'];

/** A client that does one random operation after the other and writes down what it saw. */
class Worker implements Component, EtcdReceiver {
  readonly name: string;
  readonly history: { readonly key: string; readonly operation: Operation }[] = [];
  /** Revision of acknowledged writes by value. */
  readonly acknowledged = new Map<number, { readonly key: string; readonly revision: number }>();
  stopped = false;
  private readonly harness: Harness;
  private readonly client: EtcdClient;
  private readonly stream: Stream;
  private readonly number: number;
  private readonly target: number;
  private count = 0;
  private key = '';
  private start = 0;
  private request: EtcdRequest | null = null;
  private value = 0;
  /** What this client last read of each key, for compare-and-swap. */
  private readonly known = new Map<string, { readonly revision: number; readonly value: unknown }>();
  private expected: unknown;

  constructor(harness: Harness, client: EtcdClient, stream: Stream, number: number) {
    this.harness = harness;
    this.client = client;
    this.stream = stream;
    this.number = number;
    this.name = `worker-${number}`;
    this.target = harness.simulation.add(this);
  }

  /** Thinks, then sends the next request. */
  next(): void {
    if (!this.stopped) this.harness.simulation.schedule(this.stream.integer(THINKING), this.target, 0);
  }

  handle(): void {
    const { stream } = this;
    this.key = KEYS[stream.integer(KEYS.length)]!;
    this.value = this.number * 1_000_000 + ++this.count;
    this.start = this.harness.simulation.now;
    const known = this.known.get(this.key);
    const kind = stream.integer(10);
    if (kind < 3) this.request = { op: 'range', key: this.key, prefix: false };
    else if (kind < 6 && known !== undefined) {
      const { revision } = known;
      this.expected = known.value;
      this.request = {
        op: 'txn',
        key: this.key,
        expectedModRevision: revision,
        then: 'put',
        value: this.value,
        bytes: 20,
      };
    } else if (kind < 7) this.request = { op: 'delete', key: this.key };
    else this.request = { op: 'put', key: this.key, value: this.value, bytes: 20 };
    this.client.request(this.request, this, 0);
  }

  etcdResponse(_tag: number, response: EtcdResponse): void {
    const request = this.request!;
    const unknown = response.error !== undefined;
    const end = unknown ? Number.POSITIVE_INFINITY : this.harness.simulation.now;
    const { start, key, value } = this;
    const note = (operation: Operation) => this.history.push({ key, operation });
    if (request.op === 'range') {
      if (!unknown) {
        const kv = response.kvs![0];
        note({ kind: 'get', start, end, value: kv?.value });
        this.known.set(key, { revision: kv?.modRevision ?? 0, value: kv?.value });
      }
    } else if (request.op === 'txn') {
      note({
        kind: 'cas',
        start,
        end,
        value,
        expected: this.expected,
        ...(unknown ? {} : { matched: response.succeeded }),
      });
      if (!unknown && response.succeeded) this.acknowledge(response);
    } else if (request.op === 'put') {
      note({ kind: 'put', start, end, value });
      if (!unknown) this.acknowledge(response);
    } else {
      note({ kind: 'delete', start, end, value: undefined });
    }
    this.next();
  }

  private acknowledge(response: EtcdResponse): void {
    this.acknowledged.set(this.value, { key: this.key, revision: response.revision });
    this.known.set(this.key, { revision: response.revision, value: this.value });
  }
}

/** Follows all keys and resumes after every end of its watch. */
class Watcher implements EtcdWatchReceiver {
  readonly events: WatchEvent[] = [];
  private next = 2;
  private readonly client: EtcdClient;

  constructor(client: EtcdClient) {
    this.client = client;
    client.watch('', this.next, this, 0);
  }

  watchEvents(_tag: number, events: readonly WatchEvent[], revision: number): void {
    this.events.push(...events);
    this.next = revision + 1;
  }

  watchCancelled(): void {
    this.client.watch('', this.next, this, 0);
  }
}

/** What a run under faults left behind. */
export interface ChaosResult {
  readonly harness: Harness;
  readonly workers: readonly Worker[];
  readonly watchers: readonly Watcher[];
  readonly keys: readonly string[];
}

/**
 * Runs clients for a while under random faults: kills, machine losses, pauses, partitions, one-way cuts, slow disks, leader
 * moves and defragmentations, never healed for long; then heals everything and lets the cluster settle.
 */
export function chaos(seed: string, duration: Duration = 40 * SECOND): ChaosResult {
  const harness = new Harness(
    {
      seed,
      // A short log, so that members that were away need snapshots.
      spec: { snapshotCatchUpEntries: 10 },
      rtt: { kind: 'lognormal', median: 0.4 * MILLISECOND, sigma: 0.8 },
      costs: {
        fsync: { kind: 'lognormal', median: MILLISECOND, sigma: 0.8, stall: { probability: 0.005, factor: 20 } },
      },
    },
    -1,
  );
  const stream = new Randomness(seed).stream('chaos');
  const workers = [0, 1, 2, -1].map((member, i) => new Worker(harness, harness.connect(member), stream, i + 1));
  const watchers = [0, 1, 2].map((member) => new Watcher(harness.connect(member)));
  for (const worker of workers) worker.next();
  const { cluster, network } = harness;
  const end = harness.simulation.now + duration;
  while (harness.simulation.now < end) {
    const victim = stream.integer(3);
    const other = (victim + 1 + stream.integer(2)) % 3;
    const [a, b] = [cluster.members[victim]!.host, cluster.members[other]!.host];
    switch (stream.integer(8)) {
      case 0:
        cluster.fail(victim);
        break;
      case 1:
        cluster.fail(victim, true);
        break;
      case 2:
        cluster.pause(victim);
        break;
      case 3:
        network.setLink(a, b, false);
        break;
      case 4:
        for (const member of cluster.members) {
          if (member.index === victim) continue;
          network.setLink(a, member.host, false);
          network.setLink(member.host, a, false);
        }
        break;
      case 5:
        cluster.setDiskFactor(victim, 20);
        break;
      case 6:
        if (cluster.members[victim]!.running) cluster.moveLeader(victim);
        break;
      case 7:
        cluster.defragment(victim, 500 * MILLISECOND);
        break;
    }
    harness.run(stream.integer(3000) * MILLISECOND);
    if (stream.integer(3) > 0) heal(harness);
  }
  heal(harness);
  harness.run(15 * SECOND);
  for (const worker of workers) worker.stopped = true;
  harness.run(60 * SECOND);
  return { harness, workers, watchers, keys: KEYS };
}

function heal(harness: Harness): void {
  const { cluster, network } = harness;
  for (const member of cluster.members) {
    cluster.heal(member.index);
    cluster.resume(member.index);
    cluster.setDiskFactor(member.index, 1);
    for (const peer of cluster.members) network.setLink(member.host, peer.host, true);
  }
}
