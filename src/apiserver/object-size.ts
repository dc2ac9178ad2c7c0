import type { ConfigMap } from '../api/cluster-kinds.js';
import type { KubernetesObject } from '../api/meta.js';
import { resourceInfo } from '../api/resources.js';
import type { EndpointSlice } from '../api/workloads.js';

/** Protobuf bytes of an EndpointSlice without endpoints, and of one endpoint: measured by encoding k8s.io/api objects. */
const SLICE_BASE_BYTES = 350;
const ENDPOINT_BYTES = 164;

/** A ConfigMap or Secret without its data. */
const METADATA_BYTES = 300;

/** Bytes of the data of a ConfigMap or Secret, keys included. */
export function dataBytes({ data }: Pick<ConfigMap, 'data'>): number {
  if (data === undefined) return 0;
  let bytes = 0;
  for (const key in data) bytes += key.length + (typeof data[key] === 'string' ? data[key].length : 0);
  return bytes;
}

/** Resources whose objects are of different sizes. */
const SIZES_DIFFER: ReadonlySet<string> = new Set(['endpointslices', 'configmaps', 'secrets']);

/** Whether the objects of a resource are of different sizes. */
export function sizesDiffer(resource: string): boolean {
  return SIZES_DIFFER.has(resource);
}

/** Size of a stored object in bytes: what etcd, the network and encoding pay for. */
export function typicalBytes(resource: string, object: KubernetesObject): number {
  if (resource === 'endpointslices') return SLICE_BASE_BYTES + ENDPOINT_BYTES * (object as EndpointSlice).endpoints.length;
  const typical = resourceInfo(resource).typicalBytes;
  if (resource !== 'configmaps' && resource !== 'secrets') return typical;
  return Math.max(typical, METADATA_BYTES + dataBytes(object as ConfigMap));
}
