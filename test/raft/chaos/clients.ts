import type { Entry, ReadState } from '../../../src/raft/index.js';
import type { Member } from './member.js';
import type { Operation } from './operation.js';
import { ActionKind } from './plan.js';
import { type Command, KEYS } from './store.js';

/** Clients with one operation at a time each. */
const CLIENTS = 4;

interface PendingRead {
  readonly operation: Operation;
  /** Applied index from which on it may be answered; -1: not known yet. */
  index: number;
}

/** The clients of the group and the history of what they called and were told. */
export class Clients {
  readonly operations: Operation[] = [];
  private clock = 0;
  /** Operation that each client waits for. */
  private readonly waiting: (Operation | null)[] = Array.from({ length: CLIENTS }, () => null);
  private readonly reads = new Map<string, PendingRead>();
  /** Newest value seen by anyone, by key: what compare-and-swap expects. */
  private readonly seen: number[] = Array.from({ length: KEYS }, () => 0);

  /** A client asks this member, unless it still waits for an earlier answer. */
  call(member: Member, kind: number, bits: number): void {
    const client = bits % CLIENTS;
    if (this.waiting[client] !== null) return;
    const operation = this.begin(member, kind, (bits >> 4) % KEYS);
    this.waiting[client] = operation;
    const node = member.node!;
    if (operation.kind === 'get') {
      this.reads.set(`r${operation.id}`, { operation, index: -1 });
      node.readIndex(`r${operation.id}`);
      return;
    }
    const { id, key, value, expected } = operation;
    const command: Command = { id, key, value, expected };
    if (node.propose(command, 20 + (bits % 60)) === 0) return;
    operation.refused = true;
    this.waiting[client] = null;
  }

  private begin(member: Member, action: number, key: number): Operation {
    const id = this.operations.length + 1;
    const kind = action === ActionKind.Get ? 'get' : action === ActionKind.Put ? 'put' : 'cas';
    const operation: Operation = {
      id,
      kind,
      key,
      value: kind === 'get' ? 0 : id,
      expected: kind === 'cas' ? this.seen[key]! : -1,
      invoked: ++this.clock,
      completed: Number.POSITIVE_INFINITY,
      read: 0,
      succeeded: false,
      refused: false,
      index: 0,
      member: member.id,
    };
    this.operations.push(operation);
    return operation;
  }

  giveUp(client: number): void {
    const operation = this.waiting[client % CLIENTS]!;
    if (operation !== null) this.forget(operation);
  }

  private forget(operation: Operation): void {
    this.reads.delete(`r${operation.id}`);
    const client = this.waiting.indexOf(operation);
    if (client >= 0) this.waiting[client] = null;
  }

  /** Whoever waits for this member will hear nothing. */
  crashed({ id }: Member): void {
    for (const operation of this.waiting) if (operation !== null && operation.member === id) this.forget(operation);
  }

  private complete(operation: Operation): void {
    operation.completed = ++this.clock;
    this.forget(operation);
  }

  applied(member: Member, entry: Entry, happened: boolean): void {
    const command = entry.type === 0 ? (entry.data as Command | null) : null;
    const operation = command === null ? undefined : this.operations[command.id - 1];
    if (operation !== undefined) {
      operation.index = entry.index;
      if (happened) this.seen[operation.key] = operation.value;
      if (operation.member === member.id && this.waiting.includes(operation)) {
        operation.succeeded = happened;
        this.complete(operation);
      }
    }
    this.progressed(member);
  }

  readable(member: Member, { index, context }: ReadState): void {
    const read = this.reads.get(context);
    if (read === undefined || read.operation.member !== member.id) return;
    read.index = index;
    this.progressed(member);
  }

  /** Answers the reads that this member's applied state allows. */
  progressed({ id, store }: Member): void {
    for (const { operation, index } of this.reads.values()) {
      if (operation.member !== id || index < 0 || store.applied < index) continue;
      operation.read = store.values[operation.key]!;
      this.complete(operation);
    }
  }
}
