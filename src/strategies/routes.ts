import type { HttpRoute, TrafficSplitObject, VirtualService } from '../api/rollout-kinds.js';
import type { KubernetesObject, ObjectMeta } from '../api/meta.js';
import type { ApiRequest, Patch } from '../apiserver/request.js';
import type { TrafficSplit } from '../workload/splits.js';

/** Routes of meshes and gateways: what their objects say about traffic, and how canary controllers write them. Pure. */

/** Weights of the objects that controllers write. */
export interface RouteWeights {
  /** Services by name, in the namespace of the route. */
  readonly stable: string;
  readonly canary: string;
  /** Weight of the canary of `total`. */
  readonly weight: number;
  readonly total: number;
  /** Share of requests copied to the canary, per cent. */
  readonly mirror: number;
  /** Requests of the cohort go to the canary. */
  readonly match: boolean;
}

/** What a route says: the Service whose requests it divides, and how; undefined: it divides none. */
export function splitOf(object: KubernetesObject): { readonly service: string; readonly split: TrafficSplit } | undefined {
  switch (object.kind) {
    case 'TrafficSplit':
      return splitOfTrafficSplit(object as TrafficSplitObject);
    case 'VirtualService':
      return splitOfVirtualService(object as VirtualService);
    case 'HTTPRoute':
      return splitOfHttpRoute(object as HttpRoute);
    default:
      return undefined;
  }
}

/** `namespace/name` of a host such as `web`, `web.shop` or `web.shop.svc.cluster.local`. */
function serviceOfHost(host: string, namespace: string): string {
  const [name, of, svc] = host.split('.');
  if (of === undefined) return `${namespace}/${name}`;
  return svc === undefined || svc === 'svc' ? `${of}/${name}` : `${namespace}/${host}`;
}

function splitOfTrafficSplit({ metadata: { namespace }, spec }: TrafficSplitObject): ReturnType<typeof splitOf> {
  const backends = (spec.backends ?? []).map(({ service, weight }) => ({ service: serviceOfHost(service, namespace), weight: Number.parseInt(String(weight), 10) }));
  return { service: serviceOfHost(spec.service, namespace), split: { backends } };
}

function splitOfVirtualService({ metadata: { namespace }, spec }: VirtualService): ReturnType<typeof splitOf> {
  const routes = spec.http ?? [];
  const main = routes.find(({ match }) => !hasHeaders(match)) ?? routes.at(-1);
  const backends = (main?.route ?? []).map(({ destination, weight }) => ({ service: serviceOfHost(destination.host, namespace), weight: weight ?? 100 }));
  if (main === undefined || backends.length === 0) return undefined;
  const matched = routes.find(({ match }) => hasHeaders(match))?.route ?? [];
  const heaviest = [...matched].sort((a, b) => (b.weight ?? 100) - (a.weight ?? 100))[0];
  const { mirror } = main;
  const service = backends.map((backend) => backend.service).find((backend) => (spec.hosts ?? []).some((host) => serviceOfHost(host, namespace) === backend));
  return {
    service: service ?? hostOf(spec.hosts, namespace, backends[0]!.service),
    split: {
      backends,
      ...(heaviest === undefined ? {} : { match: serviceOfHost(heaviest.destination.host, namespace) }),
      ...(mirror === undefined ? {} : { mirror: { service: serviceOfHost(mirror.host, namespace), share: (main.mirrorPercentage?.value ?? 100) / 100 } }),
    },
  };
}

/** A host with a domain of the outside comes in through a gateway: its requests are those to the first Service behind it. */
function hostOf(hosts: readonly string[] | undefined, namespace: string, first: string): string {
  const inside = (hosts ?? []).find((host) => !host.includes('.') || host.split('.')[2] === 'svc');
  return inside === undefined || inside === '*' ? first : serviceOfHost(inside, namespace);
}

function hasHeaders(match: readonly { readonly headers?: unknown }[] | undefined): boolean {
  return match?.some(({ headers }) => headers !== undefined) === true;
}

function splitOfHttpRoute({ metadata: { namespace }, spec }: HttpRoute): ReturnType<typeof splitOf> {
  const rules = spec.rules ?? [];
  const main = rules.find(({ matches }) => !hasHeaders(matches)) ?? rules.at(-1);
  const backends = (main?.backendRefs ?? []).map(({ name, weight }) => ({ service: `${namespace}/${name}`, weight: weight ?? 1 }));
  if (main === undefined || backends.length === 0) return undefined;
  const matched = rules.find(({ matches }) => hasHeaders(matches))?.backendRefs ?? [];
  const heaviest = [...matched].sort((a, b) => (b.weight ?? 1) - (a.weight ?? 1))[0];
  const mirror = main.filters?.find(({ type }) => type === 'RequestMirror')?.requestMirror;
  const parent = spec.parentRefs?.find(({ kind }) => kind === 'Service');
  return {
    service: `${namespace}/${parent?.name ?? backends[0]!.service.slice(namespace.length + 1)}`,
    split: {
      backends,
      ...(heaviest === undefined ? {} : { match: `${namespace}/${heaviest.name}` }),
      ...(mirror === undefined ? {} : { mirror: { service: `${namespace}/${mirror.backendRef.name}`, share: (mirror.percent ?? 100) / 100 } }),
    },
  };
}

