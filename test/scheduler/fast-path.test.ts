import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Node, Pod, PodSpec } from '../../src/api/core.js';
import { keyOf } from '../../src/api/meta.js';
import { SchedulerCore } from '../../src/scheduler/scheduler-core.js';
import { bound, node, pod } from './objects.js';
import { plainFeasible, plainTotals } from './plain-scheduler.js';

/** What may happen to a cluster between two decisions. */
type Step =
  | { readonly do: 'schedule'; readonly template: number }
  | { readonly do: 'remove' | 'terminate'; readonly which: number }
  | {
      readonly do: 'node';
      readonly index: number;
      readonly zone: number;
      readonly taint: number;
      readonly cordon: boolean;
    }
  | { readonly do: 'removeNode'; readonly index: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('schedule' as const), template: fc.nat(11) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('remove' as const, 'terminate' as const), which: fc.nat(100) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('node' as const),
      index: fc.nat(9),
      zone: fc.nat(3),
      taint: fc.nat(3),
      cordon: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('removeNode' as const), index: fc.nat(9) }) },
);

const ZONE = 'zone';
const HOST = 'kubernetes.io/hostname';
const web = { matchLabels: { app: 'web' } };
const spread = (topologyKey: string, whenUnsatisfiable: 'DoNotSchedule' | 'ScheduleAnyway', more: object = {}) => ({
  topologySpreadConstraints: [{ maxSkew: 1, topologyKey, whenUnsatisfiable, labelSelector: web, ...more }],
});
const term = (topologyKey: string) => ({ topologyKey, labelSelector: web });
const required = 'requiredDuringSchedulingIgnoredDuringExecution';
const preferred = 'preferredDuringSchedulingIgnoredDuringExecution';

/** Pods of all the sorts whose counts the scheduler keeps from pod to pod. */
const templates: readonly {
  readonly spec: Partial<PodSpec> & { requests?: Record<string, number> };
  readonly app: string;
}[] = [
  { spec: {}, app: 'web' },
  { spec: { requests: { cpu: 900, memory: 2 ** 30 } }, app: 'db' },
  { spec: spread(ZONE, 'DoNotSchedule'), app: 'web' },
  { spec: spread(HOST, 'DoNotSchedule', { minDomains: 5 }), app: 'web' },
  { spec: spread(ZONE, 'ScheduleAnyway'), app: 'web' },
  { spec: spread(HOST, 'ScheduleAnyway', { maxSkew: 2 }), app: 'db' },
  {
    spec: {
      ...spread(ZONE, 'DoNotSchedule', { nodeTaintsPolicy: 'Honor' }),
      tolerations: [{ key: 'k', operator: 'Exists' }],
    },
    app: 'web',
  },
  { spec: { affinity: { podAffinity: { [required]: [term(ZONE)] } } }, app: 'web' },
  { spec: { affinity: { podAntiAffinity: { [required]: [term(HOST)] } } }, app: 'web' },
  { spec: { affinity: { podAffinity: { [preferred]: [{ weight: 7, podAffinityTerm: term(ZONE) }] } } }, app: 'db' },
  {
    spec: { affinity: { podAntiAffinity: { [preferred]: [{ weight: 3, podAffinityTerm: term(HOST) }] } } },
    app: 'web',
  },
  { spec: { nodeSelector: { disk: 'ssd' }, requests: {} }, app: 'db' },
];

function madeNode(index: number, zone: number, taint: number, cordon: boolean): Node {
  const taints =
    taint === 1
      ? [{ key: 'k', effect: 'NoSchedule' as const }]
      : taint === 2
        ? [{ key: 'p', effect: 'PreferNoSchedule' as const }]
        : [];
  const labels = { ...(zone === 3 ? {} : { [ZONE]: `z${zone}` }), ...(index % 2 === 0 ? { disk: 'ssd' } : {}) };
  return node(`n${index}`, labels, {
    ...(taints.length === 0 ? {} : { taints }),
    ...(cordon ? { unschedulable: true } : {}),
    allocatable: { cpu: 4000, memory: 4 * 2 ** 30, pods: 7 },
  });
}

/** The scheduler and, beside it, nothing but lists of objects. */
class World {
  readonly core = new SchedulerCore('1.34', { next: () => 0 });
  readonly nodes = new Map<string, Node>();
  readonly pods = new Map<string, Pod>();

