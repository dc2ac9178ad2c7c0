import type { Service } from '../api/core.js';
import type { Labels, ObjectMeta } from '../api/meta.js';
import type { Deployment } from '../api/workloads.js';
import type { ApiRequest } from '../apiserver/request.js';
import type { Duration } from '../kernel/time.js';
import type { Ingress } from '../network/ingress-rules.js';
import type { StrategySpec } from '../scenario/types.js';
import { CanaryIngressPatch, canaryIngress, canaryIngressRequest, leadsTo, MirrorPatch } from './canary-ingress.js';
import { SelectorPatch, SetImagePatch } from './patches.js';
import { newRoute, RoutePatch, type RouteWeights } from './routes.js';

/**
 * One step of a rollout as a release pipeline carries it out with plain Kubernetes objects: requests (sent together, all must
 * succeed), waiting for `kubectl rollout status` of a Deployment, waiting until a Deployment has no pods, or a pause.
 */
export type Step =
  | { readonly kind: 'requests'; readonly message: string; readonly requests: readonly ApiRequest[] }
  | { readonly kind: 'rolloutStatus'; readonly message: string; readonly deployment: string }
  | { readonly kind: 'pause'; readonly message: string; readonly duration: Duration };

/** What a plan is made from: the running Deployment and the Services that select its pods. */
export interface PlanInput {
  readonly deployment: Deployment;
  readonly services: readonly Service[];
  /** Ingresses with traffic whose rules lead to one of the Services; a routed canary divides their requests itself. */
  readonly ingresses?: readonly Ingress[];
  readonly container: string;
  readonly image: string;
}

/** The steps of a strategy as practised with plain Kubernetes objects. Pure: the same input gives the same steps. */
export function planRollout(strategy: StrategySpec, input: PlanInput): readonly Step[] {
  switch (strategy.kind) {
    case 'recreate':
      return planInPlace(input, 'Recreate', new SetImagePatch(input.container, input.image, { type: 'Recreate' }));
    case 'ramped': {
      const rollingUpdate = { maxSurge: strategy.maxSurge, maxUnavailable: strategy.maxUnavailable };
      const patch = new SetImagePatch(input.container, input.image, { type: 'RollingUpdate', rollingUpdate });
      return planInPlace(input, 'RollingUpdate', patch);
    }
    case 'blueGreen':
      return planBlueGreen(input, strategy.hold);
    case 'canary':
      if (strategy.routing !== undefined) return planRoutedCanary(input, strategy.steps, strategy.routing);
      return planCanary(input, strategy.steps);
    case 'argo':
    case 'flagger':
      throw new Error(`${strategy.kind} carries out its rollouts itself`);
  }
}

/** The steps of the way back, as `kubectl rollout undo` does it in place and by hand otherwise. `complete`: the new version serves alone. */
export function planRollback(strategy: StrategySpec, input: PlanInput, complete: boolean): readonly Step[] {
  const { deployment, services } = input;
  const { namespace, name } = deployment.metadata;
  const wait: Step = { kind: 'rolloutStatus', message: `waiting for deployment "${name}"`, deployment: name };
  const full = scale(namespace, name, deployment.spec.replicas);
  switch (strategy.kind) {
    case 'recreate':
    case 'ramped': {
      const image = deployment.spec.template.spec.containers.find((container) => container.name === input.container) ?? deployment.spec.template.spec.containers[0]!;
      const patch = new SetImagePatch(input.container, image.image);
      return [{ kind: 'requests', message: `undo: deployment "${name}" rolled back`, requests: [{ verb: 'patch', resource: 'deployments', namespace, name, patch }] }, wait];
    }
    case 'blueGreen': {
      const back = services.map((service): ApiRequest => ({ verb: 'patch', resource: 'services', namespace, name: service.metadata.name, patch: new SelectorPatch(service.spec.selector ?? {}) }));
      return [
        { kind: 'requests', message: `scale deployment "${name}" to ${deployment.spec.replicas}`, requests: [full] },
        wait,
        { kind: 'requests', message: 'switch the selectors of the Services back to blue', requests: back },
        { kind: 'requests', message: `scale deployment "${name}-green" to 0`, requests: [scale(namespace, `${name}-green`, 0)] },
      ];
    }
    case 'canary': {
      const remove = scale(namespace, `${name}-canary`, 0);
      const message = 'all traffic back to the old version';
      if (strategy.routing !== undefined) {
        const routes = routeRequests(input, 0, strategy.routing, 'patch');
        const patch = planRollback({ name: strategy.name, kind: 'recreate' }, input, complete);
        return [{ kind: 'requests', message, requests: [...routes, remove] }, ...patch];
      }
      // Without the pods of the canary nobody serves when it is complete.
      if (complete) return [{ kind: 'requests', message, requests: [full] }, wait, { kind: 'requests', message: 'remove the canary', requests: [remove] }];
      return [{ kind: 'requests', message, requests: [full, remove] }, wait];
    }
    case 'argo':
    case 'flagger':
      throw new Error(`${strategy.kind} carries out its rollouts itself`);
  }
}

