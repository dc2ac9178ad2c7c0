import { Code, Status } from './status.js';

/** A status for nodes about which nothing is known: no reason, and preemption cannot help. */
const unknown = new Status(Code.UnschedulableAndUnresolvable, '', []);

/** Why nodes were turned down (framework.Diagnosis and NodeToStatus). Reused from cycle to cycle, see `reset`. */
export class Diagnosis {
  /** Nodes with a status of their own; their slots and statuses, in the order of their evaluation, come first in the arrays. */
  count = 0;
  slots = new Int32Array(64);
  readonly statuses: Status[] = [];
  /** Status of all other nodes. */
  absent: Status = unknown;
  /** Plugins that rejected the pod somewhere, and those whose answer was Pending. */
  readonly unschedulablePlugins = new Set<string>();
  readonly pendingPlugins = new Set<string>();
  preFilterMessage = '';
  /** Status of PreFilter when it turned the pod down. */
  preFilterStatus: Status | null = null;
  postFilterMessage = '';
  private last: Status | null = null;

  /** Forgets everything, for the next pod. */
  reset(): void {
    this.count = 0;
    this.absent = unknown;
    // Even an empty set makes itself new when it is cleared.
    if (this.unschedulablePlugins.size > 0) this.unschedulablePlugins.clear();
    if (this.pendingPlugins.size > 0) this.pendingPlugins.clear();
    this.preFilterMessage = '';
    this.preFilterStatus = null;
    this.postFilterMessage = '';
    this.last = null;
  }

  /** Records the status of one node; a nominated node, which is tried first, may come again. */
  set(slot: number, status: Status): void {
    if (status !== this.last) {
      this.addPlugin(status);
      this.last = status;
    }
    if (this.count > 0 && this.slots[0] === slot) {
      this.statuses[0] = status;
      return;
    }
    if (this.count === this.slots.length) {
      const slots = new Int32Array(this.count * 2);
      slots.set(this.slots);
      this.slots = slots;
    }
    this.slots[this.count] = slot;
    this.statuses[this.count++] = status;
  }

  addPlugin(status: Status): void {
    if (status.plugin === '') return;
    if (status.code === Code.Pending) this.pendingPlugins.add(status.plugin);
    if (status.rejected) this.unschedulablePlugins.add(status.plugin);
  }

  /** Status of a node. */
  get(slot: number): Status {
    for (let i = 0; i < this.count; i++) if (this.slots[i] === slot) return this.statuses[i]!;
    return this.absent;
  }

  /** Slots whose status has a code, in the order given by `order`; `capacity` is above every slot. */
  slotsWithCode(code: number, order: Int32Array, capacity: number): Int32Array {
    const matches = new Uint8Array(capacity);
    if (this.absent.code === code) matches.fill(1);
    for (let i = 0; i < this.count; i++) matches[this.slots[i]!] = this.statuses[i]!.code === code ? 1 : 0;
    const found = new Int32Array(order.length);
    let count = 0;
    for (let i = 0; i < order.length; i++) if (matches[order[i]!] === 1) found[count++] = order[i]!;
    return found.subarray(0, count);
  }

  /** The text of FitError for `nodes` nodes: event and condition show it. */
  fitError(nodes: number): string {
    let text = `0/${nodes} nodes are available:`;
    if (this.preFilterMessage !== '') text += ` ${this.preFilterMessage}.`;
    else {
      const counts = this.reasonCounts();
      const others = nodes - this.count;
      if (others > 0) for (const reason of this.absent.reasons) counts.set(reason, (counts.get(reason) ?? 0) + others);
      const parts: string[] = [];
      for (const [reason, count] of counts) parts.push(`${count} ${reason}`);
      if (parts.length > 0) text += ` ${parts.sort(byBytes).join(', ')}.`;
    }
    return this.postFilterMessage === '' ? text : `${text} ${this.postFilterMessage}`;
  }

  /** How many nodes gave each reason. Nodes share statuses, so these are counted first. */
  private reasonCounts(): Map<string, number> {
    const byStatus = new Map<Status, number>();
    for (let i = 0; i < this.count; ) {
      const status = this.statuses[i]!;
      let run = 1;
      while (i + run < this.count && this.statuses[i + run] === status) run++;
      byStatus.set(status, (byStatus.get(status) ?? 0) + run);
      i += run;
    }
    const counts = new Map<string, number>();
    for (const [status, count] of byStatus)
      for (const reason of status.reasons) counts.set(reason, (counts.get(reason) ?? 0) + count);
    return counts;
  }
}

function byBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
