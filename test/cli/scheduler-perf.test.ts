import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { runCommandLine } from '../../src/cli/program.js';

let directory = '';

before(() => {
  directory = mkdtempSync(join(tmpdir(), 'towtank-scheduler-perf-'));
  cpSync(join(import.meta.dirname, '../../../scenarios/scheduler-perf/kubernetes/templates'), join(directory, 'templates'), { recursive: true });
  const workload = (name: string, threshold: number): string => `  - name: ${name}\n    threshold: ${threshold}\n    params: { nodes: 500, pods: 4000 }\n`;
  writeFileSync(
    join(directory, 'config.yaml'),
    `- name: Plain\n  defaultPodTemplatePath: templates/pod-default.yaml\n  workloadTemplate:\n  - { opcode: createNodes, countParam: $nodes }\n  - { opcode: createPods, countParam: $pods, collectMetrics: true }\n  workloads:\n${workload('low', 100)}${workload('high', 5000)}`,
  );
});

after(() => rmSync(directory, { recursive: true }));

async function run(workload: string, ...flags: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const file = join(directory, 'scenario.yaml');
  writeFileSync(file, `schedulerPerf: { config: config.yaml, workloads: [${workload}], measured: { Plain/low: 1827 } }\n`);
  let stdout = '';
  let stderr = '';
  const code = await runCommandLine(['run', file, '--quiet', '--out', join(directory, 'out'), ...flags], {
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: (text: string) => (stderr += text) },
    interactive: false,
  });
  return { code, stdout, stderr };
}

test('a workload above its threshold: exit 0, a table, and the figures as files', async () => {
  const { code, stdout } = await run('Plain/low');
  assert.equal(code, 0);
  assert.match(stdout, /^workload +pods\/s +p50 +p99 +overall +cycle p50 +measured +threshold$/m);
  assert.match(stdout, /^Plain\/low +\d+ +\d+ +\d+ +\d+ +330 us +1827 +100 +above$/m);
  const { schedulerPerf } = JSON.parse(readFileSync(join(directory, 'out/summary.json'), 'utf8'));
  assert.equal(schedulerPerf.length, 1);
  assert.ok(schedulerPerf[0].throughput.average > 1500 && schedulerPerf[0].throughput.average < 2500);
  assert.ok(existsSync(join(directory, 'out/throughput.csv')));
});

test('one below its threshold: exit 1; --json prints what the file holds', async () => {
  const { code, stdout } = await run('Plain/high', '--json');
  assert.equal(code, 1);
  assert.equal(stdout, readFileSync(join(directory, 'out/summary.json'), 'utf8'));
});

test('a name that no workload has: exit 2 with the nearest', async () => {
  const { code, stderr } = await run('Plain/hihg');
  assert.equal(code, 2);
  assert.match(stderr, /no workload is named "Plain\/hihg"; did you mean "Plain\/high"\?/);
});

test('flags that have no meaning for workloads are refused', async () => {
  const { code, stderr } = await run('Plain/low', '--strategy', 'ramped');
  assert.equal(code, 2);
  assert.match(stderr, /--strategy has no meaning/);
});
