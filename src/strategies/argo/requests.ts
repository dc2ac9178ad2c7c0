import type { Service } from '../../api/core.js';
import type { ReplicaSet } from '../../api/workloads.js';
import type { AnalysisArgument, AnalysisMetric, AnalysisRun, AnalysisTemplate, Rollout, RolloutAnalysis } from '../../api/rollout-kinds.js';
import type { KubernetesObject, ObjectMeta } from '../../api/meta.js';
import type { ApiRequest, Patch } from '../../apiserver/request.js';
import { controllerReference } from '../../controllers/ownership.js';
import { objectRequest } from '../../controllers/controller.js';
import type { PodTemplateSpec } from '../../api/core.js';
import { deadlineOf, SCALE_DOWN_DEADLINE, type SetChange } from './change.js';
import { hashedTemplate, ROLLOUT_HASH } from './rollout-spec.js';

/** What the Argo Rollouts controller writes. */

const REVISION = 'rollout.argoproj.io/revision';

function newMetadata(name: string, namespace: string, owner: KubernetesObject, labels: Readonly<Record<string, string>>): ObjectMeta {
  return { name, namespace, uid: '', resourceVersion: 0, generation: 1, creationTimestamp: 0, labels, ownerReferences: [controllerReference(owner)] };
}

/** The ReplicaSet of a template, without pods yet. */
export function newReplicaSet(rollout: Rollout, template: PodTemplateSpec, hash: string, revision: number): ReplicaSet {
  const { name, namespace } = rollout.metadata;
  const hashed = hashedTemplate(template, hash);
  const labels = hashed.metadata.labels ?? {};
  const selector = rollout.spec.selector ?? { matchLabels: template.metadata.labels ?? {} };
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { ...newMetadata(`${name}-${hash}`, namespace, rollout, labels), annotations: { [REVISION]: String(revision) } },
    spec: {
      replicas: 0,
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [ROLLOUT_HASH]: hash } },
      template: hashed,
      minReadySeconds: rollout.spec.minReadySeconds ?? 0,
    },
    status: { replicas: 0 },
  };
}

export function revisionOf(set: ReplicaSet): number {
  return Number(set.metadata.annotations?.[REVISION] ?? 0);
}

/** Writes the size of a ReplicaSet, and when it is to be scaled down. */
export function setRequest({ set, replicas, deadline }: SetChange): ApiRequest {
  let { metadata } = set;
  if (deadline !== undefined && (deadline ?? undefined) !== deadlineOf(set)) {
    const { [SCALE_DOWN_DEADLINE]: _, ...rest } = metadata.annotations ?? {};
    metadata = { ...metadata, annotations: deadline === null ? rest : { ...rest, [SCALE_DOWN_DEADLINE]: String(deadline) } };
  }
  return objectRequest('update', 'replicasets', set, { body: { ...set, metadata, spec: { ...set.spec, replicas } } as ReplicaSet });
}

/** Bytes of a small patch. */
const PATCH_BYTES = 250;

/** Adds a hash to a Service's selector (switchServiceSelector). */
export class SelectorHashPatch implements Patch {
  readonly bytes = PATCH_BYTES;
  private readonly hash: string;

  constructor(hash: string) {
    this.hash = hash;
  }

  apply(current: KubernetesObject): KubernetesObject {
    const service = current as Service;
    return { ...service, spec: { ...service.spec, selector: { ...service.spec.selector, [ROLLOUT_HASH]: this.hash } } } as Service;
  }
}

/** Asks an analysis run to end. */
export class TerminatePatch implements Patch {
  readonly bytes = PATCH_BYTES;

  apply(current: KubernetesObject): KubernetesObject {
    const run = current as AnalysisRun;
    return run.spec.terminate === true ? run : ({ ...run, spec: { ...run.spec, terminate: true } } as AnalysisRun);
  }
}

/** Where the values of arguments come from. */
export interface ArgumentSource {
  readonly rollout: Rollout;
  readonly current: string;
  readonly stable: string;
}

/** The analysis run of some templates, with its arguments filled in. */
export function newAnalysisRun(
  name: string,
  analysis: RolloutAnalysis,
  templates: readonly AnalysisTemplate[],
  source: ArgumentSource,
): AnalysisRun {
  const { rollout, current } = source;
  const args = new Map<string, string>();
  for (const { spec } of templates) for (const arg of spec.args ?? []) if (arg.value !== undefined) args.set(arg.name, arg.value);
  for (const arg of analysis.args ?? []) args.set(arg.name, argumentValue(arg, source));
  const metrics = templates.flatMap(({ spec }) => spec.metrics ?? []).map((metric) => filledIn(metric, args));
  const dryRun = [...templates.flatMap(({ spec }) => spec.dryRun ?? []), ...(analysis.dryRun ?? [])];
  return {
    apiVersion: 'argoproj.io/v1alpha1',
    kind: 'AnalysisRun',
    metadata: newMetadata(name, rollout.metadata.namespace, rollout, { [ROLLOUT_HASH]: current }),
    spec: { metrics, args: [...args].map(([key, value]) => ({ name: key, value })), ...(dryRun.length === 0 ? {} : { dryRun }) },
    status: {},
  };
}

function argumentValue({ value, valueFrom }: AnalysisArgument, { rollout, current, stable }: ArgumentSource): string {
  if (value !== undefined) return value;
  if (valueFrom?.podTemplateHashValue !== undefined) return valueFrom.podTemplateHashValue === 'Stable' ? stable : current;
  let found: unknown = rollout;
  for (const step of (valueFrom?.fieldRef?.fieldPath ?? '').split(/[.[\]'"]+/).filter((each) => each !== '')) {
    found = typeof found === 'object' && found !== null ? (found as Record<string, unknown>)[step] : undefined;
  }
  return found === undefined || typeof found === 'object' ? '' : String(found);
}

/** `{{args.service-name}}` in all texts of a metric (argo-rollouts utils/template). */
function filledIn(metric: AnalysisMetric, args: ReadonlyMap<string, string>): AnalysisMetric {
  return fill(metric, args) as AnalysisMetric;
}

function fill(value: unknown, args: ReadonlyMap<string, string>): unknown {
  if (typeof value === 'string') return value.replaceAll(/\{\{\s*args\.([\w.-]+)\s*\}\}/g, (whole, name: string) => args.get(name) ?? whole);
  if (Array.isArray(value)) return value.map((each) => fill(each, args));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, fill(each, args)]));
}
