import type { Pod, Service } from '../api/core.js';
import type { Time } from '../kernel/time.js';

/** The environment of containers as kubelets make it (pkg/kubelet/kubelet_pods.go makeEnvironmentVariables, envvars). */

/** The Service of the API servers, in every environment: it has the first address of the range (pkg/controlplane). */
const KUBERNETES: Service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'kubernetes', namespace: 'default', uid: '', resourceVersion: 0, generation: 0, creationTimestamp: 0 },
  spec: { type: 'ClusterIP', clusterIP: '10.96.0.1', ports: [{ name: 'https', port: 443, targetPort: 6443, protocol: 'TCP' }] },
};

/** A Service from an instant on; null: it is gone. */
interface Version {
  readonly from: Time;
  readonly service: Service | null;
}

/** Services as the kubelets have known them, by time: what a container's environment says is what was there when it was created. */
export class ServiceHistory {
  private readonly namespaces = new Map<string, Map<string, Version[]>>();

  /** A Service was added, changed or removed. */
  changed(service: Service, removed: boolean, now: Time): void {
    const { namespace, name } = service.metadata;
    let names = this.namespaces.get(namespace);
    if (names === undefined) {
      names = new Map();
      this.namespaces.set(namespace, names);
    }
    const versions = names.get(name);
    const next = removed || !hasAddress(service) ? null : service;
    if (versions === undefined) {
      if (next !== null) names.set(name, [{ from: now, service: next }]);
      return;
    }
    const last = versions[versions.length - 1]!.service;
    if (last === next || (last !== null && next !== null && last.spec.clusterIP === next.spec.clusterIP && last.spec.ports === next.spec.ports)) return;
    versions.push({ from: now, service: next });
  }

  /** The Service of a name at an instant; null: there was none with an address. */
  at(namespace: string, name: string, time: Time): Service | null {
    const versions = this.namespaces.get(namespace)?.get(name) ?? [];
    for (let i = versions.length - 1; i >= 0; i--) if (versions[i]!.from <= time) return versions[i]!.service;
    return null;
  }

  /** What the environment of a pod's containers knew at an instant, in order of appearance: all of its namespace, or only the API servers'. */
  of({ metadata: { namespace }, spec }: Pod, time: Time): readonly Service[] {
    const list = [this.at('default', 'kubernetes', time) ?? KUBERNETES];
    if (!linksServices(spec)) return list;
    for (const name of this.namespaces.get(namespace)?.keys() ?? []) {
      const service = this.at(namespace, name, time);
      if (service !== null && (namespace !== 'default' || name !== 'kubernetes')) list.push(service);
    }
    return list;
  }
}

/** spec.enableServiceLinks, by default true. */
export function linksServices(spec: Pod['spec']): boolean {
  return spec.extra?.['enableServiceLinks'] !== false;
}

function hasAddress({ spec: { clusterIP = '' } }: Service): boolean {
  return clusterIP !== '' && clusterIP !== 'None';
}

/** `{SVC}_SERVICE_HOST`, `{SVC}_SERVICE_PORT` and the variables of Docker's links (envvars.go FromServices). */
export function serviceVariables(services: readonly Service[]): Record<string, string> {
  const result: Record<string, string> = {};
  for (const { metadata, spec } of services) {
    const name = variableName(metadata.name);
    const ip = spec.clusterIP!;
    const host = ip.includes(':') ? `[${ip}]` : ip;
    result[`${name}_SERVICE_HOST`] = ip;
    spec.ports.forEach((port, i) => {
      if (i === 0) result[`${name}_SERVICE_PORT`] = String(port.port);
      if (port.name !== undefined && port.name !== '') result[`${name}_SERVICE_PORT_${variableName(port.name)}`] = String(port.port);
    });
    spec.ports.forEach(({ port, protocol = 'TCP' }, i) => {
      const scheme = protocol.toLowerCase();
      const url = `${scheme}://${host}:${port}`;
      if (i === 0) result[`${name}_PORT`] = url;
      const prefix = `${name}_PORT_${port}_${protocol}`;
      result[prefix] = url;
      result[`${prefix}_PROTO`] = scheme;
      result[`${prefix}_PORT`] = String(port);
      result[`${prefix}_ADDR`] = ip;
    });
  }
  return result;
}

function variableName(name: string): string {
  return name.toUpperCase().replaceAll('-', '_');
}
