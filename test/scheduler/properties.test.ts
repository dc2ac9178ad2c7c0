import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Node, Pod, PodSpec } from '../../src/api/core.js';
import { podCondition } from '../../src/api/core.js';
import { MILLISECOND, SECOND } from '../../src/kernel/time.js';
import { explainDecision } from '../../src/scheduler/explain.js';
import { SchedulerCore } from '../../src/scheduler/scheduler-core.js';
import { FakeCluster } from './fake-cluster.js';
import { bound, node, pod } from './objects.js';

const GIB = 2 ** 30;

/** What happens to a cluster, one after the other, some milliseconds apart. */
type Happening =
  | { readonly do: 'create'; readonly cpu: number; readonly memory: number; readonly priority: number; readonly tolerates: boolean }
  | { readonly do: 'delete'; readonly which: number }
  | { readonly do: 'cordon'; readonly which: number; readonly cordoned: boolean }
  | { readonly do: 'grow'; readonly which: number; readonly cpu: number };

const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('create' as const),
      cpu: fc.integer({ min: 0, max: 5000 }),
      memory: fc.integer({ min: 0, max: 9 }),
      priority: fc.integer({ min: 0, max: 2 }),
      tolerates: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), which: fc.nat(30) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cordon' as const), which: fc.nat(4), cordoned: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('grow' as const), which: fc.nat(4), cpu: fc.integer({ min: 1000, max: 6000 }) }) },
);

const story = fc.record({
  nodes: fc.array(fc.record({ cpu: fc.integer({ min: 500, max: 4000 }), pods: fc.integer({ min: 1, max: 6 }), tainted: fc.boolean() }), {
    minLength: 1,
    maxLength: 5,
  }),
  happenings: fc.array(fc.tuple(happening, fc.integer({ min: 0, max: 40 })), { minLength: 1, maxLength: 30 }),
});

function madeNode(index: number, cpu: number, pods: number, tainted: boolean, cordoned = false): Node {
  return node(`n${index}`, {}, {
    allocatable: { cpu, memory: 8 * GIB, pods },
    ...(tainted ? { taints: [{ key: 'k', effect: 'NoSchedule' as const }] } : {}),
    ...(cordoned ? { unschedulable: true } : {}),
  });
}

/** Plays a story; `look` after each millisecond, and `decided` before each decision of the scheduler. */
class Stage {
  readonly cluster = new FakeCluster();
  readonly nodes: Node[];
  readonly names: string[] = [];

  constructor(nodes: readonly { readonly cpu: number; readonly pods: number; readonly tainted: boolean }[]) {
    this.nodes = nodes.map(({ cpu, pods, tainted }, i) => madeNode(i, cpu, pods, tainted));
    for (const each of this.nodes) this.cluster.setNode(each);
  }

  /** Pods that have a node, or whose binding is on its way to one, by node. */
  placed(): Map<string, Pod[]> {
    const placed = new Map(this.nodes.map(({ metadata }) => [metadata.name, [] as Pod[]]));
    const sent = new Map<string, string>();
    for (const { request } of this.cluster.requests) if (request.subresource === 'binding') sent.set(request.name, request.target!);
    for (const name of this.names) {
      const each = this.cluster.pod(`default/${name}`);
      const where = each?.spec.nodeName ?? sent.get(name);
      if (each !== undefined && where !== undefined) placed.get(where)!.push(each);
    }
    return placed;
  }

  happen(what: Happening, serial: number): void {
    const { cluster, nodes } = this;
    const index = 'which' in what ? what.which % nodes.length : 0;
    if (what.do === 'create') {
      const { cpu, memory, priority, tolerates } = what;
      const name = `p${serial}`;
      this.names.push(name);
      const tolerations: PodSpec['tolerations'] = tolerates ? [{ key: 'k', operator: 'Exists' }] : [];
      cluster.create(pod(name, { requests: { cpu, memory: memory * GIB }, priority, tolerations }));
    } else if (what.do === 'delete') {
      const name = this.names[what.which];
      if (name !== undefined && cluster.pod(`default/${name}`) !== undefined) cluster.setPod(undefined, `default/${name}`);
    } else {
      const old = nodes[index]!;
      const cpu = Math.max(old.status.allocatable['cpu']!, what.do === 'grow' ? what.cpu : 0);
      const cordoned = what.do === 'cordon' ? what.cordoned : old.spec.unschedulable === true;
      nodes[index] = madeNode(index, cpu, old.status.allocatable['pods']!, old.spec.taints !== undefined, cordoned);
      cluster.setNode(nodes[index]);
    }
  }
}

const amount = (each: Pod, name: 'cpu' | 'memory') => each.spec.containers[0]!.resources!.requests![name] ?? 0;
const sum = (pods: readonly Pod[], name: 'cpu' | 'memory') => pods.reduce((total, each) => total + amount(each, name), 0);

