import type { EventHandle } from '../kernel/simulation.js';
import type { Duration, Time } from '../kernel/time.js';
import { SECOND } from '../kernel/time.js';
import { type HeapItem, IndexedHeap } from '../scheduler/queue/heap.js';
import type { Fleet } from './fleet.js';
import { OP_REGISTRY } from './fleet.js';
import type { NodeRecord } from './node-record.js';
import type { ContainerRecord } from './records.js';

/** Bytes that count as nothing: rounding of shares. */
const NOTHING = 1;

/** One image on its way to one node. */
export class Pull {
  readonly node: NodeRecord;
  readonly container: ContainerRecord;
  slot = 0;
  event: EventHandle = 0;
  /** When the bytes began to flow. */
  began: Time = 0;
  /** Bytes still to come, as of its flow's last update. */
  left = 0;
  /** Bytes in all, of layers that the node did not have. */
  bytes = 0;
  registry: Registry | null = null;
  flow: Flow | null = null;
  /** Why it fails when it ends; empty: it does not. */
  failure = '';

  constructor(node: NodeRecord, container: ContainerRecord) {
    this.node = node;
    this.container = container;
  }
}

/** All pulls of one node from one registry: they share the node's rate. */
export class Flow implements HeapItem {
  readonly node: NodeRecord;
  readonly pulls: Pull[] = [];
  heapIndex = -1;
  /** Virtual bytes up to which the pulls are accounted for, and at which the first of them ends. */
  at = 0;
  target = 0;
  order = 0;

  constructor(node: NodeRecord) {
    this.node = node;
  }
}

class FlowHeap extends IndexedHeap<Flow> {
  protected before(a: Flow, b: Flow): boolean {
    return a.target < b.target || (a.target === b.target && a.order < b.order);
  }
}

/** Told when all bytes of a pull have come, or when its connection broke. */
export interface PullReceiver {
  downloaded(pull: Pull): void;
  broken(pull: Pull): void;
}

/**
 * A registry and its outgoing bandwidth, shared evenly by the nodes that pull; a node takes no more than its own rate, and its pulls
 * share that. Kept as virtual bytes that every node has received (processor sharing), so that a pull costs O(log n).
 */
export class Registry {
  readonly host: string;
  readonly index: number;
  up = true;
  private readonly fleet: Fleet;
  private readonly receiver: PullReceiver;
  /** Bytes a nanosecond: of the registry, and of a node. */
  private readonly limit: number;
  private readonly nodeLimit: number;
  private readonly flows = new Map<number, Flow>();
  private readonly heap = new FlowHeap();
  private virtual = 0;
  private since: Time = 0;
  private event: EventHandle = 0;
  private orders = 0;

  constructor(fleet: Fleet, receiver: PullReceiver, host: string, index: number, bytesPerSecond: number) {
    this.fleet = fleet;
    this.receiver = receiver;
    this.host = host;
    this.index = index;
    this.limit = bytesPerSecond / SECOND;
    this.nodeLimit = fleet.costs.pullBytesPerSecond / SECOND;
  }

  /** Whether its bandwidth never matters. */
  get unlimited(): boolean {
    return this.limit === Number.POSITIVE_INFINITY;
  }

  /** Bytes a nanosecond that each node gets now. */
  private get rate(): number {
    return Math.min(this.nodeLimit, this.limit / Math.max(1, this.flows.size));
  }

  private advance(): void {
    const { now } = this.fleet.simulation;
    this.virtual += this.rate * (now - this.since);
    this.since = now;
  }

  private settle(flow: Flow): void {
    const share = (this.virtual - flow.at) / flow.pulls.length;
    if (share > 0) for (const pull of flow.pulls) pull.left -= share;
    flow.at = this.virtual;
  }

  private aim(flow: Flow): void {
    if (flow.heapIndex >= 0) this.heap.remove(flow);
    let least = Number.POSITIVE_INFINITY;
    for (const pull of flow.pulls) least = Math.min(least, pull.left);
    flow.target = flow.at + Math.max(0, least) * flow.pulls.length;
    flow.order = ++this.orders;
    this.heap.push(flow);
  }

  private schedule(): void {
    const { fleet } = this;
    fleet.simulation.cancel(this.event);
    this.event = 0;
    const first = this.heap.peek();
    if (first === undefined) return;
    const delay: Duration = Math.ceil(Math.max(0, first.target - this.virtual) / this.rate);
    this.event = fleet.after(delay, OP_REGISTRY, this.index);
  }

  /** The bytes of a pull begin to flow. */
  begin(pull: Pull): void {
    const { node } = pull;
    this.advance();
    pull.began = this.fleet.simulation.now;
    pull.left = pull.bytes;
    let flow = this.flows.get(node.index);
    if (flow === undefined) {
      flow = new Flow(node);
      flow.at = this.virtual;
      this.flows.set(node.index, flow);
    } else this.settle(flow);
    flow.pulls.push(pull);
    pull.flow = flow;
    this.aim(flow);
    this.schedule();
  }

  /** A pull ends before its bytes have come. */
  cancel(pull: Pull): void {
    const { flow } = pull;
    if (flow === null) return;
    this.advance();
    this.settle(flow);
    this.leave(flow, pull);
    this.schedule();
  }

  private leave(flow: Flow, pull: Pull): void {
    pull.flow = null;
    flow.pulls.splice(flow.pulls.indexOf(pull), 1);
    if (flow.pulls.length > 0) {
      this.aim(flow);
      return;
    }
    if (flow.heapIndex >= 0) this.heap.remove(flow);
    this.flows.delete(flow.node.index);
  }

  /** The first pull has all its bytes. */
  flowed(): void {
    this.event = 0;
    this.advance();
    for (;;) {
      const flow = this.heap.peek();
      if (flow === undefined || flow.target > this.virtual + NOTHING) break;
      this.settle(flow);
      const done = flow.pulls.filter((pull) => pull.left <= NOTHING);
      if (done.length === 0) {
        this.aim(flow);
        break;
      }
      for (const pull of done) {
        this.leave(flow, pull);
        this.receiver.downloaded(pull);
      }
    }
    this.schedule();
  }

  /** The registry cannot be reached (false), which breaks what is under way, or can again. */
  setUp(up: boolean): void {
    this.up = up;
    if (up) return;
    const broken: Pull[] = [];
    for (const flow of this.flows.values()) broken.push(...flow.pulls);
    for (const pull of broken) {
      this.cancel(pull);
      this.receiver.broken(pull);
    }
  }
}
