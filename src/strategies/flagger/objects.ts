import type { Service } from '../../api/core.js';
import type { Canary } from '../../api/rollout-kinds.js';
import type { KubernetesObject, Labels, ObjectMeta } from '../../api/meta.js';
import type { Deployment } from '../../api/workloads.js';
import type { Patch } from '../../apiserver/request.js';
import type { PodTemplateSpec } from '../../api/core.js';
import { controllerReference } from '../../controllers/ownership.js';

/** What Flagger makes of a Canary's target: primary Deployment and Services (flagger pkg/canary, pkg/router/kubernetes_default.go). */

/** Labels by which Flagger tells pods of target and primary apart (-selector-labels). */
const SELECTOR_LABELS = ['app', 'name', 'app.kubernetes.io/name'];

/** The label of the target's selector that Flagger works with; undefined: it has none of them. */
export function selectorLabel(target: Deployment): { readonly label: string; readonly value: string } | undefined {
  const labels = target.spec.selector.matchLabels ?? {};
  const label = SELECTOR_LABELS.find((each) => labels[each] !== undefined);
  return label === undefined ? undefined : { label, value: labels[label]! };
}

export function primaryName(canary: Canary): string {
  return `${canary.spec.targetRef.name}-primary`;
}

/** Name of the Service that users call. */
export function apexName(canary: Canary): string {
  return canary.spec.service?.name ?? canary.spec.targetRef.name;
}

function metadataOf(name: string, canary: Canary, labels?: Labels): ObjectMeta {
  const { namespace } = canary.metadata;
  return { name, namespace, uid: '', resourceVersion: 0, generation: 1, creationTimestamp: 0, ...(labels === undefined ? {} : { labels }), ownerReferences: [controllerReference(canary)] };
}

/** A template of the target as the primary has it. */
export function primaryTemplate(target: Deployment, label: string, value: string): PodTemplateSpec {
  const { template } = target.spec;
  return { ...template, metadata: { ...template.metadata, labels: { ...template.metadata.labels, [label]: `${value}-primary` } } };
}

/** The primary: a copy of the target under other labels. */
export function newPrimary(canary: Canary, target: Deployment): Deployment {
  const { label, value } = selectorLabel(target)!;
  const labels = { ...target.metadata.labels, [label]: `${value}-primary` };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: metadataOf(primaryName(canary), canary, labels),
    spec: {
      ...target.spec,
      selector: { ...target.spec.selector, matchLabels: { ...target.spec.selector.matchLabels, [label]: `${value}-primary` } },
      template: primaryTemplate(target, label, value),
    },
    status: {},
  };
}

/** A Service of the Canary that selects pods by one label. */
export function newService(canary: Canary, name: string, selector: Labels): Service {
  const service = canary.spec.service!;
  const targetPort = service.targetPort ?? service.port;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadataOf(name, canary),
    spec: { type: 'ClusterIP', selector, ports: [{ name: service.portName ?? 'http', port: service.port, protocol: 'TCP', targetPort }] },
  } as Service;
}

const PATCH_BYTES = 2000;

/** Copies the target's template into the primary (Promote): the primary then rolls out by its own strategy. */
export class PromotePatch implements Patch {
  readonly bytes = PATCH_BYTES;
  private readonly template: PodTemplateSpec;

  constructor(template: PodTemplateSpec) {
    this.template = template;
  }

  apply(current: KubernetesObject): KubernetesObject {
    const deployment = current as Deployment;
    return { ...deployment, spec: { ...deployment.spec, template: this.template } } as Deployment;
  }
}
