import type { KubernetesObject } from '../api/meta.js';

/** Which Service an Ingress sends a request to (networking.k8s.io/v1), with the canaries of ingress-nginx. Pure. */

export interface IngressBackend {
  readonly service?: { readonly name: string; readonly port?: { readonly number?: number; readonly name?: string } };
}

export interface IngressPath {
  readonly path?: string;
  readonly pathType?: 'Exact' | 'Prefix' | 'ImplementationSpecific';
  readonly backend: IngressBackend;
}

export interface Ingress extends KubernetesObject {
  readonly kind: 'Ingress';
  readonly spec?: {
    readonly ingressClassName?: string;
    readonly defaultBackend?: IngressBackend;
    readonly rules?: readonly { readonly host?: string; readonly http?: { readonly paths?: readonly IngressPath[] } }[];
  };
}

/** Annotations of ingress-nginx (internal/ingress/annotations/canary). */
const PREFIX = 'nginx.ingress.kubernetes.io/';
const DEFAULT_TOTAL = 100;
/** Annotation that names where copies of all requests go (internal/ingress/annotations/mirror); nginx knows no share of them. */
export const MIRROR = `${PREFIX}mirror-target`;

/** A Service that takes a part of the requests of a route. */
export interface Canary {
  /** `namespace/name`. */
  readonly service: string;
  /** Share of the requests, 0..1. */
  readonly share: number;
  /** Requests with the header or cookie go to it, whatever the share. */
  readonly cohort: boolean;
}

/** Where requests of a host and path go. */
export interface Route {
  /** `namespace/name`. */
  readonly service: string;
  readonly canary?: Canary;
  /** Service (`namespace/name`) that gets a copy of every request. */
  readonly mirror?: string;
}

interface Location {
  readonly host: string;
  readonly path: string;
  readonly type: NonNullable<IngressPath['pathType']>;
  readonly service: string;
  readonly mirror: string | undefined;
}

/** All Ingresses as one table, as an ingress controller compiles it. */
export class IngressTable {
  private readonly locations: readonly Location[];
  private readonly canaries: ReadonlyMap<string, Canary>;
  private readonly fallback: string | undefined;

  constructor(ingresses: readonly Ingress[]) {
    const locations: Location[] = [];
    const canaries = new Map<string, Canary>();
    let fallback: string | undefined;
    // Of two that claim the same place the older one has it.
    const ordered = [...ingresses].sort((a, b) => a.metadata.creationTimestamp - b.metadata.creationTimestamp);
    for (const ingress of ordered) {
      const { namespace, annotations = {} } = ingress.metadata;
      const canary = annotations[`${PREFIX}canary`] === 'true';
      const mirror = mirrorOf(annotations[MIRROR], namespace);
      const own = ingress.spec?.defaultBackend?.service;
      if (!canary && own !== undefined) fallback ??= `${namespace}/${own.name}`;
      for (const { host = '', http } of ingress.spec?.rules ?? []) {
        for (const { path = '/', pathType = 'ImplementationSpecific', backend } of http?.paths ?? []) {
          if (backend.service === undefined) continue;
          const service = `${namespace}/${backend.service.name}`;
          if (canary) canaries.set(placeOf(host, path), canaryOf(service, annotations));
          else if (!locations.some((each) => each.host === host && each.path === path && each.type === pathType)) locations.push({ host, path, type: pathType, service, mirror });
        }
      }
    }
    this.locations = locations;
    this.canaries = canaries;
    this.fallback = fallback;
  }

  /** The route of a request; undefined: 404. The most exact host counts, then an exact path, then the longest one. */
  route(host: string, path: string): Route | undefined {
    let best: Location | undefined;
    for (const location of this.locations) {
      if (!hostMatches(location.host, host) || !pathMatches(location, path)) continue;
      if (best === undefined || better(location, best)) best = location;
    }
    if (best === undefined) return this.fallback === undefined ? undefined : { service: this.fallback };
    const canary = this.canaries.get(placeOf(best.host, best.path));
    const { service, mirror } = best;
    return { service, ...(canary === undefined ? {} : { canary }), ...(mirror === undefined ? {} : { mirror }) };
  }
}

/** The Service of `http://web-canary.shop.svc.cluster.local$request_uri`; undefined: what is outside gets its copies at no cost. */
function mirrorOf(target: string | undefined, namespace: string): string | undefined {
  const host = /^https?:\/\/([a-z0-9.-]+)/.exec(target ?? '')?.[1]?.split('.');
  if (host === undefined || (host.length > 2 && host[2] !== 'svc')) return undefined;
  return `${host[1] ?? namespace}/${host[0]}`;
}

function placeOf(host: string, path: string): string {
  return `${host} ${path}`;
}

function canaryOf(service: string, annotations: Readonly<Record<string, string>>): Canary {
  const weight = Number(annotations[`${PREFIX}canary-weight`] ?? 0);
  const total = Number(annotations[`${PREFIX}canary-weight-total`] ?? DEFAULT_TOTAL);
  const cohort = annotations[`${PREFIX}canary-by-header`] !== undefined || annotations[`${PREFIX}canary-by-cookie`] !== undefined;
  const share = total > 0 && Number.isFinite(weight) ? Math.max(0, Math.min(1, weight / total)) : 0;
  return { service, share, cohort };
}

/** An empty host matches all; `*.example.com` matches one more label. */
function hostMatches(rule: string, host: string): boolean {
  if (rule === '') return true;
  if (!rule.startsWith('*.')) return rule === host;
  const rest = host.slice(host.indexOf('.') + 1);
  return host.includes('.') && rest === rule.slice(2);
}

/** Prefix goes by elements of the path: /foo matches /foo/bar and not /foobar; ImplementationSpecific is nginx's plain prefix. */
function pathMatches({ path: rule, type }: Location, path: string): boolean {
  if (type === 'Exact') return path === rule;
  if (type === 'ImplementationSpecific') return path.startsWith(rule);
  const prefix = rule.endsWith('/') ? rule.slice(0, -1) : rule;
  return path === prefix || path.startsWith(`${prefix}/`);
}

function better(a: Location, b: Location): boolean {
  const hosts = hostRank(a.host) - hostRank(b.host);
  if (hosts !== 0) return hosts > 0;
  if (a.type === 'Exact' || b.type === 'Exact') return a.type === 'Exact' && b.type !== 'Exact';
  return a.path.length > b.path.length;
}

function hostRank(host: string): number {
  if (host === '') return 0;
  return host.startsWith('*.') ? 1 : 2;
}
