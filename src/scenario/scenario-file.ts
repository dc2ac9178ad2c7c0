import { existsSync, statSync } from 'node:fs';
import { readSource } from './source.js';

/** How much of a file is looked at to tell a scenario from a manifest. */
const PEEK_BYTES = 65536;
/** Keys that no Kubernetes object, Helm chart or kustomization has at its top. */
const scenarioKeys: readonly string[] = [
  'cluster',
  'manifests',
  'behaviour',
  'traffic',
  'clients',
  'timeline',
  'faults',
  'podTrace',
  'record',
  'rollout',
  'objectives',
  'question',
  'schedulerPerf',
];

/** Whether a file is meant to be a scenario: it has keys of one and none of a Kubernetes object at the left margin. */
export function isScenarioFile(path: string): boolean {
  if (!existsSync(path) || statSync(path).isDirectory()) return false;
  const text = readSource(path).text(0, PEEK_BYTES);
  const keys = [...text.matchAll(/^(?:\{?\s{0,2}")?([A-Za-z$]+)"?\s*:/gm)].map((match) => match[1]!);
  if (keys.includes('kind') || keys.includes('apiVersion')) return false;
  return keys.some((key) => scenarioKeys.includes(key));
}
