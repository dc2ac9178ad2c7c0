import type { KubernetesObject } from '../api/meta.js';
import { resourceInfo } from '../api/resources.js';
import type { EndpointSlice } from '../api/workloads.js';

/** Protobuf bytes of an EndpointSlice without endpoints, and of one endpoint: measured by encoding k8s.io/api objects. */
const SLICE_BASE_BYTES = 350;
const ENDPOINT_BYTES = 164;

/** Size of a stored object in bytes: what etcd, the network and encoding pay for. */
export function typicalBytes(resource: string, object: KubernetesObject): number {
  if (resource === 'endpointslices') return SLICE_BASE_BYTES + ENDPOINT_BYTES * (object as EndpointSlice).endpoints.length;
  return resourceInfo(resource).typicalBytes;
}
