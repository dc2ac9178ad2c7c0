import type { Pod } from '../api/core.js';
import type { KubernetesObject } from '../api/meta.js';
import type { Duration, Time } from '../kernel/time.js';
import type { DistributionSpec } from '../random/distribution.js';

/** A target of a fault. */
export type FaultTarget =
  | { readonly kind: 'node'; readonly name: string }
  /** The cloud takes the machine of a node away. */
  | { readonly kind: 'instance'; readonly name: string }
  /** The machine answers nobody, but keeps what it has. */
  | { readonly kind: 'hang'; readonly name: string }
  /** The process of a node's kubelet or container runtime dies; its supervisor starts it again. */
  | { readonly kind: 'kubelet' | 'runtime'; readonly name: string }
  /** The plugins of a node's CSI drivers are gone: it mounts no volumes. */
  | { readonly kind: 'csiDriver'; readonly name: string }
  /** `count` of these nodes, drawn at random; `groups`: first one of these lists is drawn, by its share of all nodes. */
  | { readonly kind: 'nodes'; readonly groups: readonly (readonly string[])[]; readonly count: number }
  /** A process of the control plane dies. */
  | { readonly kind: 'controllerManager' | 'scheduler'; readonly index: number }
  /** The disk of a node is slower by a factor. */
  | { readonly kind: 'nodeDisk'; readonly name: string; readonly factor: number }
  /** A share of the packets from and to a machine is lost. */
  | { readonly kind: 'packetLoss'; readonly name: string; readonly share: number }
  | { readonly kind: 'zone'; readonly name: string }
  | { readonly kind: 'link'; readonly from: string; readonly to: string; readonly oneWay?: boolean }
  | { readonly kind: 'apiServer'; readonly index: number }
  /** A machine of the control plane with all that runs on it. */
  | { readonly kind: 'machine'; readonly index: number }
  | { readonly kind: 'etcd'; readonly index: number }
  /** An image registry cannot be reached. */
  | { readonly kind: 'registry'; readonly host: string }
  /** All links from the machines of one zone to those of another. */
  | { readonly kind: 'partition'; readonly from: string; readonly to: string; readonly oneWay: boolean }
  /** All name servers of the cluster. */
  | { readonly kind: 'dns' }
  /** The disk of an etcd member is slower by a factor. */
  | { readonly kind: 'disk'; readonly index: number; readonly factor: number };

/** An instant relative to the rollout: when this share of its replicas is ready in the new version, or when it is over. */
export type RolloutProgress = number | 'end';

/** Something that breaks again and again. Its draws have a stream of their own, so that all strategies see the same. */
export interface RandomFaultSpec {
  readonly every: DistributionSpec;
  /** Absent `progress`: since the origin; else since that instant of the rollout. */
  readonly from: Time;
  readonly progress?: RolloutProgress;
  readonly until?: Time;
  readonly most?: number;
  readonly target: FaultTarget;
  /** Absent: never. */
  readonly repair?: DistributionSpec;
  /** A fault is followed by another one with this chance, at most `most` times in a row. */
  readonly cascade?: { readonly chance: number; readonly after: DistributionSpec; readonly most: number };
}

