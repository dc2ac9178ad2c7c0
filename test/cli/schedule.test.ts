import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { runCommandLine } from '../../src/cli/program.js';

let directory = '';
const at = (name: string) => join(directory, name);

before(() => {
  directory = mkdtempSync(join(tmpdir(), 'towtank-schedule-'));
  const resources = '{ cpu: "4", memory: 16Gi, pods: "110" }';
  const node = (i: number) =>
    `apiVersion: v1\nkind: Node\nmetadata: { name: n${i} }\nstatus: { allocatable: ${resources}, capacity: ${resources} }\n`;
  writeFileSync(at('nodes.yaml'), [0, 1, 2].map(node).join('---\n'));
  const pod = (name: string, cpu: string) =>
    `apiVersion: v1\nkind: Pod\nmetadata: { name: ${name} }\nspec: { containers: [{ name: c, image: "web:1", resources: { requests: { cpu: "${cpu}" } } }] }\n`;
  writeFileSync(at('pods.yaml'), [pod('a', '1'), pod('b', '1'), pod('c', '1')].join('---\n'));
  writeFileSync(at('big.yaml'), pod('big', '8'));
  const head = (version: string) => `apiVersion: kubescheduler.config.k8s.io/${version}\nkind: KubeSchedulerConfiguration\n`;
  writeFileSync(at('spread.yaml'), head('v1'));
  writeFileSync(
    at('packed.yaml'),
    `${head('v1')}profiles:\n- pluginConfig:\n  - name: NodeResourcesFit\n    args: { scoringStrategy: { type: MostAllocated, resources: [{ name: cpu, weight: 100 }] } }\n  plugins: { score: { disabled: [{ name: NodeResourcesBalancedAllocation }] } }\n`,
  );
  writeFileSync(at('old.yaml'), head('v1beta3'));
  writeFileSync(at('wrong.yaml'), `${head('v1')}profiles:\n- plugins: { filter: { enabled: [{ name: NodeResourceFit }] } }\n`);
});

after(() => rmSync(directory, { recursive: true }));

async function schedule(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  let stdout = '';
  let stderr = '';
  const code = await runCommandLine(['schedule', '--nodes', at('nodes.yaml'), ...args], {
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: (text: string) => (stderr += text) },
    interactive: false,
  });
  return { code, stdout, stderr };
}

test('configurations side by side: one spreads, the other packs', async () => {
  const { code, stdout } = await schedule('--pods', at('pods.yaml'), '--config', at('spread.yaml'), at('packed.yaml'), '--json');
  assert.equal(code, 0);
  const [spread, packed] = JSON.parse(stdout);
  assert.equal(spread.placed, 3);
  assert.equal(spread.emptyNodes, 0);
  assert.equal(packed.placed, 3);
  assert.equal(packed.emptyNodes, 2);
});

test('a pod that fits nowhere: exit 1, and why in the words of kube-scheduler', async () => {
  const { code, stdout } = await schedule('--pods', at('big.yaml'), '--explain', 'big');
  assert.equal(code, 1);
  assert.match(stdout, /default\/big pending: 0\/3 nodes are available: 3 Insufficient cpu\./);
  assert.match(stdout, /3 {2}NodeResourcesFit: Insufficient cpu \(n0, n1, n2\)/);
});

test('configurations of old versions and with unknown names are refused with a way out', async () => {
  const old = await schedule('--pods', at('pods.yaml'), '--config', at('old.yaml'));
  assert.equal(old.code, 2);
  assert.match(old.stderr, /old\.yaml:1:13: .*use kubescheduler\.config\.k8s\.io\/v1/);
  const wrong = await schedule('--pods', at('pods.yaml'), '--config', at('wrong.yaml'));
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /wrong\.yaml:4:\d+: .*NodeResourcesFit/);
});
