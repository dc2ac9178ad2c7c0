import type { FaultDomain } from '../faults/faults.js';
import type { Component, Simulation } from '../kernel/simulation.js';
import type { Time } from '../kernel/time.js';
import { sample } from '../random/distribution.js';
import type { KeyedDraws, Randomness } from '../random/stream.js';
import type { Scenario } from '../scenario/types.js';
import type { Timeline } from './timeline.js';

const OP_JOIN = 1;

/** Switches on the machines that are not there at the start (`cluster.nodes[].joins`): their kubelets register them when they have booted. */
export class JoiningMachines implements Component {
  readonly name = 'joining-machines';
  private readonly simulation: Simulation;
  private readonly scenario: Scenario;
  private readonly faults: FaultDomain;
  private readonly timeline: Timeline;
  private readonly draws: KeyedDraws;
  private readonly target: number;

  constructor(simulation: Simulation, randomness: Randomness, scenario: Scenario, faults: FaultDomain, timeline: Timeline) {
    this.simulation = simulation;
    this.scenario = scenario;
    this.faults = faults;
    this.timeline = timeline;
    this.draws = randomness.keyed('machines/boot');
    this.target = simulation.add(this);
  }

  /** Whether any machine of a scenario joins later. */
  static needed({ cluster }: Scenario): boolean {
    return Object.values(cluster.machines ?? {}).some(({ joins }) => joins !== undefined);
  }

  /** `origin`: the instant from which times of the scenario count. */
  start(origin: Time): void {
    const { nodes, machines = {} } = this.scenario.cluster;
    nodes.forEach(({ metadata }, index) => {
      const joins = machines[metadata.name]?.joins;
      if (joins === undefined) return;
      const boot = joins.boot === undefined ? 0 : sample(joins.boot, this.draws.source(index));
      this.simulation.scheduleAt(origin + joins.at + Math.round(boot), this.target, OP_JOIN, index);
    });
  }

  describe(): string {
    return 'a machine has booted';
  }

  handle(_opcode: number, index: number): void {
    this.faults.setNode(index, true);
    this.timeline.note('join', `node ${this.scenario.cluster.nodes[index]!.metadata.name} has booted, its kubelet registers it`);
  }
}
