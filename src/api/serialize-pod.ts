import type {
  Container,
  LifecycleHandler,
  PodSpec,
  PodTemplateSpec,
  Probe,
  ResourceList,
  ResourceRequirements,
} from './core.js';
import { resourceText } from './quantity.js';

/** Pod specs and templates as JSON. */

type Json = Record<string, unknown>;

/** `spec.template` of a workload. */
export function podTemplate(template: PodTemplateSpec): Json {
  return { metadata: { creationTimestamp: null, ...template.metadata }, spec: podSpec(template.spec) };
}

/** A pod spec as JSON. */
export function podSpec(spec: PodSpec): Json {
  const { extra, containers, initContainers, resources, overhead, ...rest } = spec;
  return withoutUndefined({
    ...rest,
    ...extra,
    overhead: overhead === undefined ? undefined : resourceTexts(overhead),
    resources: resources === undefined ? undefined : requirements(resources),
    initContainers: initContainers?.map(container),
    containers: containers.map(container),
  });
}

function container(container: Container): Json {
  const { extra, resources, readinessProbe, livenessProbe, startupProbe, preStop, postStart, ...rest } = container;
  const lifecycle = withoutUndefined({
    preStop: preStop === undefined ? undefined : handler(preStop),
    postStart: postStart === undefined ? undefined : handler(postStart),
  });
  return withoutUndefined({
    ...rest,
    ...extra,
    resources: resources === undefined ? {} : requirements(resources),
    readinessProbe: readinessProbe === undefined ? undefined : probe(readinessProbe),
    livenessProbe: livenessProbe === undefined ? undefined : probe(livenessProbe),
    startupProbe: startupProbe === undefined ? undefined : probe(startupProbe),
    lifecycle: Object.keys(lifecycle).length === 0 ? undefined : lifecycle,
  });
}

function requirements(resources: ResourceRequirements): Json {
  const { requests, limits, claims } = resources;
  return withoutUndefined({
    limits: limits === undefined ? undefined : resourceTexts(limits),
    requests: requests === undefined ? undefined : resourceTexts(requests),
    claims,
  });
}

/** Amounts as canonical quantities. */
export function resourceTexts(amounts: ResourceList): Record<string, string> {
  const result: Record<string, string> = {};
  for (const name in amounts) result[name] = resourceText(name, amounts[name]!);
  return result;
}

function probe(probe: Probe): Json {
  const { handler: kind, port, path, extra, initialDelaySeconds, ...rest } = probe;
  const more = (extra?.[kind] ?? {}) as Json;
  const scheme = kind === 'httpGet' && more.scheme === undefined ? { scheme: 'HTTP' } : {};
  return withoutUndefined({
    [kind]: withoutUndefined({ path: kind === 'httpGet' ? (path ?? '/') : undefined, port, ...scheme, ...more }),
    ...(initialDelaySeconds === 0 ? {} : { initialDelaySeconds }),
    ...rest,
  });
}

function handler(hook: LifecycleHandler): Json {
  const { handler: kind, seconds, command, extra } = hook;
  if (kind === 'sleep') return { sleep: { seconds } };
  if (kind === 'exec') return { exec: withoutUndefined({ command }) };
  return { [kind]: extra?.[kind] ?? {} };
}

/** The fields that are there. */
export function withoutUndefined(fields: Json): Json {
  const result: Json = {};
  for (const key in fields) if (fields[key] !== undefined) result[key] = fields[key];
  return result;
}