/** Kinds of route objects that controllers write. */
export type RouteKind = 'virtualservices' | 'trafficsplits' | 'httproutes';

/** A route with the given weights; `service`: whose requests it divides. */
export function newRoute(kind: RouteKind, name: string, namespace: string, service: string, weights: RouteWeights): KubernetesObject {
  const metadata: ObjectMeta = { name, namespace, uid: '', resourceVersion: 0, generation: 1, creationTimestamp: 0 };
  switch (kind) {
    case 'virtualservices':
      return { apiVersion: 'networking.istio.io/v1', kind: 'VirtualService', metadata, spec: { hosts: [service], http: istioRoutes([], weights) } } as VirtualService;
    case 'trafficsplits':
      return { apiVersion: 'split.smi-spec.io/v1alpha2', kind: 'TrafficSplit', metadata, spec: { service, backends: smiBackends(weights) } } as TrafficSplitObject;
    case 'httproutes': {
      const parentRefs = [{ group: '', kind: 'Service', name: service }];
      return { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', metadata, spec: { parentRefs, rules: gatewayRules(weights) } } as HttpRoute;
    }
  }
}

function smiBackends({ stable, canary, weight, total }: RouteWeights): { readonly service: string; readonly weight: number }[] {
  return [
    { service: stable, weight: total - weight },
    { service: canary, weight },
  ];
}

type IstioRoute = NonNullable<VirtualService['spec']['http']>[number];

function istioRoutes(before: readonly IstioRoute[], weights: RouteWeights): readonly IstioRoute[] {
  const { stable, canary, weight, total, mirror, match } = weights;
  const route = [
    { destination: { host: stable }, weight: total - weight },
    { destination: { host: canary }, weight },
  ];
  const { mirror: _mirror, mirrorPercentage: _percentage, ...first } = before.find((each) => !hasHeaders(each.match)) ?? { name: 'primary' };
  const main: IstioRoute = { ...first, route, ...(mirror > 0 ? { mirror: { host: canary }, mirrorPercentage: { value: mirror } } : {}) };
  const header: IstioRoute = { name: 'canary-match', match: [{ headers: {} }], route: [{ destination: { host: canary }, weight: 100 }] };
  return match ? [header, main] : [main];
}

type GatewayRule = NonNullable<HttpRoute['spec']['rules']>[number];

function gatewayRules({ stable, canary, weight, total, mirror, match }: RouteWeights): readonly GatewayRule[] {
  const main: GatewayRule = {
    backendRefs: [
      { name: stable, weight: total - weight },
      { name: canary, weight },
    ],
    ...(mirror > 0 ? { filters: [{ type: 'RequestMirror', requestMirror: { backendRef: { name: canary }, percent: mirror } }] } : {}),
  };
  return match ? [{ matches: [{ headers: [] }], backendRefs: [{ name: canary, weight: total }] }, main] : [main];
}

/** Bytes of an update of a route. */
const ROUTE_BYTES = 900;

/** Writes weights into a route that exists. */
export class RoutePatch implements Patch {
  readonly bytes = ROUTE_BYTES;
  private readonly weights: RouteWeights;

  constructor(weights: RouteWeights) {
    this.weights = weights;
  }

  apply(current: KubernetesObject): KubernetesObject {
    const { weights } = this;
    if (current.kind === 'VirtualService') {
      const route = current as VirtualService;
      return { ...route, spec: { ...route.spec, http: istioRoutes(route.spec.http ?? [], weights) } } as VirtualService;
    }
    if (current.kind === 'TrafficSplit') {
      const route = current as TrafficSplitObject;
      return { ...route, spec: { ...route.spec, backends: smiBackends(weights) } } as TrafficSplitObject;
    }
    const route = current as HttpRoute;
    return { ...route, spec: { ...route.spec, rules: gatewayRules(weights) } } as HttpRoute;
  }
}

/** The request that brings a route to the given weights: a patch, or a create when there is none. */
export function routeRequest(kind: RouteKind, existing: KubernetesObject | undefined, wanted: KubernetesObject, weights: RouteWeights): ApiRequest {
  const { namespace, name } = wanted.metadata;
  if (existing === undefined) return { verb: 'create', resource: kind, namespace, name, body: wanted };
  return { verb: 'patch', resource: kind, namespace, name, patch: new RoutePatch(weights) };
}

/** Whether a route already has these weights. */
export function hasWeights(route: KubernetesObject, weights: RouteWeights): boolean {
  const { namespace } = route.metadata;
  const split = splitOf(route)?.split;
  if (split === undefined) return false;
  const weightOf = (name: string): number => split.backends.filter(({ service }) => service === `${namespace}/${name}`).reduce((sum, { weight }) => sum + weight, 0);
  const mirror = Math.round((split.mirror?.share ?? 0) * 100);
  const plain = route.kind === 'TrafficSplit';
  return (
    weightOf(weights.canary) === weights.weight &&
    weightOf(weights.stable) === weights.total - weights.weight &&
    (plain || (mirror === weights.mirror && (split.match !== undefined) === weights.match))
  );
}