/** Names of the Deployments that a strategy uses; the first is the one that runs before. */
export function deploymentNames(strategy: StrategySpec, name: string): readonly string[] {
  if (strategy.kind === 'blueGreen') return [name, `${name}-green`];
  if (strategy.kind === 'canary') return [name, `${name}-canary`];
  return [name];
}

function planInPlace(input: PlanInput, type: string, patch: SetImagePatch): readonly Step[] {
  const { namespace, name } = input.deployment.metadata;
  const request: ApiRequest = { verb: 'patch', resource: 'deployments', namespace, name, patch };
  return [
    { kind: 'requests', message: `${type}: set image of deployment "${name}" to ${input.image}`, requests: [request] },
    { kind: 'rolloutStatus', message: `waiting for deployment "${name}"`, deployment: name },
  ];
}

/**
 * Blue/green: a second Deployment of full size whose pods no Service selects; when all are available the Services' selectors
 * are switched in one go, and after the hold the old Deployment is scaled to 0 (kept for the way back).
 */
function planBlueGreen(input: PlanInput, hold: Duration): readonly Step[] {
  const { deployment, services } = input;
  const { namespace, name } = deployment.metadata;
  const marked = new Set<string>();
  for (const service of services) for (const key of Object.keys(service.spec.selector ?? {})) marked.add(key);
  const green = copyOfDeployment(input, `${name}-green`, deployment.spec.replicas, (labels) => withSuffix(labels, marked, '-green'));
  const switches = services.map(
    (service): ApiRequest => ({
      verb: 'patch',
      resource: 'services',
      namespace,
      name: service.metadata.name,
      patch: new SelectorPatch(withSuffix(service.spec.selector ?? {}, marked, '-green')),
    }),
  );
  return [
    { kind: 'requests', message: `create deployment "${name}-green" with ${deployment.spec.replicas} replicas`, requests: [create(green)] },
    { kind: 'rolloutStatus', message: `waiting for deployment "${name}-green"`, deployment: `${name}-green` },
    { kind: 'requests', message: 'switch the selectors of the Services to green', requests: switches },
    { kind: 'pause', message: 'hold: blue stays for the way back', duration: hold },
    { kind: 'requests', message: `scale deployment "${name}" to 0`, requests: [scale(namespace, name, 0)] },
    { kind: 'rolloutStatus', message: `waiting for deployment "${name}"`, deployment: name },
  ];
}

/**
 * Replica-weighted canary: a second Deployment behind the same Services. At each step its size becomes ⌈w·N⌉, then the stable
 * one shrinks to the rest, then the pipeline pauses to watch. After the last step the canary is the new version's Deployment.
 */
