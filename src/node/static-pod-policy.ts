import type { Pod } from '../api/core.js';
import type { KubernetesObject } from '../api/meta.js';
import { hashText } from '../random/stream.js';

/** What a kubelet makes of the manifests in its static pod directory, and their mirrors in the API (pkg/kubelet/config, pkg/kubelet/pod). Pure. */

/** Annotations of static pods and of their mirrors (pkg/kubelet/types/pod_update.go). */
export const CONFIG_SOURCE = 'kubernetes.io/config.source';
export const CONFIG_HASH = 'kubernetes.io/config.hash';
export const CONFIG_SEEN = 'kubernetes.io/config.seen';
export const CONFIG_MIRROR = 'kubernetes.io/config.mirror';

/** scheduling.SystemCriticalPriority, and of class system-node-critical. */
const CLUSTER_CRITICAL = 2_000_000_000;
const NODE_CRITICAL = 2_000_001_000;

/** A manifest as its kubelet runs it (config/common.go applyDefaults): named after its node, bound to it, with a uid that is its hash. */
export function staticPod(manifest: Pod, nodeName: string, now: number): Pod {
  const { metadata, spec } = manifest;
  const name = `${metadata.name}-${nodeName.toLowerCase()}`;
  const text = `${nodeName} ${metadata.namespace}/${metadata.name} ${JSON.stringify([metadata.labels, metadata.annotations, spec])}`;
  const uid = [0, 1, 2, 3].map((part) => hex(hashText(`${part} ${text}`))).join('');
  const tolerations = (spec.tolerations ?? []).filter((each) => !(each.key === undefined && each.operator === 'Exists' && each.effect === 'NoExecute'));
  return {
    ...manifest,
    metadata: {
      ...metadata,
      name,
      namespace: metadata.namespace || 'default',
      uid,
      resourceVersion: 0,
      creationTimestamp: now,
      annotations: { ...metadata.annotations, [CONFIG_HASH]: uid, [CONFIG_SOURCE]: 'file' },
    },
    spec: { ...spec, nodeName, tolerations: [...tolerations, { operator: 'Exists', effect: 'NoExecute' }] },
    status: { phase: 'Pending' },
  };
}

function hex(value: number): string {
  return (value % 4294967296).toString(16).padStart(8, '0');
}

/** What a kubelet takes as the priority of a static pod: all of them are critical (types.IsCriticalPod). */
export function withCriticalPriority(pod: Pod): Pod {
  const { priority, priorityClassName } = pod.spec;
  const least = priorityClassName === 'system-node-critical' ? NODE_CRITICAL : CLUSTER_CRITICAL;
  return (priority ?? 0) >= least ? pod : { ...pod, spec: { ...pod.spec, priority: least } };
}

/** The object that stands for a static pod in the API (mirror_client.go CreateMirrorPod). */
export function mirrorOf(pod: Pod, node: KubernetesObject): Pod {
  const { metadata } = pod;
  const { name, uid } = node.metadata;
  return {
    ...pod,
    metadata: {
      ...metadata,
      uid: '',
      annotations: { ...metadata.annotations, [CONFIG_MIRROR]: metadata.annotations![CONFIG_HASH]! },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid, controller: true }],
    },
  };
}

/** Whether an object of the API mirrors a static pod as it is now (pod_manager.go IsMirrorPodOf). */
export function mirrors(object: Pod, pod: Pod): boolean {
  return object.metadata.annotations?.[CONFIG_MIRROR] === pod.metadata.annotations?.[CONFIG_HASH];
}
