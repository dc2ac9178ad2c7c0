import type { PodTemplateSpec } from './core.js';
import type { Condition, IntOrString, KubernetesObject, LabelSelector, Labels } from './meta.js';

/** More `apps/v1` and `core/v1` workload kinds: StatefulSet, DaemonSet, ControllerRevision, ReplicationController, PersistentVolumeClaim. */

export interface PersistentVolumeClaim extends KubernetesObject {
  readonly kind: 'PersistentVolumeClaim';
  readonly spec: {
    readonly storageClassName?: string;
    readonly volumeName?: string;
    readonly accessModes?: readonly string[];
    readonly volumeMode?: string;
    readonly volumeAttributesClassName?: string;
    readonly selector?: LabelSelector;
    readonly resources?: { readonly requests?: Readonly<Record<string, number>> };
  };
  readonly status?: {
    readonly phase?: 'Pending' | 'Bound' | 'Lost';
    readonly accessModes?: readonly string[];
    readonly capacity?: { readonly storage?: number | string };
    readonly currentVolumeAttributesClassName?: string;
  };
}

export interface StatefulSetStatus {
  readonly observedGeneration?: number;
  readonly replicas: number;
  readonly readyReplicas?: number;
  readonly currentReplicas?: number;
  readonly updatedReplicas?: number;
  readonly availableReplicas?: number;
  readonly currentRevision?: string;
  readonly updateRevision?: string;
  readonly collisionCount?: number;
  readonly conditions?: readonly Condition[];
}

export interface StatefulSet extends KubernetesObject {
  readonly kind: 'StatefulSet';
  readonly spec: {
    readonly replicas: number;
    readonly selector: LabelSelector;
    readonly template: PodTemplateSpec;
    readonly serviceName: string;
    readonly podManagementPolicy: 'OrderedReady' | 'Parallel';
    readonly updateStrategy: {
      readonly type: 'RollingUpdate' | 'OnDelete';
      readonly rollingUpdate?: { readonly partition?: number; readonly maxUnavailable?: IntOrString };
    };
    readonly volumeClaimTemplates?: readonly PersistentVolumeClaim[];
    readonly minReadySeconds?: number;
    readonly revisionHistoryLimit: number;
    readonly ordinals?: { readonly start: number };
    readonly persistentVolumeClaimRetentionPolicy?: {
      readonly whenDeleted?: 'Retain' | 'Delete';
      readonly whenScaled?: 'Retain' | 'Delete';
    };
  };
  readonly status: StatefulSetStatus;
}

/** A snapshot of a template (apps/v1 ControllerRevision). */
export interface ControllerRevision extends KubernetesObject {
  readonly kind: 'ControllerRevision';
  readonly data: PodTemplateSpec;
  readonly revision: number;
}

export interface DaemonSetStatus {
  readonly currentNumberScheduled: number;
  readonly numberMisscheduled: number;
  readonly desiredNumberScheduled: number;
  readonly numberReady: number;
  readonly observedGeneration?: number;
  readonly updatedNumberScheduled?: number;
  readonly numberAvailable?: number;
  readonly numberUnavailable?: number;
  readonly collisionCount?: number;
}

export interface DaemonSet extends KubernetesObject {
  readonly kind: 'DaemonSet';
  readonly spec: {
    readonly selector: LabelSelector;
    readonly template: PodTemplateSpec;
    readonly updateStrategy: {
      readonly type: 'RollingUpdate' | 'OnDelete';
      readonly rollingUpdate?: { readonly maxUnavailable: IntOrString; readonly maxSurge: IntOrString };
    };
    readonly minReadySeconds?: number;
    readonly revisionHistoryLimit: number;
  };
  readonly status: DaemonSetStatus;
}

/** Its selector is a plain map. */
export interface ReplicationController extends KubernetesObject {
  readonly kind: 'ReplicationController';
  readonly spec: {
    readonly replicas: number;
    readonly selector: Labels;
    readonly template: PodTemplateSpec;
    readonly minReadySeconds: number;
  };
  readonly status: { readonly replicas: number; readonly observedGeneration?: number };
}