function planCanary(input: PlanInput, weights: readonly { readonly weight: number; readonly pause: Duration }[]): readonly Step[] {
  const { deployment } = input;
  const { namespace, name } = deployment.metadata;
  const total = deployment.spec.replicas;
  const canary = `${name}-canary`;
  const steps: Step[] = [];
  const all = weights.at(-1)?.weight === 100 ? weights : [...weights, { weight: 100, pause: 0 }];
  let created = false;
  for (const { weight, pause } of all) {
    const size = canaryReplicas(total, weight);
    const message = `weight ${weight} %: ${size} of ${total} replicas are new`;
    if (created) steps.push({ kind: 'requests', message, requests: [scale(namespace, canary, size)] });
    else {
      const object = copyOfDeployment(input, canary, size, (labels) => ({ ...labels, track: 'canary' }));
      steps.push({ kind: 'requests', message, requests: [create(object)] });
      created = true;
    }
    steps.push({ kind: 'rolloutStatus', message: `waiting for deployment "${canary}"`, deployment: canary });
    steps.push({
      kind: 'requests',
      message: `scale deployment "${name}" to ${total - size}`,
      requests: [scale(namespace, name, total - size)],
    });
    steps.push({ kind: 'rolloutStatus', message: `waiting for deployment "${name}"`, deployment: name });
    if (pause > 0) steps.push({ kind: 'pause', message: `pause at weight ${weight} %`, duration: pause });
  }
  return steps;
}

type Routing = NonNullable<(StrategySpec & { readonly kind: 'canary' })['routing']>;

/** Requests that put a weight into force: in a route of each Service that no Ingress leads to, in a canary Ingress (or the mirror of the first) of each that does. */
function routeRequests(input: PlanInput, weight: number, routing: Routing, verb: 'create' | 'patch'): ApiRequest[] {
  const { services, ingresses = [] } = input;
  return services.flatMap((service): ApiRequest[] => {
    const { namespace, name } = service.metadata;
    const outer = ingresses.filter((each) => leadsTo(each, namespace, name));
    if (outer.length > 0 && routing === 'mirror') return verb === 'create' ? [] : outer.map((each) => mirrorRequest(each, weight === 0 ? undefined : `${name}-canary`));
    if (outer.length > 0) return outer.map((each) => ingressRequest(each, name, weight, routing, verb));
    const weights: RouteWeights = {
      stable: name,
      canary: `${name}-canary`,
      weight: routing === 'weight' ? weight : 0,
      total: 100,
      mirror: routing === 'mirror' ? weight : 0,
      match: routing === 'cohort' && weight > 0,
    };
    if (verb === 'patch') return [{ verb, resource: 'httproutes', namespace, name, patch: new RoutePatch(weights) }];
    return [{ verb, resource: 'httproutes', namespace, name, body: newRoute('httproutes', name, namespace, name, weights) }];
  });
}

/** ingress-nginx copies all requests or none, whatever the weight. */
function mirrorRequest({ metadata: { namespace, name } }: Ingress, service: string | undefined): ApiRequest {
  return { verb: 'patch', resource: 'ingresses', namespace, name, patch: new MirrorPatch(service === undefined ? undefined : `${namespace}/${service}`) };
}

function ingressRequest(main: Ingress, stable: string, weight: number, routing: Routing, verb: 'create' | 'patch'): ApiRequest {
  const wanted = canaryIngress(main, {
    name: `${main.metadata.name}-${stable}-canary`,
    stable,
    canary: `${stable}-canary`,
    weight: routing === 'weight' ? weight : 0,
    annotations: routing === 'cohort' && weight > 0 ? { 'canary-by-header': 'canary' } : {},
  })!;
  if (verb === 'create') return canaryIngressRequest(undefined, wanted)!;
  const { namespace, name } = wanted.metadata;
  return { verb, resource: 'ingresses', namespace, name, patch: new CanaryIngressPatch(wanted) };
}

/**
 * Canary behind a route or an Ingress: the old version keeps its size, a second Deployment grows beside it under Services of its own,
 * and the route sends it its weight of the users, those of a cohort, or copies. At the end the old Deployment gets the new image.
 */
