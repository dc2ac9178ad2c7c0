import type { Pod, PodTemplateSpec, Service } from '../api/core.js';
import type { KubernetesObject, Labels } from '../api/meta.js';
import { isMap } from '../api/reader.js';
import { SECOND } from '../kernel/time.js';
import type { References } from './references.js';
import type { RawTraffic } from './schema-traffic.js';
import type { Path } from './source.js';
import type { ClientSpec, ConnectionSpec, DnsSpec, HealthCheckSpec, LookupSpec, TrafficSpec } from './types.js';
import { duration } from './units.js';

/** Where traffic goes, from where, and what lies between. */

/** ndots of a pod, and of its resolver timeout and attempts (pkg/kubelet/network/dns; resolv.conf(5)). */
const NDOTS = 5;
const TIMEOUT_SECONDS = 5;
const ATTEMPTS = 2;
/** Keep-alive of an idle connection (Go's net/http DefaultTransport IdleConnTimeout). */
const KEEP_ALIVE = '90s';
/** Health checks that the AWS cloud provider sets up, and the annotations that change them. */
const CHECK = 'service.beta.kubernetes.io/aws-load-balancer-healthcheck-';
const CHECK_INTERVAL = 10;
const CHECK_HEALTHY = 2;
const CHECK_UNHEALTHY = 6;

export interface TrafficPathContext {
  readonly references: References;
  readonly dns: DnsSpec | undefined;
}

type TrafficPath = Pick<
  TrafficSpec,
  'service' | 'host' | 'ingress' | 'via' | 'healthCheck' | 'client' | 'clients' | 'lookup' | 'discovery' | 'connections'
>;

/** The path of a stream; undefined when something is wrong, which goes to the errors. */
export function toTrafficPath(raw: RawTraffic, path: Path, { references, dns }: TrafficPathContext): TrafficPath | undefined {
  const complain = (key: string, message: string): undefined => references.complain([...path, key], message);
  const match = /^(?:(service|svc|services|ingress|ing|ingresses|host)\/)?([^/]+)$/i.exec(raw.to);
  if (match === null) return complain('to', `expected service/NAME, ingress/NAME or host/NAME, found the text "${raw.to}"`);
  const kind = (match[1] ?? 'service').toLowerCase();
  const name = match[2]!;
  const client = raw.client === undefined ? null : clientOf(raw.client, raw.namespace, [...path, 'client'], references);
  if (client === undefined) return undefined;
  const isHost = kind === 'host';
  const isIngress = kind.startsWith('ing');
  if (!isIngress && (raw.host !== undefined || raw.path !== undefined))
    return complain(raw.host === undefined ? 'path' : 'host', 'expected only with ingress/NAME');
  if (!isIngress && raw.controller !== undefined) return complain('controller', 'expected only with ingress/NAME');
  if (raw.via !== undefined && (isHost || isIngress)) return complain('via', 'expected only with service/NAME');
  if (raw.via !== undefined && raw.via !== 'clusterIP' && client !== null) return complain('via', 'expected clusterIP: the clients are pods');
  const looked = raw.name ?? (isHost && dns !== undefined ? name : undefined);
  const inside = client !== null || raw.via === 'clusterIP' || isHost;
  if (looked !== undefined && !inside) return complain('name', 'expected only for clients inside the cluster: give "client", or "via: clusterIP"');
  if (looked !== undefined && dns === undefined) return complain('name', 'the manifests have no Service kube-system/kube-dns that would look it up');
  if (raw.discovery !== undefined) {
    if (isHost || isIngress) return complain('discovery', 'expected only with service/NAME: others are not in the environment');
    if (raw.name !== undefined) return complain('discovery', 'expected either a name that is looked up, or the environment');
    if (client === null && !path.includes('calls')) return complain('discovery', 'expected only for clients that are pods: give "client"');
  }
  const common = {
    ...(raw.discovery === undefined ? {} : { discovery: raw.discovery }),
    ...(client === null ? {} : { client: client.spec }),
    ...(raw.clients === undefined ? {} : { clients: raw.clients }),
    ...(looked === undefined ? {} : { lookup: lookupOf(looked, raw, references, client, dns) }),
    ...(raw.connections === undefined ? {} : { connections: connectionsOf(raw.connections) }),
  };
  if (isHost) return { service: { namespace: '', name }, host: name, ...common };
  if (isIngress) {
    const found = references.object('Ingress', name, raw.namespace, [...path, 'to']);
    if (found === undefined) return undefined;
    const { namespace } = found.object.metadata;
    const host = raw.host ?? firstHost(found.object);
    const target = { namespace, name, host, path: raw.path ?? '/' };
    if (raw.controller === undefined) return { service: { namespace, name }, ingress: target, ...common };
    const [first, second] = raw.controller.split('/') as [string, string?];
    const service = references.object('Service', second ?? first, second === undefined ? raw.namespace : first, [...path, 'controller']);
    if (service === undefined) return undefined;
    const { metadata } = service.object;
    const controller = { namespace: metadata.namespace, name: metadata.name };
    return { service: { namespace, name }, ingress: { ...target, controller }, ...common };
  }
  return toService(name, raw, path, references, common);
}

