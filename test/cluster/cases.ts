import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import type { KubernetesObject } from '../../src/api/meta.js';
import { ScenarioRun } from '../../src/cluster/run.js';
import { SECOND } from '../../src/kernel/time.js';
import { loadScenario } from '../../src/scenario/index.js';
import { root } from './scenario.js';

/** A folder of scenarios that a test file writes, with `node.yaml` (4 cores, 16 GiB) in it; gone when the file's tests are over. */
export class Cases {
  readonly folder: string;

  constructor(name: string) {
    this.folder = mkdtempSync(join(tmpdir(), `towtank-${name}-`));
    cpSync(join(root, 'scenarios', 'nodes', '4cpu-16gi.yaml'), join(this.folder, 'node.yaml'));
    after(() => rmSync(this.folder, { recursive: true }));
  }

  write(file: string, ...manifests: readonly string[]): void {
    writeFileSync(join(this.folder, file), manifests.join('---\n'));
  }

  /** A run of a scenario. */
  start(scenario: object): ScenarioRun {
    this.write('case.yaml', JSON.stringify(scenario));
    return new ScenarioRun(loadScenario(join(this.folder, 'case.yaml')));
  }
}

/** A Deployment `web` of one container `web` with label app=web; `pod` and `container`: further lines, as flow YAML. */
export function deployment(replicas: number, { pod = [], container = [], image = 'web:1' }: { pod?: readonly string[]; container?: readonly string[]; image?: string } = {}): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
${pod.map((line) => `      ${line}\n`).join('')}      containers:
        - name: web
          image: "${image}"
${container.map((line) => `          ${line}\n`).join('')}`;
}

/** A Service of the pods with label app=web; `spec`: further fields, as flow YAML. */
export function service(name = 'web', spec = ''): string {
  return `apiVersion: v1\nkind: Service\nmetadata: { name: ${name} }\nspec: { ${spec}selector: { app: web }, ports: [{ port: 80 }] }\n`;
}

/** Objects of a resource as the API has them now. */
export function objects<T extends KubernetesObject>(run: ScenarioRun, resource: string): T[] {
  return [...run.cluster.connections.current(resource)] as T[];
}

/** Seconds since the start of the run. */
export function secondsOf(run: ScenarioRun, time = run.cluster.simulation.now): number {
  return (time - run.origin) / SECOND;
}