function planRoutedCanary(
  input: PlanInput,
  weights: readonly { readonly weight: number; readonly pause: Duration }[],
  routing: Routing,
): readonly Step[] {
  const { deployment, services } = input;
  const { namespace, name } = deployment.metadata;
  const total = deployment.spec.replicas;
  const canary = `${name}-canary`;
  const marked = new Set(services.flatMap((service) => Object.keys(service.spec.selector ?? {})));
  const object = copyOfDeployment(input, canary, 0, (labels) => withSuffix(labels, marked, '-canary'));
  const own = services.map((service): ApiRequest => {
    const { clusterIP: _, ...spec } = service.spec;
    const body = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: `${service.metadata.name}-canary`, namespace, uid: '', resourceVersion: 0, generation: 1, creationTimestamp: 0 },
      spec: { ...spec, type: 'ClusterIP', selector: withSuffix(service.spec.selector ?? {}, marked, '-canary') },
    } as Service;
    return { verb: 'create', resource: 'services', namespace, name: body.metadata.name, body };
  });
  const waitFor = (which: string): Step => ({ kind: 'rolloutStatus', message: `waiting for deployment "${which}"`, deployment: which });
  const steps: Step[] = [
    { kind: 'requests', message: `create deployment "${canary}", its Services and routes`, requests: [create(object), ...own, ...routeRequests(input, 0, routing, 'create')] },
  ];
  for (const { weight, pause } of weights) {
    if (weight === 100 && pause === 0) continue;
    const size = canaryReplicas(total, weight);
    steps.push({ kind: 'requests', message: `weight ${weight} %: ${size} replicas of the canary`, requests: [scale(namespace, canary, size)] });
    steps.push(waitFor(canary));
    steps.push({ kind: 'requests', message: `route: ${routing} ${weight} %`, requests: routeRequests(input, weight, routing, 'patch') });
    if (pause > 0) steps.push({ kind: 'pause', message: `pause at weight ${weight} %`, duration: pause });
  }
  const patch = new SetImagePatch(input.container, input.image);
  return [
    ...steps,
    { kind: 'requests', message: `promote: set image of deployment "${name}" to ${input.image}`, requests: [{ verb: 'patch', resource: 'deployments', namespace, name, patch }] },
    waitFor(name),
    { kind: 'requests', message: 'all traffic to the first Deployment', requests: routeRequests(input, 0, routing, 'patch') },
    { kind: 'requests', message: `scale deployment "${canary}" to 0`, requests: [scale(namespace, canary, 0)] },
    waitFor(canary),
  ];
}

/** Replicas of the canary at a weight in percent: ⌈w·N/100⌉ in integer arithmetic. */
export function canaryReplicas(total: number, weight: number): number {
  return Math.min(total, Math.ceil((total * weight) / 100));
}

function copyOfDeployment(
  input: PlanInput,
  name: string,
  replicas: number,
  relabel: (labels: Labels) => Labels,
): Deployment {
  const { deployment } = input;
  const changed = new SetImagePatch(input.container, input.image).apply(deployment) as Deployment;
  const { template } = changed.spec;
  const metadata: ObjectMeta = {
    name,
    namespace: deployment.metadata.namespace,
    uid: '',
    resourceVersion: 0,
    generation: 1,
    creationTimestamp: 0,
    ...(deployment.metadata.labels === undefined ? {} : { labels: deployment.metadata.labels }),
  };
  return {
    apiVersion: deployment.apiVersion,
    kind: 'Deployment',
    metadata,
    spec: {
      ...changed.spec,
      replicas,
      selector: { ...changed.spec.selector, matchLabels: relabel(changed.spec.selector.matchLabels ?? {}) },
      template: { ...template, metadata: { ...template.metadata, labels: relabel(template.metadata.labels ?? {}) } },
    },
    status: {},
  };
}

function withSuffix(labels: Labels, marked: ReadonlySet<string>, suffix: string): Labels {
  const result: Record<string, string> = {};
  for (const [key, value] of Object.entries(labels)) result[key] = marked.has(key) ? `${value}${suffix}` : value;
  return result;
}

function create(deployment: Deployment): ApiRequest {
  const { namespace, name } = deployment.metadata;
  return { verb: 'create', resource: 'deployments', namespace, name, body: deployment };
}

function scale(namespace: string, name: string, replicas: number): ApiRequest {
  return { verb: 'update', resource: 'deployments', subresource: 'scale', namespace, name, replicas };
}
