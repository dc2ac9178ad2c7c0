import { equal } from '../api/equal.js';
import type { KubernetesObject, ObjectMeta, OwnerReference } from '../api/meta.js';
import type { ApiRequest, Patch } from '../apiserver/request.js';
import { type Ingress, MIRROR } from '../network/ingress-rules.js';

/**
 * The second Ingress by which ingress-nginx sends a part of the requests to a canary, as Argo Rollouts (rollout/trafficrouting/nginx)
 * and Flagger (pkg/router/ingress.go) write it: the rules of the first one with the canary's Service behind them, and annotations. Pure.
 */

const PREFIX = 'nginx.ingress.kubernetes.io/';
const CANARY = `${PREFIX}canary`;
const WEIGHT = `${PREFIX}canary-weight`;
const TOTAL = `${PREFIX}canary-weight-total`;
const CLASS = 'kubernetes.io/ingress.class';
const COHORT = ['canary-by-header', 'canary-by-cookie'].map((name) => `${PREFIX}${name}`);

/** What a canary Ingress is made of. */
export interface CanaryIngressSpec {
  readonly name: string;
  /** Service behind the rules of the first Ingress, and the one that takes its place. */
  readonly stable: string;
  readonly canary: string;
  /** Weight of the canary of `total`; absent: of 100. */
  readonly weight: number;
  readonly total?: number;
  /** Further annotations; names without a prefix get that of ingress-nginx. */
  readonly annotations?: Readonly<Record<string, string>>;
  readonly owner?: OwnerReference;
}

/** The canary of an Ingress; undefined: none of its rules leads to the stable Service. */
export function canaryIngress(main: Ingress, spec: CanaryIngressSpec): Ingress | undefined {
  const { namespace, annotations = {} } = main.metadata;
  const rules = (main.spec?.rules ?? []).flatMap((rule) => {
    const paths = rule.http?.paths ?? [];
    if (!paths.some(({ backend }) => backend.service?.name === spec.stable)) return [];
    const moved = paths.map((path) =>
      path.backend.service?.name === spec.stable ? { ...path, backend: { ...path.backend, service: { ...path.backend.service, name: spec.canary } } } : path,
    );
    return [{ ...rule, http: { ...rule.http, paths: moved } }];
  });
  if (rules.length === 0) return undefined;
  const { defaultBackend: _, ...rest } = main.spec!;
  const metadata: ObjectMeta = {
    name: spec.name,
    namespace,
    uid: '',
    resourceVersion: 0,
    generation: 1,
    creationTimestamp: 0,
    annotations: {
      ...(annotations[CLASS] === undefined ? {} : { [CLASS]: annotations[CLASS] }),
      ...Object.fromEntries(Object.entries(spec.annotations ?? {}).map(([key, value]) => [key.includes('/') ? key : `${PREFIX}${key}`, value])),
      [CANARY]: 'true',
      [WEIGHT]: String(spec.weight),
      ...(spec.total === undefined ? {} : { [TOTAL]: String(spec.total) }),
    },
    ...(spec.owner === undefined ? {} : { ownerReferences: [spec.owner] }),
  };
  return { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata, spec: { ...rest, rules } };
}

/** Whether an Ingress has rules that lead to a Service, and is no canary itself. */
export function leadsTo(ingress: Ingress, namespace: string, service: string): boolean {
  const { metadata, spec } = ingress;
  if (metadata.namespace !== namespace || metadata.annotations?.[CANARY] === 'true') return false;
  return (spec?.rules ?? []).some(({ http }) => http?.paths?.some(({ backend }) => backend.service?.name === service) === true);
}

/** Weight that a canary Ingress gives; the cohort alone counts as all of it (GetRoutes of Flagger). */
export function weightOf(ingress: Ingress | undefined, total: number): number {
  const annotations = ingress?.metadata.annotations ?? {};
  if (COHORT.some((key) => annotations[key] !== undefined)) return total;
  const weight = Number(annotations[WEIGHT] ?? 0);
  return Number.isFinite(weight) ? weight : 0;
}

/** Bytes of an update of an Ingress. */
const INGRESS_BYTES = 900;

/** Gives a canary Ingress its annotations and rules. Annotations of others stay, those that choose a cohort do not. */
export class CanaryIngressPatch implements Patch {
  readonly bytes = INGRESS_BYTES;
  private readonly wanted: Ingress;

  constructor(wanted: Ingress) {
    this.wanted = wanted;
  }

  apply(current: KubernetesObject): KubernetesObject {
    const { metadata, spec } = this.wanted;
    const kept = Object.fromEntries(Object.entries(current.metadata.annotations ?? {}).filter(([key]) => !COHORT.includes(key)));
    return { ...current, metadata: { ...current.metadata, annotations: { ...kept, ...metadata.annotations } }, spec } as Ingress;
  }
}

/** The request that makes a canary Ingress what it is to be; undefined: it is. */
export function canaryIngressRequest(existing: Ingress | undefined, wanted: Ingress): ApiRequest | undefined {
  const { namespace, name } = wanted.metadata;
  if (existing === undefined) return { verb: 'create', resource: 'ingresses', namespace, name, body: wanted };
  const patch = new CanaryIngressPatch(wanted);
  const patched = patch.apply(existing) as Ingress;
  if (equal(patched.metadata.annotations, existing.metadata.annotations) && equal(patched.spec, existing.spec)) return undefined;
  return { verb: 'patch', resource: 'ingresses', namespace, name, patch };
}

/** Lets an Ingress copy its requests to a Service (`namespace/name`), or no more to any. */
export class MirrorPatch implements Patch {
  readonly bytes = INGRESS_BYTES;
  private readonly service: string | undefined;

  constructor(service: string | undefined) {
    this.service = service;
  }

  apply(current: KubernetesObject): KubernetesObject {
    const { [MIRROR]: _, ...annotations } = current.metadata.annotations ?? {};
    const [namespace, name] = this.service?.split('/') ?? [];
    const target = name === undefined ? {} : { [MIRROR]: `http://${name}.${namespace}.svc.cluster.local$request_uri` };
    return { ...current, metadata: { ...current.metadata, annotations: { ...annotations, ...target } } };
  }
}
