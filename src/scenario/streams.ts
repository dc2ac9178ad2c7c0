import type { PodTemplateSpec, Service } from '../api/core.js';
import { matchesMap } from '../api/labels.js';
import type { Labels } from '../api/meta.js';
import { globMatches } from './glob.js';
import type { LoadedObject } from './manifests.js';
import type { References } from './references.js';
import type { RawBehaviour } from './schema.js';
import type { RawCall, RawTraffic } from './schema-traffic.js';
import type { Path } from './source.js';
import { type TrafficContext, toTrafficOptions } from './traffic.js';
import { toTrafficPath } from './traffic-paths.js';
import type { CallSpec, DnsSpec, TrafficSpec } from './types.js';
import { duration, share } from './units.js';

/** Streams of requests: those of users, and the calls that applications make to other Services. */

export interface StreamContext extends TrafficContext {
  readonly references: References;
  readonly dns: DnsSpec | undefined;
}

/** An entry of the scenario's traffic; undefined when something is wrong, which goes to the errors. */
export function toTraffic(raw: RawTraffic, path: Path, context: StreamContext): TrafficSpec | undefined {
  const way = toTrafficPath(raw, path, context);
  const start = duration(raw.from ?? '0s');
  const end = raw.until === undefined ? undefined : duration(raw.until);
  if (end !== undefined && end <= start)
    context.references.complain([...path, 'until'], `expected a time after ${raw.from ?? '0s'}, found ${raw.until}`);
  const options = toTrafficOptions(raw, path, context);
  if (way === undefined || options === undefined) return undefined;
  return { ...way, start, ...(end === undefined ? {} : { end }), ...options };
}

/** The calls of an application, stage after stage; undefined: it makes none. */
export function toCalls(raw: RawBehaviour, path: Path, context: StreamContext): readonly (readonly CallSpec[])[] | undefined {
  const calls = raw.request?.calls;
  if (calls === undefined || calls.length === 0) return undefined;
  return calls.map((stage, i) => {
    const at = [...path, 'request', 'calls', i];
    const specs = Array.isArray(stage) ? stage.map((call, j) => toCall(call, [...at, j], context)) : [toCall(stage, at, context)];
    return specs.filter((spec) => spec !== undefined);
  });
}

function toCall(raw: RawCall, path: Path, context: StreamContext): CallSpec | undefined {
  const { share: part, count, optional, ...stream } = raw;
  const outside = /^host\//i.test(raw.to);
  if (/^ing(ress|resses)?\//i.test(raw.to))
    return context.references.complain([...path, 'to'], `expected service/NAME or host/NAME, found the text "${raw.to}"`);
  const traffic = toTraffic({ ...stream, ...(outside ? {} : { via: 'clusterIP' }), rate: '1/s' }, path, context);
  if (traffic === undefined) return undefined;
  return {
    traffic: { ...traffic, rate: 0 },
    share: part === undefined ? 1 : share(part),
    count: count ?? 1,
    optional: optional ?? false,
  };
}

/** Refuses calls that lead back to where they began: a request would never end. */
export function refuseCycles(behaviours: readonly RawBehaviour[], calls: readonly (readonly (readonly CallSpec[])[] | undefined)[], loaded: readonly LoadedObject[], references: References): void {
  const state = new Map<number, 'open' | 'done'>();
  const visit = (index: number, trail: readonly string[]): void => {
    if (state.get(index) === 'done') return;
    state.set(index, 'open');
    calls[index]?.forEach((stage, i) => {
      stage.forEach((call, j) => {
        const { namespace, name } = call.traffic.service;
        for (const image of imagesBehind(namespace, name, loaded)) {
          const next = behaviours.findIndex((each) => globMatches(each.image, image));
          if (next < 0) continue;
          const way = [...trail, name];
          if (state.get(next) === 'open') {
            const raw = behaviours[index]!.request!.calls![i]!;
            const at: Path = ['behaviour', index, 'request', 'calls', i, ...(Array.isArray(raw) ? [j] : []), 'to'];
            references.complain(at, `expected calls that end somewhere, found a circle: ${way.join(' → ')} → …`);
          } else visit(next, way);
        }
      });
    });
    state.set(index, 'done');
  };
  for (let index = 0; index < behaviours.length; index++) visit(index, []);
}

/** Images of the workloads whose pods a Service selects. */
function imagesBehind(namespace: string, name: string, loaded: readonly LoadedObject[]): readonly string[] {
  const service = loaded.find(({ object }) => object.kind === 'Service' && object.metadata.namespace === namespace && object.metadata.name === name);
  const selector = (service?.object as Service | undefined)?.spec.selector;
  if (selector === undefined) return [];
  const images: string[] = [];
  for (const { object } of loaded) {
    const template = (object as { spec?: { template?: PodTemplateSpec & { metadata?: { labels?: Labels } } } }).spec?.template;
    if (object.metadata.namespace !== namespace || template?.spec?.containers === undefined) continue;
    if (matchesMap(selector, template.metadata?.labels)) images.push(...template.spec.containers.map(({ image }) => image));
  }
  return images;
}
