import { type Cycle, defaultNormalize, type Handle, type Plugin, type Status, unschedulable } from 'towtank/scheduler';

/** Arguments as `pluginConfig` of scheduler.yaml gives them. */
interface CheapestNodeArgs {
  /** Label of nodes with their price an hour. */
  readonly priceLabel?: string;
}

/**
 * Pods labelled `tier: critical` stay off nodes labelled `example.com/lifecycle: spot`; all others go to the cheapest node that
 * has room. Keep state as data (no closures), so that checkpoints can hold it.
 */
export default class CheapestNode implements Plugin {
  readonly name = 'CheapestNode';
  private readonly handle: Handle;
  private readonly priceLabel: string;
  /** The answer that is the same for every spot node: made once. */
  private readonly onSpot = unschedulable(this.name, 'spot node(s) take no critical pods');

  constructor(handle: Handle, args: CheapestNodeArgs) {
    this.handle = handle;
    this.priceLabel = args.priceLabel ?? 'example.com/price-per-hour';
  }

  /** Called for each node that is looked at. `null`: the pod may go there. */
  filter(cycle: Cycle, slot: number): Status | null {
    const critical = cycle.pod.pod.metadata.labels?.['tier'] === 'critical';
    return critical && this.label(slot, 'example.com/lifecycle') === 'spot' ? this.onSpot : null;
  }

  /** Raw scores of all nodes that passed: prices in thousandths of a cent. */
  scoreNodes(_cycle: Cycle, slots: Int32Array, scores: Float64Array): void {
    slots.forEach((slot, i) => {
      const price = Number(this.label(slot, this.priceLabel));
      if (!(price >= 0)) throw new Error(`node ${this.handle.nodes.names[slot]} has no label ${this.priceLabel} with a price`);
      scores[i] = Math.round(price * 100_000);
    });
  }

  /** Brings the raw scores to 0..100; the smallest price is worth most. */
  normalize(_cycle: Cycle, _slots: Int32Array, scores: Float64Array): void {
    defaultNormalize(scores, true);
  }

  private label(slot: number, key: string): string | undefined {
    return this.handle.nodes.nodes[slot]?.metadata.labels?.[key];
  }
}
