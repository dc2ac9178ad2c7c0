import type { PersistentVolumeClaim, StatefulSet } from '../api/apps.js';
import type { Pod, PodTemplateSpec, Volume } from '../api/core.js';
import { podFromTemplate } from './pod-control.js';
import { REVISION_LABEL } from './revisions.js';

/** Pods of a StatefulSet, their names and volumes: pure (pkg/controller/statefulset/stateful_set_utils.go). */

const POD_NAME_LABEL = 'statefulset.kubernetes.io/pod-name';
const POD_INDEX_LABEL = 'apps.kubernetes.io/pod-index';

/** Ordinal at the end of a pod's name; −1 when there is none (getParentNameAndOrdinal). */
export function ordinalOf(pod: Pod): number {
  const { name } = pod.metadata;
  const text = name.slice(name.lastIndexOf('-') + 1);
  return /^\d+$/.test(text) ? Number(text) : -1;
}

/** Whether a pod's name is one that the set gives (isMemberOf). */
export function isMemberOf(set: StatefulSet, pod: Pod): boolean {
  const { name } = pod.metadata;
  return ordinalOf(pod) >= 0 && name.slice(0, name.lastIndexOf('-')) === set.metadata.name;
}

/** First ordinal of a set. */
export function startOrdinal(set: StatefulSet): number {
  return set.spec.ordinals?.start ?? 0;
}

/** Whether a pod's ordinal is one that the set wants now (podInOrdinalRange). */
export function isInRange(pod: Pod, set: StatefulSet): boolean {
  const index = ordinalOf(pod) - startOrdinal(set);
  return index >= 0 && index < set.spec.replicas;
}

/** `data-web-0`. */
export function claimName(template: PersistentVolumeClaim, set: StatefulSet, ordinal: number): string {
  return `${template.metadata.name}-${set.metadata.name}-${ordinal}`;
}

/** Volume claims of one pod (getPersistentVolumeClaims). */
export function claimsFor(set: StatefulSet, ordinal: number): readonly PersistentVolumeClaim[] {
  return (set.spec.volumeClaimTemplates ?? []).map((template) => ({
    ...template,
    metadata: {
      ...template.metadata,
      name: claimName(template, set, ordinal),
      namespace: set.metadata.namespace,
      labels: { ...template.metadata.labels, ...set.spec.selector.matchLabels },
    },
  }));
}

/** The pod of an ordinal: stable name, host name and volumes (newStatefulSetPod). */
export function statefulPod(set: StatefulSet, template: PodTemplateSpec, ordinal: number, revision: string): Pod {
  const name = `${set.metadata.name}-${ordinal}`;
  const pod = podFromTemplate(set, template, {
    name,
    generateName: `${set.metadata.name}-`,
    labels: { [POD_NAME_LABEL]: name, [POD_INDEX_LABEL]: String(ordinal), [REVISION_LABEL]: revision },
  });
  const volumes = volumesFor(set, ordinal, template.spec.volumes);
  return {
    ...pod,
    spec: { ...pod.spec, hostname: name, subdomain: set.spec.serviceName, ...(volumes.length === 0 ? {} : { volumes }) },
  };
}

/** Whether a pod has the label with its name and the volumes of its claims (identityMatches, storageMatches). */
export function isConsistent(set: StatefulSet, pod: Pod): boolean {
  if (pod.metadata.labels?.[POD_NAME_LABEL] !== pod.metadata.name) return false;
  return (set.spec.volumeClaimTemplates ?? []).every((template) => {
    const volume = pod.spec.volumes?.find(({ name }) => name === template.metadata.name);
    return volume?.persistentVolumeClaim?.claimName === claimName(template, set, ordinalOf(pod));
  });
}

/** The pod with the label and the volumes that it should have (updateIdentity, updateStorage). */
export function madeConsistent(set: StatefulSet, pod: Pod): Pod {
  const ordinal = ordinalOf(pod);
  const labels = { ...pod.metadata.labels, [POD_NAME_LABEL]: pod.metadata.name, [POD_INDEX_LABEL]: String(ordinal) };
  const volumes = volumesFor(set, ordinal, pod.spec.volumes);
  return { ...pod, metadata: { ...pod.metadata, labels }, spec: volumes.length === 0 ? pod.spec : { ...pod.spec, volumes } };
}

function volumesFor(set: StatefulSet, ordinal: number, existing: readonly Volume[] = []): readonly Volume[] {
  const claims = (set.spec.volumeClaimTemplates ?? []).map(
    (claim): Volume => ({ name: claim.metadata.name, persistentVolumeClaim: { claimName: claimName(claim, set, ordinal), readOnly: false } }),
  );
  return [...claims, ...existing.filter((volume) => !claims.some((claim) => claim.name === volume.name))];
}
