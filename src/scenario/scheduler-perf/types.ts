import type { KubernetesObject, Labels } from '../../api/meta.js';
import type { Duration } from '../../kernel/time.js';

/** Workloads of scheduler_perf that a scenario runs, in order. */
export interface SchedulerPerfSpec {
  readonly workloads: readonly PerfWorkload[];
}

/** One workload of a test case, with its parameters filled in. */
export interface PerfWorkload {
  /** `SchedulingBasic/5000Nodes_10000Pods`. */
  readonly name: string;
  /** Least average throughput that CI demands, pods a second; absent: none. */
  readonly threshold?: number;
  /** What the real scheduler was measured to do without API server, pods a second; absent: not measured. */
  readonly measured?: number;
  readonly operations: readonly PerfOperation[];
  /** Feature gates that are set otherwise than the model behaves. */
  readonly notes: readonly string[];
}

/** Objects by index: one for all, or one each. */
export interface PerfObjectSet {
  readonly count: number;
  readonly prototypes: readonly KubernetesObject[];
}

/** Nodes get a label each, round robin, or an allocatable and a CSINode, after all have been created. */
export interface PerfNodePreparation {
  readonly label?: { readonly key: string; readonly values: readonly string[] };
  readonly allocatable?: Readonly<Record<string, number>>;
  /** Volumes by CSI driver. */
  readonly csi?: Readonly<Record<string, number>>;
}

export interface PerfPodCreation extends PerfObjectSet {
  readonly namespace: string;
  readonly collect: boolean;
  /** Goes on only when all are scheduled. */
  readonly wait: boolean;
  /** A bound pair of volume and claim for each pod. */
  readonly volume?: { readonly volume: KubernetesObject; readonly claim: KubernetesObject };
}

/** Pods that an operation looks at: of namespaces, with all of these labels. */
export interface PerfSelection {
  readonly namespaces: readonly string[];
  readonly labels: Labels;
}

export type PerfOperation =
  | ({ readonly operation: 'createNodes'; readonly preparation: PerfNodePreparation } & PerfObjectSet)
  | { readonly operation: 'createNamespaces'; readonly objects: readonly KubernetesObject[] }
  | ({ readonly operation: 'createPods' } & PerfPodCreation)
  | { readonly operation: 'createAny'; readonly namespace: string; readonly objects: readonly KubernetesObject[] }
  | {
      readonly operation: 'updateAny';
      readonly namespace: string;
      readonly objects: readonly KubernetesObject[];
      /** 0: one after the other without a pause. */
      readonly interval: Duration;
    }
  | {
      readonly operation: 'deletePods';
      readonly selection: PerfSelection;
      /** 0: all at once. */
      readonly interval: Duration;
      readonly wait: boolean;
    }
  | {
      readonly operation: 'churn';
      readonly recreate: boolean;
      /** Objects of each template; 0: without end. */
      readonly number: number;
      readonly interval: Duration;
      readonly namespace: string;
      readonly templates: readonly KubernetesObject[];
    }
  /** No namespaces: all of the pods that were not waited for. */
  | { readonly operation: 'barrier'; readonly attempted: boolean; readonly selection: PerfSelection }
  | { readonly operation: 'sleep'; readonly duration: Duration }
  | { readonly operation: 'startCollecting'; readonly selection: PerfSelection }
  | { readonly operation: 'stopCollecting' };
