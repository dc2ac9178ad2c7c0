import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { RunMetrics } from '../../src/analysis/result.js';
import { ScenarioRun } from '../../src/cluster/run.js';
import { loadScenario } from '../../src/scenario/index.js';
import { finish, root } from './scenario.js';

/** What users ask of the network, for a shorter time than scenarios/network says: the answers must point the same way. */

function ask(file: string, seconds: number, names: readonly string[]): Record<string, RunMetrics> {
  const { variants = [] } = loadScenario(join(root, 'scenarios', 'network', `${file}.yaml`));
  const found: Record<string, RunMetrics> = {};
  for (const name of names) {
    const scenario = variants.find(({ variant }) => variant === name);
    assert.ok(scenario !== undefined, `${file} has a variant ${name}`);
    found[name] = finish(new ScenarioRun({ ...scenario, duration: seconds * 1e9 })).summary.metrics;
  }
  return found;
}

test('proxy-mode: at 10,000 Services iptables loses requests of a rollout and nftables does not', () => {
  const found = ask('proxy-mode', 60, ['iptables alone', 'iptables among 10,000', 'nftables among 10,000']);
  const alone = found['iptables alone']!;
  const many = found['iptables among 10,000']!;
  const nftables = found['nftables among 10,000']!;
  assert.equal(alone.errors, 0);
  assert.equal(nftables.errors, 0);
  assert.ok(many.errors > 50, `${many.errors}`);
  // 10,001 Services, about 380,000 rules: 30 ms + 3 us each; nftables 20 ms + 30 us a Service.
  assert.ok(Math.abs(many.network!.proxySync!.p50! - 1.17) < 0.05, `${many.network!.proxySync!.p50}`);
  assert.ok(Math.abs(nftables.network!.proxySync!.p50! - 0.32) < 0.02, `${nftables.network!.proxySync!.p50}`);
  assert.ok(many.network!.programming!.p50! > 2 * nftables.network!.programming!.p50!);
});

test('dns: ndots 5 asks eight times where a final dot asks twice, more than CoreDNS serves; kept connections hardly ask', () => {
  const found = ask('dns', 10, ['ndots 5 (default)', 'final dot', 'NodeLocal DNSCache', 'connections kept']);
  const five = found['ndots 5 (default)']!;
  const dot = found['final dot']!;
  assert.equal(dot.network!.dns!.queries, 2 * dot.network!.dns!.lookups);
  assert.ok(five.network!.dns!.queries > 7 * five.network!.dns!.lookups);
  assert.ok(five.errors > 0.1 * five.requests);
  assert.equal(dot.errors, 0);
  assert.equal(found['NodeLocal DNSCache']!.errors, 0);
  assert.ok(found['connections kept']!.network!.dns!.lookups < 0.05 * dot.network!.dns!.lookups);
});

test('load-balancer: policy Local loses requests until checks have failed, unless pods wait for them', () => {
  const found = ask('load-balancer', 180, ['Cluster', 'Local']);
  assert.equal(found['Cluster']!.errors, 0);
  assert.ok(found['Local']!.errors > 0.05 * found['Local']!.requests);
});

test('ingress: a canary fails in proportion to its weight, from the reload on', () => {
  const found = ask('ingress', 90, ['without a canary', 'weight 25']);
  assert.equal(found['without a canary']!.errors, 0);
  // 200/s · 0.25 · 2 % over the 57 s after the reload: 57, with a standard deviation of 7.6.
  const { errors } = found['weight 25']!;
  assert.ok(Math.abs(errors - 57) < 25, `${errors}`);
});

test('ingress controller: its pods refuse requests until proxies know that they stop; a preStop hook of 5 s cures it', () => {
  const found = ask('ingress-controller', 100, ['three pods', 'three pods, preStop 5 s']);
  const { errors, requests } = found['three pods']!;
  // Three pods end, each with a third or less of 200 requests a second, for up to 1.1 s (the pause and the sync of the proxies).
  assert.ok(errors > 20 && errors < 3 * 200 * 1.1 / 2, `${errors} of ${requests}`);
  assert.equal(found['three pods, preStop 5 s']!.errors, 0);
});
