import { canarySpec, metricTemplateSpec } from './canary-shapes.js';
import type { KubernetesObject, LabelSelector, ObjectMeta } from './meta.js';
import type { PodTemplateSpec } from './core.js';
import type { Canary } from './rollout-kinds.js';
import { readTemplate } from './manifest-pod.js';
import { readSelector } from './manifest-selector.js';
import { type FieldReader, isMap, type RawMap } from './reader.js';
import { analysisSpec, rolloutSpec } from './rollout-shapes.js';
import { destinationRuleSpec, httpRouteSpec, trafficSplitSpec, virtualServiceSpec } from './route-shapes.js';
import { checkShape, type Shape, type UnmodelledField, unmodelledFields } from './shape.js';

/** Rollouts, analysis templates, Canaries and routes out of manifests: kept as written, pod templates typed. */

const SHAPES: Readonly<Record<string, Shape>> = {
  'argoproj.io Rollout': rolloutSpec,
  'argoproj.io AnalysisTemplate': analysisSpec,
  'argoproj.io ClusterAnalysisTemplate': analysisSpec,
  'argoproj.io AnalysisRun': analysisSpec,
  'flagger.app Canary': canarySpec,
  'flagger.app MetricTemplate': metricTemplateSpec,
  'gateway.networking.k8s.io HTTPRoute': httpRouteSpec,
  'networking.istio.io VirtualService': virtualServiceSpec,
  'networking.istio.io DestinationRule': destinationRuleSpec,
  'split.smi-spec.io TrafficSplit': trafficSplitSpec,
};

function shapeOf(apiVersion: string, kind: string): Shape | undefined {
  return SHAPES[`${apiVersion.slice(0, Math.max(0, apiVersion.indexOf('/')))} ${kind}`];
}

/** Whether a kind is read here. */
export function isRolloutKind(apiVersion: string, kind: string): boolean {
  return shapeOf(apiVersion, kind) !== undefined;
}

/** Reads an object of one of these kinds. */
export function readRolloutKind(read: FieldReader, raw: RawMap, metadata: ObjectMeta): KubernetesObject {
  const apiVersion = String(raw.apiVersion);
  const kind = String(raw.kind);
  const given = read.map(raw, 'spec', '');
  const spec = given === undefined ? undefined : (withoutNulls(given) as RawMap);
  if (spec === undefined && (raw.spec === undefined || raw.spec === null)) read.missing('', 'spec');
  checkShape(read, spec, 'spec', shapeOf(apiVersion, kind)!);
  const object = { ...raw, apiVersion, kind, metadata, status: raw.status ?? {} };
  if (spec === undefined) return object;
  if (kind === 'Canary') return readCanary(read, object, spec);
  return { ...object, spec: kind === 'Rollout' ? readRolloutSpec(read, spec) : spec } as KubernetesObject;
}

/** The API server leaves out fields without a value; what has none stays the object that it is. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = value.map(withoutNulls);
    return items.some((item, i) => item !== value[i]) ? items : value;
  }
  if (!isMap(value)) return value;
  const entries = Object.entries(value).map(([key, each]) => [key, withoutNulls(each)] as const);
  return entries.every(([key, each]) => each !== null && each === value[key]) ? value : Object.fromEntries(entries.filter(([, each]) => each !== null));
}

function readRolloutSpec(read: FieldReader, spec: RawMap): object {
  const selector: LabelSelector | undefined = readSelector(read, spec, 'selector', 'spec');
  const template: PodTemplateSpec | undefined = spec.template === undefined ? undefined : readTemplate(read, spec, 'spec');
  if (spec.template === undefined && spec.workloadRef === undefined) read.missing('spec', 'template');
  const strategy = read.map(spec, 'strategy', 'spec');
  if (strategy === undefined || (strategy.canary === undefined) === (strategy.blueGreen === undefined)) {
    read.errors.push({ field: 'spec.strategy', type: 'Malformed', detail: 'one of canary and blueGreen is required' });
  }
  const blueGreen = strategy === undefined ? undefined : read.map(strategy, 'blueGreen', 'spec.strategy');
  if (blueGreen !== undefined && blueGreen.activeService === undefined) read.missing('spec.strategy.blueGreen', 'activeService');
  return { ...spec, ...(selector === undefined ? {} : { selector }), ...(template === undefined ? {} : { template }) };
}

function readCanary(read: FieldReader, object: KubernetesObject, spec: RawMap): KubernetesObject {
  const target = read.map(spec, 'targetRef', 'spec');
  if (target === undefined) read.missing('spec', 'targetRef');
  else if (target.name === undefined) read.missing('spec.targetRef', 'name');
  // Knative has Services of its own.
  if (spec.service === undefined && target?.kind !== 'Service') read.missing('spec', 'service');
  const service = read.map(spec, 'service', 'spec');
  if (service !== undefined && service.port === undefined) read.missing('spec.service', 'port');
  if (spec.analysis === undefined && spec.canaryAnalysis === undefined && spec.skipAnalysis !== true) read.missing('spec', 'analysis');
  return { ...object, spec } as KubernetesObject;
}

/** Fields of an object of these kinds that no model looks at; empty for other kinds. */
export function unmodelledRolloutFields(object: KubernetesObject): UnmodelledField[] {
  const shape = shapeOf(object.apiVersion, object.kind);
  if (shape === undefined) return [];
  const fields = unmodelledFields((object as { spec?: unknown }).spec, shape, ['spec']);
  if (object.kind === 'Rollout') fields.unshift(...notifications(object));
  if (object.kind === 'Canary') fields.push(...canaryFields((object as Canary).spec));
  return fields;
}

/** Annotations by which the notifications engine of Argo knows whom to tell. */
function notifications({ metadata }: KubernetesObject): UnmodelledField[] {
  const keys = Object.keys(metadata.annotations ?? {}).filter((key) => key.startsWith('notifications.argoproj.io/'));
  return keys.map((key) => ({ path: ['metadata', 'annotations', key], why: 'nobody is told' }));
}

/** Providers whose own objects a Canary's controller writes in the model. */
const WRITTEN = ['kubernetes', 'istio', 'linkerd', 'osm', 'smi', 'gatewayapi', 'nginx'];

/** What of a Canary is modelled depends on its provider and target. */
function canaryFields({ provider, ingressRef, targetRef }: Canary['spec']): UnmodelledField[] {
  const fields: UnmodelledField[] = [];
  if (provider !== undefined && !WRITTEN.includes(provider.split(':')[0]!)) {
    fields.push({ path: ['spec', 'provider'], why: 'its own objects are not written: the weights are put into force on the Services as they would be' });
  }
  if (ingressRef !== undefined && provider !== 'nginx') {
    fields.push({ path: ['spec', 'ingressRef'], why: 'weights are put into force on the Services as the ingress would' });
  }
  if (targetRef !== undefined && targetRef.kind !== 'Deployment') fields.push({ path: ['spec', 'targetRef', 'kind'], why: 'only Deployments are released: nothing happens' });
  return fields;
}
