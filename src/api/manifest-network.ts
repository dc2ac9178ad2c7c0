import type { KubernetesObject, ObjectMeta } from './meta.js';
import { type FieldReader, isMap, type RawMap } from './reader.js';
import type { Endpoint, EndpointSlice } from './workloads.js';

/** Kinds of discovery.k8s.io, with the defaults that the API server and clients give their fields. */

/** An EndpointSlice as somebody else than the controller keeps it: absent conditions mean ready and serving, not terminating. */
export function readEndpointSlice(read: FieldReader, raw: RawMap, metadata: ObjectMeta): KubernetesObject {
  const endpoints = read.listOf(raw, 'endpoints', '', (item, path): Endpoint => {
    const conditions = read.map(item, 'conditions', path) ?? {};
    const ready = read.flag(conditions, 'ready', `${path}.conditions`) ?? true;
    return {
      ...(item as unknown as Endpoint),
      addresses: Array.isArray(item.addresses) ? (item.addresses as string[]) : [],
      conditions: {
        ready,
        serving: read.flag(conditions, 'serving', `${path}.conditions`) ?? ready,
        terminating: read.flag(conditions, 'terminating', `${path}.conditions`) ?? false,
      },
    };
  });
  const ports = read.listOf(raw, 'ports', '', (item, path) => ({
    ...(typeof item.name === 'string' && item.name !== '' ? { name: item.name } : {}),
    port: read.integer(item, 'port', path) ?? 0,
    protocol: read.text(item, 'protocol', path) ?? 'TCP',
  }));
  const slice: EndpointSlice = {
    ...(isMap(raw) ? raw : {}),
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata,
    addressType: (read.choice(raw, 'addressType', '', ['IPv4', 'IPv6', 'FQDN']) ?? 'IPv4') as EndpointSlice['addressType'],
    endpoints: endpoints ?? [],
    ports: ports ?? [],
  };
  return slice;
}