test('no node is ever above what it can give by the scheduler’s doing', () => {
  fc.assert(
    fc.property(story, ({ nodes, happenings }) => {
      const stage = new Stage(nodes);
      const { simulation } = stage.cluster;
      let now = 0;
      happenings.forEach(([what, pause], serial) => {
        stage.happen(what, serial);
        for (let i = 0; i <= pause; i++) {
          now += MILLISECOND;
          simulation.run(now);
          for (const [name, pods] of stage.placed()) {
            const { allocatable } = stage.nodes.find(({ metadata }) => metadata.name === name)!.status;
            assert.ok(pods.length <= allocatable['pods']!, name);
            assert.ok(sum(pods, 'cpu') <= allocatable['cpu']!, name);
            assert.ok(sum(pods, 'memory') <= allocatable['memory']!, name);
          }
        }
      });
    }),
    { numRuns: 60 },
  );
});

/** Why a pod fits nowhere, by rules written down once more: reasons with the number of their nodes, as the message has them. */
function reasonsFor(each: Pod, nodes: readonly Node[], placed: ReadonlyMap<string, readonly Pod[]>): string | undefined {
  const counts = new Map<string, number>();
  const count = (reason: string) => counts.set(reason, (counts.get(reason) ?? 0) + 1);
  for (const { metadata, spec, status } of nodes) {
    const there = placed.get(metadata.name)!;
    if (spec.unschedulable === true) count('node(s) were unschedulable');
    else if (spec.taints !== undefined && each.spec.tolerations!.length === 0) count('node(s) had untolerated taint(s)');
    else {
      const short: string[] = [];
      if (there.length + 1 > status.allocatable['pods']!) short.push('Too many pods');
      for (const name of ['cpu', 'memory'] as const) {
        const wanted = amount(each, name);
        if (wanted > 0 && wanted > status.allocatable[name]! - sum(there, name)) short.push(`Insufficient ${name}`);
      }
      if (short.length === 0) return undefined;
      for (const reason of short) count(reason);
    }
  }
  const texts = [...counts].map(([reason, n]) => `${n} ${reason}`).sort();
  return `0/${nodes.length} nodes are available: ${texts.join(', ')}.`;
}

test('the reason of a pending pod was true when it was last tried', () => {
  fc.assert(
    fc.property(story, ({ nodes, happenings }) => {
      const stage = new Stage(nodes);
      const { cluster } = stage;
      const { core } = cluster.scheduler;
      const expected = new Map<string, string | undefined>();
      const decide = core.decide.bind(core);
      core.decide = (framework, info, draws) => {
        // What is counted on the nodes: bound pods the watch has told of, and those that have just been given a node.
        const counted = new Map(stage.nodes.map(({ metadata }) => [metadata.name, [] as Pod[]]));
        for (const slot of core.cache.nodes.order) {
          counted.set(core.cache.nodes.names[slot]!, core.cache.nodes.pods[slot]!.map((other) => other.pod));
        }
        const nominated = core.nominator.size > 0;
        expected.set(info.key, nominated ? undefined : reasonsFor(info.pod, stage.nodes, counted));
        return decide(framework, info, draws);
      };
      let now = 0;
      happenings.forEach(([what, pause], serial) => {
        stage.happen(what, serial);
        now += (pause + 1) * MILLISECOND;
        cluster.simulation.run(now);
      });
      cluster.simulation.run(now + 20 * MILLISECOND);
      for (const name of stage.names) {
        const each = cluster.pod(`default/${name}`);
        if (each === undefined || each.spec.nodeName !== undefined) continue;
        const reason = expected.get(`default/${name}`);
        const message = podCondition(each, 'PodScheduled')?.message;
        if (reason === undefined || message === undefined) continue;
        assert.ok(message.startsWith(reason), `${message}\nexpected: ${reason}`);
      }
      // What is counted must itself be true: exactly the pods with a node.
      const counted = [...core.cache.nodes.order].reduce((total, slot) => total + core.cache.nodes.podCount[slot]!, 0);
      assert.equal(counted, [...stage.placed().values()].reduce((total, pods) => total + pods.length, 0));
    }),
    { numRuns: 100 },
  );
});

