import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSchedulerConfiguration } from '../../src/scheduler/config/configuration.js';
import type { Cycle } from '../../src/scheduler/framework/cycle.js';
import type { Handle, Plugin } from '../../src/scheduler/framework/plugin.js';
import { unschedulable } from '../../src/scheduler/framework/status.js';
import { UserPlugins } from '../../src/scheduler/profile.js';
import { SchedulerCore } from '../../src/scheduler/scheduler-core.js';
import { node, pod } from './objects.js';

/** Keeps pods off nodes of the wrong disk and likes those with a high rank. */
class Rack implements Plugin {
  readonly name = 'Rack';
  private readonly handle: Handle;

  constructor(handle: Handle) {
    this.handle = handle;
  }

  filter(_: Cycle, slot: number) {
    const { labels } = this.handle.nodes.nodes[slot]!.metadata;
    if (labels?.['rack'] === undefined) throw new Error('this node has no rack');
    return labels['rack'] === 'full' ? unschedulable(this.name, 'rack is full') : null;
  }

  scoreNodes(_: Cycle, slots: Int32Array, scores: Float64Array): void {
    for (let i = 0; i < slots.length; i++)
      scores[i] = Number(this.handle.nodes.nodes[slots[i]!]!.metadata.labels?.['rank']);
  }
}

function coreWith(...racks: readonly (readonly [string | undefined, number])[]): SchedulerCore {
  const plugins = new UserPlugins(new Map([['Rack', Rack]]));
  const raw = {
    apiVersion: 'kubescheduler.config.k8s.io/v1',
    kind: 'KubeSchedulerConfiguration',
    profiles: [{ plugins: { multiPoint: { enabled: [{ name: 'Rack', weight: 50 }] } } }],
  };
  const { configuration, errors } = readSchedulerConfiguration(raw, {
    version: '1.34',
    additionalPlugins: plugins.names,
  });
  assert.deepEqual(errors, []);
  const core = new SchedulerCore('1.34', { next: () => 0 }, configuration, plugins);
  racks.forEach(([rack, rank], i) => {
    core.cache.nodes.setNode(node(`n${i}`, { rank: String(rank), ...(rack === undefined ? {} : { rack }) }));
  });
  return core;
}

const decide = (core: SchedulerCore) =>
  core.decide(core.frameworks.get('default-scheduler')!, core.cache.podInfo(pod('p')), { next: () => 0 }).result;

test('a user’s plugin filters and scores with the weight of the profile', () => {
  const core = coreWith(['full', 100], ['a', 10], ['b', 90]);
  const result = decide(core);
  assert.equal(core.cache.nodes.names[result.chosen], 'n2');
  assert.equal(result.totals[1]! - result.totals[0]!, 80 * 50);
});

test('its reasons are in the message', () => {
  const core = coreWith(['full', 1], ['full', 2]);
  assert.match(decide(core).diagnosis.fitError(2), /^0\/2 nodes are available: 2 rack is full\./);
});

test('an error of the plugin names plugin and pod', () => {
  assert.throws(
    () => decide(coreWith([undefined, 1])),
    /scheduler plugin Rack failed on pod default\/p: this node has no rack/,
  );
});