  setNode(made: Node): void {
    this.nodes.set(made.metadata.name, made);
    this.core.cache.nodes.setNode(made);
  }

  setPod(made: Pod): void {
    this.pods.set(keyOf(made), made);
    this.core.cache.set(made);
  }

  check(made: Pod): string | undefined {
    const { core } = this;
    core.algorithm.nextStartIndex = 0;
    const framework = core.frameworks.get('default-scheduler')!;
    const { result } = core.decide(framework, core.cache.podInfo(made), { next: () => 0 });
    const table = core.cache.nodes;
    const order = [...table.order].map((slot) => this.nodes.get(table.names[slot]!)!);
    const cluster = {
      nodes: order,
      pods: [...this.pods.values()].filter((other) => this.nodes.has(other.spec.nodeName!)),
    };
    const feasible = plainFeasible(cluster, made);
    assert.deepEqual(
      [...result.slots].map((slot) => table.names[slot]),
      feasible.map((fit) => fit.metadata.name),
    );
    if (feasible.length > 1) assert.deepEqual([...result.totals], plainTotals(cluster, made, feasible));
    return result.chosen < 0 ? undefined : table.names[result.chosen];
  }

  apply(action: Step, serial: number): void {
    switch (action.do) {
      case 'schedule': {
        const { spec, app } = templates[action.template]!;
        const made = pod(`p${serial}`, spec, { app });
        const chosen = this.check(made);
        if (chosen !== undefined) this.setPod(bound(made, chosen));
        break;
      }
      case 'remove':
      case 'terminate': {
        const key = [...this.pods.keys()][action.which % Math.max(1, this.pods.size)];
        if (key === undefined) break;
        const old = this.pods.get(key)!;
        if (action.do === 'terminate') this.setPod({ ...old, metadata: { ...old.metadata, deletionTimestamp: 1 } });
        else {
          this.pods.delete(key);
          this.core.cache.delete(key);
        }
        break;
      }
      case 'node':
        this.setNode(madeNode(action.index, action.zone, action.taint, action.cordon));
        break;
      case 'removeNode':
        if (this.nodes.delete(`n${action.index}`)) this.core.cache.nodes.removeNode(`n${action.index}`);
        break;
    }
    this.checkRoom();
  }

  /** No node holds more than it can. */
  checkRoom(): void {
    const table = this.core.cache.nodes;
    for (const slot of table.order) {
      assert.ok(table.podCount[slot]! <= table.allowedPods[slot]!);
      for (let id = 0; id < table.resourceNames.length; id++) {
        if (this.nodes.has(table.names[slot]!))
          assert.ok(table.requested[id]![slot]! <= table.allocatable[id]![slot]! || id > 1);
      }
    }
  }
}

test('decisions over a changing cluster equal those of the plain rules: feasible nodes and total scores', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 60 }), (steps) => {
      const world = new World();
      for (let index = 0; index < 6; index++) world.setNode(madeNode(index, index % 3, 0, false));
      for (const [serial, action] of steps.entries()) world.apply(action, serial);
    }),
    { numRuns: 150, seed: 20251121 },
  );
});

test('a preemption that is only tried leaves no trace', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 40 }), fc.nat(11), (steps, template) => {
      const world = new World();
      for (let index = 0; index < 4; index++) world.setNode(madeNode(index, index % 3, 0, false));
      for (const [serial, action] of steps.entries()) world.apply(action, serial);
      const { core } = world;
      const { spec, app } = templates[template]!;
      const important = pod('important', { ...spec, priority: 10, requests: { cpu: 3900, memory: 2 ** 20 } }, { app });
      core.decide(core.frameworks.get('default-scheduler')!, core.cache.podInfo(important), { next: () => 0 });
      for (let other = 0; other < templates.length; other++)
        world.check(pod('probe', templates[other]!.spec, { app: templates[other]!.app }));
    }),
    { numRuns: 60, seed: 7 },
  );
});

test('an empty matching node makes a plain pod schedulable', () => {
  const world = new World();
  world.setNode(madeNode(0, 0, 0, true));
  const waiting = pod('waiting');
  assert.equal(world.check(waiting), undefined);
  world.setNode(madeNode(1, 0, 0, false));
  assert.equal(world.check(waiting), 'n1');
});