/** `progress`: `at` counts from that instant of the rollout. */
export type TimelineAction = { readonly at: Time; readonly position: string; readonly progress?: RolloutProgress } & (
  | { readonly action: 'apply'; readonly objects: readonly KubernetesObject[] }
  | { readonly action: 'setImage'; readonly deployment: ObjectName; readonly container: string; readonly image: string }
  | { readonly action: 'scale'; readonly deployment: ObjectName; readonly replicas: number }
  | { readonly action: 'delete'; readonly resource: string; readonly object: ObjectName }
  /** `repair`: healed after so long. */
  | { readonly action: 'fail'; readonly target: FaultTarget; readonly repair?: Duration }
  | { readonly action: 'heal'; readonly target: FaultTarget }
  | { readonly action: 'kubectl'; readonly command: KubectlCommand }
  /** A graceful restart of an API server; `start`: from its end until it starts again. */
  | { readonly action: 'restart'; readonly index: number; readonly shutdownDelay: Duration; readonly start: Duration }
  /** A kubelet or container runtime ends and starts again after `start`; on several nodes one after the other. */
  | {
      readonly action: 'restartNode';
      readonly what: 'kubelet' | 'runtime';
      readonly nodes: readonly string[];
      readonly start: Duration;
      readonly every: Duration;
    }
  /** A file is written into the static pod directory of a machine, or removed from it (`remove`: namespace and name of its manifest). */
  | { readonly action: 'staticPod'; readonly node: string; readonly pods: readonly Pod[]; readonly remove?: string }
  /** What kubelets serve goes into files of the output. */
  | { readonly action: 'inspect'; readonly nodes: readonly string[] }
  /** A machine is told to end: its kubelet ends its pods first if it has a `shutdownGracePeriod`. It stays off. */
  | { readonly action: 'shutdown'; readonly node: string }
  /** `etcdctl defrag` of a member; absent `duration`: by the size of its data. */
  | { readonly action: 'defragment'; readonly member: number; readonly duration?: Duration }
  /** `etcdctl move-leader`. */
  | { readonly action: 'moveLeader'; readonly member: number }
  /** `etcdctl alarm disarm`, of the cluster of a member. */
  | { readonly action: 'disarmAlarms'; readonly member: number }
  /** A bit flips in the file of a member's database. */
  | { readonly action: 'corrupt'; readonly member: number }
);

/** An object as kubectl's arguments name it; `name` empty: all of its kind. */
export interface KubectlTarget {
  /** Plural name: `deployments`. */
  readonly resource: string;
  readonly object: ObjectName;
}

/** Whom a command acts as (--as, --as-group). */
export interface Impersonation {
  readonly user: string;
  readonly groups: readonly string[];
}

/** A kubectl command line, checked. */
export type KubectlCommand = { readonly text: string; readonly as?: Impersonation } & (
  | { readonly verb: 'create' | 'apply'; readonly objects: readonly KubernetesObject[] }
  /** `name` empty: all of the namespace; the namespace empty too: all of all namespaces. */
  | { readonly verb: 'get'; readonly target: KubectlTarget; readonly watch: boolean }
  /** `timeout` 0: waits for ever. */
  | { readonly verb: 'rollout status'; readonly target: KubectlTarget; readonly timeout: Duration }
  /** `toRevision` 0: the one before. */
  | { readonly verb: 'rollout undo'; readonly target: KubectlTarget; readonly toRevision: number }
  | { readonly verb: 'scale'; readonly target: KubectlTarget; readonly replicas: number }
  | { readonly verb: 'set image'; readonly target: KubectlTarget; readonly images: Readonly<Record<string, string>> }
  /** `files`: the targets come from files. */
  | {
      readonly verb: 'delete';
      readonly targets: readonly KubectlTarget[];
      readonly files: boolean;
      readonly options: DeleteOptions;
    }
  /** The plugin of Argo Rollouts. `full`: all steps are skipped. */
  | {
      readonly verb: 'argo rollouts promote' | 'argo rollouts abort' | 'argo rollouts retry';
      readonly target: KubectlTarget;
      readonly full: boolean;
    }
  | { readonly verb: 'cordon' | 'uncordon'; readonly node: string }
  | { readonly verb: 'drain'; readonly node: string; readonly options: DrainOptions }
);

/** Flags of `kubectl delete`. */
export interface DeleteOptions {
  /** It ends when the objects are gone. */
  readonly wait: boolean;
  readonly propagationPolicy: 'Background' | 'Foreground' | 'Orphan';
  /** Absent: the objects' own. */
  readonly gracePeriodSeconds?: number;
}

/** Flags of `kubectl drain`. */
export interface DrainOptions {
  readonly force: boolean;
  readonly ignoreDaemonSets: boolean;
  readonly deleteEmptyDirData: boolean;
  readonly disableEviction: boolean;
  /** Absent: the pods' own. */
  readonly gracePeriodSeconds?: number;
  /** 0: waits for ever. */
  readonly timeout: Duration;
}

export interface ObjectName {
  readonly namespace: string;
  readonly name: string;
}
