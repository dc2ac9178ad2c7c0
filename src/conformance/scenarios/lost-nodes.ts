import type { Pod } from '../../api/core.js';
import type { ApiClient } from '../../client/types.js';
import type { Component } from '../../kernel/component.js';
import type { Simulation } from '../../kernel/simulation.js';
import type { Time } from '../../kernel/time.js';
import type { Journal } from './journal.js';

/** A node that is deleted under a pod. */
export interface LostNode {
  /** Number of the pod, in the order in which the pods were created. */
  readonly ordinal: number;
  /** Since the start of the scenario. */
  readonly time: Time;
}

/** Deletes nodes under pods, as somebody else did while a scenario was recorded. */
export class LostNodes implements Component {
  readonly name = 'lost-nodes';
  private readonly client: ApiClient;
  private readonly journal: Journal;

  constructor(simulation: Simulation, origin: Time, lost: readonly LostNode[], client: ApiClient, journal: Journal) {
    this.client = client;
    this.journal = journal;
    const target = simulation.add(this);
    for (const { ordinal, time } of lost) simulation.schedule(origin + time - simulation.now, target, 1, ordinal);
  }

  handle(_opcode: number, ordinal: number): void {
    const pods = [...this.journal.current.values()].filter(({ kind }) => kind === 'Pod') as Pod[];
    const name = pods[ordinal]?.spec.nodeName;
    if (name !== undefined) this.client.request({ verb: 'delete', resource: 'nodes', namespace: '', name }, { receive() {} }, 0);
  }
}