test('an empty node that matches makes an unschedulable plain pod schedulable', () => {
  fc.assert(
    fc.property(story, ({ nodes, happenings }) => {
      const stage = new Stage(nodes);
      const { cluster } = stage;
      let now = 0;
      happenings.forEach(([what, pause], serial) => {
        stage.happen(what, serial);
        now += (pause + 1) * MILLISECOND;
        cluster.simulation.run(now);
      });
      now += 15 * SECOND;
      cluster.simulation.run(now);
      const waiting = stage.names.filter((name) => cluster.pod(`default/${name}`)?.spec.nodeName === undefined && cluster.pod(`default/${name}`) !== undefined);
      stage.nodes.push(madeNode(stage.nodes.length, 5000 * 40, 110, false));
      const big = { ...stage.nodes.at(-1)!, status: { allocatable: { cpu: 200_000, memory: 400 * GIB, pods: 110 }, capacity: {} } };
      stage.nodes[stage.nodes.length - 1] = big;
      cluster.setNode(big);
      cluster.simulation.run(now + 30 * SECOND);
      for (const name of waiting) assert.ok(cluster.pod(`default/${name}`)!.spec.nodeName !== undefined, name);
    }),
    { numRuns: 60 },
  );
});

const web = { matchLabels: { app: 'web' } };
const required = 'requiredDuringSchedulingIgnoredDuringExecution';
const preferred = 'preferredDuringSchedulingIgnoredDuringExecution';
const shapes: readonly Partial<PodSpec>[] = [
  {},
  { topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', labelSelector: web }] },
  { topologySpreadConstraints: [{ maxSkew: 2, topologyKey: 'zone', whenUnsatisfiable: 'ScheduleAnyway', labelSelector: web }] },
  { affinity: { podAffinity: { [required]: [{ topologyKey: 'zone', labelSelector: web }] } } },
  { affinity: { podAntiAffinity: { [required]: [{ topologyKey: 'kubernetes.io/hostname', labelSelector: web }] } } },
  { affinity: { podAffinity: { [preferred]: [{ weight: 5, podAffinityTerm: { topologyKey: 'zone', labelSelector: web } }] } } },
];

const snapshot = fc.record({
  nodes: fc.array(fc.record({ cpu: fc.integer({ min: 1000, max: 4000 }), zone: fc.nat(2), tainted: fc.boolean() }), { minLength: 2, maxLength: 8 }),
  pods: fc.array(fc.record({ cpu: fc.integer({ min: 0, max: 900 }), shape: fc.nat(5), node: fc.nat(7), web: fc.boolean() }), { maxLength: 16 }),
  subject: fc.record({ cpu: fc.integer({ min: 0, max: 3000 }), shape: fc.nat(5), web: fc.boolean() }),
  seed: fc.nat(1000),
});

/** A permutation by a seed, the same for each. */
function shuffled<T>(items: readonly T[], seed: number): T[] {
  const result = [...items];
  let state = seed * 2 + 1;
  for (let i = result.length - 1; i > 0; i--) {
    state = (state * 48271) % 2147483647;
    const j = state % (i + 1);
    [result[i], result[j]] = [result[j]!, result[i]!];
  }
  return result;
}

test('the order of nodes and pods does not leak into a decision, but for the choice among equals', () => {
  fc.assert(
    fc.property(snapshot, ({ nodes, pods, subject, seed }) => {
      const madeNodes = nodes.map(({ cpu, zone, tainted }, i) =>
        node(`n${i}`, { zone: `z${zone}` }, {
          allocatable: { cpu, memory: 8 * GIB, pods: 110 },
          ...(tainted ? { taints: [{ key: 'k', effect: 'PreferNoSchedule' as const }] } : {}),
        }),
      );
      const made = (name: string, cpu: number, shape: number, isWeb: boolean) =>
        pod(name, { requests: { cpu }, ...shapes[shape] }, { app: isWeb ? 'web' : 'db' });
      const madePods = pods.map(({ cpu, shape, node: where, web: isWeb }, i) => bound(made(`b${i}`, cpu, shape, isWeb), `n${where % nodes.length}`));
      const wanted = made('subject', subject.cpu, subject.shape, subject.web);
      const explained = (order: (items: readonly (Node | Pod)[]) => (Node | Pod)[]) => {
        const core = new SchedulerCore('1.34', { next: () => 0 });
        for (const each of order(madeNodes) as Node[]) core.cache.nodes.setNode(each);
        for (const each of order(madePods) as Pod[]) core.cache.set(each);
        const framework = core.frameworks.get('default-scheduler')!;
        const { explanation } = explainDecision(core, framework, core.cache.podInfo(wanted), { next: () => 0 });
        const byNode = <T extends { readonly node: string }>(items: readonly T[]) => [...items].sort((a, b) => (a.node < b.node ? -1 : 1));
        assert.ok(explanation.chosen === '' || explanation.ties.length === 0 || explanation.ties.includes(explanation.chosen));
        return {
          fits: explanation.chosen !== '',
          message: explanation.message,
          rejections: byNode(explanation.rejections),
          scores: byNode(explanation.scores),
          ties: [...explanation.ties].sort(),
          evaluated: explanation.evaluated,
        };
      };
      assert.deepEqual(explained((items) => shuffled(items, seed)), explained((items) => [...items]));
    }),
    { numRuns: 300 },
  );
});
