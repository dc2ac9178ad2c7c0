import type { Node } from '../../api/core.js';

/** Values of one topology key as numbers: which domain each node is in. */
export class TopologyColumn {
  readonly key: string;
  /** Domain by slot; −1: the node lacks the label or there is no node. */
  domains: Int32Array;
  /** Values met so far, by domain. */
  readonly values: string[] = [];
  private readonly byValue = new Map<string, number>();

  constructor(key: string, capacity: number) {
    this.key = key;
    this.domains = new Int32Array(capacity).fill(-1);
  }

  /** Domain of a value, numbered on first sight. */
  domain(value: string): number {
    let domain = this.byValue.get(value);
    if (domain === undefined) {
      domain = this.values.push(value) - 1;
      this.byValue.set(value, domain);
    }
    return domain;
  }

  set(slot: number, node: Node | null): void {
    const labels = node?.metadata.labels;
    this.domains[slot] = labels !== undefined && Object.hasOwn(labels, this.key) ? this.domain(labels[this.key]!) : -1;
  }

  resize(capacity: number): void {
    const domains = new Int32Array(capacity).fill(-1);
    domains.set(this.domains);
    this.domains = domains;
  }
}
