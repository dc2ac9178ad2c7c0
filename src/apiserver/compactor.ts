import type { EtcdClient, EtcdReceiver, EtcdResponse } from '../etcd/types.js';
import type { Simulation } from '../kernel/simulation.js';
import type { Duration } from '../kernel/time.js';

/** Default of kube-apiserver's --etcd-compaction-interval. */
export const COMPACTION_INTERVAL: Duration = 300e9;
/** The key by which API servers agree on who compacts (storage/etcd3/compact.go, compactRevKey). */
const COMPACT_KEY = 'compact_rev_key';
/** Bytes of its value: a revision as text. */
const COMPACT_VALUE_BYTES = 8;
/** Event arguments: life of the process and number of the etcd cluster. */
const LIFE_UNIT = 16;
const TAG_CLAIM = 0;
const TAG_COMPACT = 1;

/**
 * The compactor that every API server runs (k8s.io/apiserver pkg/storage/etcd3/compact.go): at each interval the servers race to write
 * one key; the winner compacts etcd at the revision it saw an interval ago. So five to ten minutes of history are kept.
 */
class Compactor implements EtcdReceiver {
  private readonly simulation: Simulation;
  private readonly target: number;
  private readonly opcode: number;
  private readonly etcd: EtcdClient;
  private readonly interval: Duration;
  /** Grows with each start of the process: timers of an earlier life are void. */
  private life = 0;
  /** Modification revision of the key as last seen; 0: none. */
  private claimed = 0;
  /** Revision of the store an interval ago; 0: not known. */
  private revision = 0;

  /** Number of the etcd cluster among those of the process. */
  private readonly index: number;

  constructor(simulation: Simulation, target: number, opcode: number, etcd: EtcdClient, interval: Duration, index: number) {
    this.index = index;
    this.simulation = simulation;
    this.target = target;
    this.opcode = opcode;
    this.etcd = etcd;
    this.interval = interval;
  }

  /** The process begins to serve. */
  start(): void {
    if (this.interval > 0) this.simulation.schedule(this.interval, this.target, this.opcode, this.life * LIFE_UNIT + this.index);
  }

  /** An interval is over: tries to be the one who compacts. */
  due(life: number): void {
    if (life !== this.life) return;
    this.start();
    this.etcd.request(
      { op: 'txn', key: COMPACT_KEY, expectedModRevision: this.claimed, then: 'put', value: this.revision, bytes: COMPACT_VALUE_BYTES },
      this,
      TAG_CLAIM,
    );
  }

  /** The process died: the next one knows nothing. */
  stop(): void {
    this.life++;
    this.claimed = 0;
    this.revision = 0;
  }

  etcdResponse(tag: number, response: EtcdResponse): void {
    if (tag === TAG_COMPACT || response.error !== undefined) return;
    if (response.succeeded) {
      this.claimed = response.revision;
      if (this.revision > 0) this.etcd.request({ op: 'compact', revision: this.revision }, this, TAG_COMPACT);
    } else this.claimed = response.kvs?.[0]?.modRevision ?? 0;
    this.revision = response.revision;
  }
}

/** The compactors of an API server, one for each etcd cluster it keeps resources in. */
export class Compactors {
  private readonly each: readonly Compactor[];

  /** Their timers are event `opcode` of component `target`; an interval of 0 means that they never compact. */
  constructor(simulation: Simulation, target: number, opcode: number, etcd: EtcdClient, interval: Duration) {
    this.each = (etcd.clusters ?? [etcd]).map((client, index) => new Compactor(simulation, target, opcode, client, interval, index));
  }

  /** The process begins to serve. */
  start(): void {
    for (const compactor of this.each) compactor.start();
  }

  /** An interval is over. */
  due(argument: number): void {
    this.each[argument % LIFE_UNIT]!.due(Math.floor(argument / LIFE_UNIT));
  }

  /** The process died. */
  stop(): void {
    for (const compactor of this.each) compactor.stop();
  }
}