function toService(name: string, raw: RawTraffic, path: Path, references: References, common: Partial<TrafficPath>): TrafficPath | undefined {
  const complain = (key: string, message: string): undefined => references.complain([...path, key], message);
  const found = references.object('Service', name, raw.namespace, [...path, 'to']);
  if (found === undefined) return undefined;
  const service = found.object as Service;
  const { namespace } = service.metadata;
  const { type, externalName = '', clusterIP } = service.spec;
  if (type === 'ExternalName') {
    // A name of another Service is followed; any other is a server outside.
    const alias = /^([^.]+)\.([^.]+)\.svc(?:\..+)?$/.exec(externalName);
    if (alias !== null) {
      const target = references.object('Service', alias[1]!, alias[2]!, [...path, 'to']);
      return target && { service: { namespace: alias[2]!, name: alias[1]! }, ...common };
    }
    return { service: { namespace, name }, host: externalName, ...common };
  }
  const { via } = raw;
  if (via === 'nodePort' && type === 'ClusterIP') return complain('via', `the Service ${name} has no node port: its type is ${type}`);
  if (via === 'loadBalancer' && type !== 'LoadBalancer') return complain('via', `the Service ${name} has no load balancer: its type is ${type}`);
  if (clusterIP === 'None' && common.lookup === undefined && (via !== undefined || common.client !== undefined))
    return complain('to', `the Service ${name} is headless: clients need its "name" to find its pods`);
  return {
    service: { namespace, name },
    ...(via === undefined ? {} : { via }),
    ...(via === 'loadBalancer' ? { healthCheck: healthCheckOf(service) } : {}),
    ...common,
  };
}

function healthCheckOf({ metadata: { annotations = {} } }: Service): HealthCheckSpec {
  const number = (key: string, fallback: number): number => {
    const value = Number(annotations[`${CHECK}${key}`] ?? fallback);
    return Number.isFinite(value) && value > 0 ? value : fallback;
  };
  return {
    interval: number('interval', CHECK_INTERVAL) * SECOND,
    healthy: number('healthy-threshold', CHECK_HEALTHY),
    unhealthy: number('unhealthy-threshold', CHECK_UNHEALTHY),
  };
}

interface FoundClient {
  readonly spec: ClientSpec;
  readonly options: ReadonlyMap<string, string>;
}

/** The pods of a workload, by its selector, and the options of their resolvers. */
function clientOf(reference: string, namespace: string | undefined, path: Path, references: References): FoundClient | undefined {
  const match = /^([^/]+)\/([^/]+)$/.exec(reference);
  if (match === null) return references.complain(path, `expected KIND/NAME such as deployment/frontend, found "${reference}"`);
  const info = references.kind(match[1]!, path);
  const found = info && references.object(info.kind, match[2]!, namespace, path);
  if (found === undefined) return undefined;
  const { spec } = found.object as KubernetesObject & { readonly spec?: { readonly template?: PodTemplateSpec } };
  const template = spec?.template;
  const labels: Labels | undefined = template?.metadata.labels;
  if (template === undefined || labels === undefined) return references.complain(path, `the ${info!.kind} ${match[2]!} has no pods with labels`);
  const options = new Map<string, string>();
  const config = (template.spec as Pod['spec']).extra?.['dnsConfig'];
  const listed = isMap(config) && Array.isArray(config.options) ? (config.options as { name?: string; value?: string }[]) : [];
  for (const { name, value } of listed) if (name !== undefined) options.set(name, String(value ?? ''));
  return { spec: { namespace: found.object.metadata.namespace, selector: labels }, options };
}

function lookupOf(name: string, raw: RawTraffic, references: References, client: FoundClient | null, dns: DnsSpec | undefined): LookupSpec {
  const keep = raw.nameCache === 'ttl' ? (dns?.ttl ?? 0) : duration(raw.nameCache ?? '0s');
  const option = (key: string, fallback: number): number => {
    const value = Number(client?.options.get(key) ?? fallback);
    return Number.isFinite(value) ? value : fallback;
  };
  return {
    name,
    namespace: client?.spec.namespace ?? raw.namespace ?? references.defaultNamespace,
    ndots: option('ndots', NDOTS),
    timeout: option('timeout', TIMEOUT_SECONDS) * SECOND,
    attempts: option('attempts', ATTEMPTS),
    ...(keep === 0 ? {} : { keep }),
  };
}

function connectionsOf(raw: NonNullable<RawTraffic['connections']>): ConnectionSpec {
  return {
    keepAlive: duration(raw.keepAlive ?? KEEP_ALIVE),
    ...(raw.maximumRequests === undefined ? {} : { maximumRequests: raw.maximumRequests }),
    ...(raw.maximumAge === undefined ? {} : { maximumAge: duration(raw.maximumAge) }),
    handshakes: raw.tls === true ? 2 : 1,
  };
}

function firstHost(ingress: KubernetesObject): string {
  const { spec } = ingress as KubernetesObject & { readonly spec?: { readonly rules?: readonly { readonly host?: string }[] } };
  return spec?.rules?.[0]?.host ?? '';
}
