import { Code, Status } from './status.js';

/** Why nodes were turned down (framework.Diagnosis and NodeToStatus). */
export class Diagnosis {
  /** Slots with a status of their own, in the order of their evaluation, and these statuses. */
  readonly slots: number[] = [];
  readonly statuses: Status[] = [];
  /** Status of all other nodes. */
  absent: Status = new Status(Code.UnschedulableAndUnresolvable, '', []);
  /** Plugins that rejected the pod somewhere, and those whose answer was Pending. */
  readonly unschedulablePlugins = new Set<string>();
  readonly pendingPlugins = new Set<string>();
  preFilterMessage = '';
  /** Status of PreFilter when it turned the pod down. */
  preFilterStatus: Status | null = null;
  postFilterMessage = '';

  /** Records the status of one node; a later one for the same node replaces it. */
  set(slot: number, status: Status): void {
    this.addPlugin(status);
    const known = this.slots.length > 0 && this.slots[0] === slot ? 0 : -1;
    if (known === 0) {
      this.statuses[0] = status;
      return;
    }
    this.slots.push(slot);
    this.statuses.push(status);
  }

  addPlugin(status: Status): void {
    if (status.plugin === '') return;
    if (status.code === Code.Pending) this.pendingPlugins.add(status.plugin);
    if (status.rejected) this.unschedulablePlugins.add(status.plugin);
  }

  /** Status of a node. */
  get(slot: number): Status {
    const index = this.slots.indexOf(slot);
    return index < 0 ? this.absent : this.statuses[index]!;
  }

  /** Slots whose status has a code, in the order given by `order`. */
  slotsWithCode(code: number, order: Int32Array): Int32Array {
    const matches = new Uint8Array(Math.max(maximum(order), maximum(this.slots)) + 2);
    if (this.absent.code === code) matches.fill(1);
    for (let i = 0; i < this.slots.length; i++) matches[this.slots[i]!] = this.statuses[i]!.code === code ? 1 : 0;
    return order.filter((slot) => matches[slot] === 1);
  }

  /** The text of FitError for `nodes` nodes: event and condition show it. */
  fitError(nodes: number): string {
    let text = `0/${nodes} nodes are available:`;
    if (this.preFilterMessage !== '') text += ` ${this.preFilterMessage}.`;
    else {
      const counts = new Map<string, number>();
      for (const status of this.statuses) for (const reason of status.reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
      const others = nodes - this.statuses.length;
      if (others > 0) for (const reason of this.absent.reasons) counts.set(reason, (counts.get(reason) ?? 0) + others);
      const parts: string[] = [];
      for (const [reason, count] of counts) parts.push(`${count} ${reason}`);
      if (parts.length > 0) text += ` ${parts.sort(byBytes).join(', ')}.`;
    }
    return this.postFilterMessage === '' ? text : `${text} ${this.postFilterMessage}`;
  }
}

function byBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function maximum(values: ArrayLike<number>): number {
  let largest = -1;
  for (let i = 0; i < values.length; i++) if (values[i]! > largest) largest = values[i]!;
  return largest;
}
