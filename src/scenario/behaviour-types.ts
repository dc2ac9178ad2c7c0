import type { PodSpec } from '../api/core.js';
import type { Labels } from '../api/meta.js';
import type { Duration, Time } from '../kernel/time.js';
import type { DistributionSpec } from '../random/distribution.js';
import type {
  ClientSpec,
  ConnectionSpec,
  HealthCheckSpec,
  IngressTarget,
  LookupSpec,
  ServiceEntry,
} from './network-types.js';
import type {
  ArrivalSpec,
  BalancingPolicy,
  BreakerSpec,
  CallSpec,
  HedgeSpec,
  MemorySpec,
  OverloadSpec,
  ProcessorSpec,
  RetrySpec,
  WarmUpSpec,
} from './traffic-types.js';

/** What the application in an image does. The first behaviour whose pattern matches an image holds. */
export interface ImageBehaviour {
  /** Glob over the image name with tag: `*` matches any run of characters. */
  readonly image: string;
  readonly startup: DistributionSpec;
  readonly shutdown: DistributionSpec;
  /** Keeps accepting requests while it drains (true) or closes its listener at SIGTERM (false). */
  readonly servesWhileDraining: boolean;
  readonly imageBytes: number;
  /** Layers that images share by name. Absent: nothing is shared. */
  readonly layers?: readonly { readonly name: string; readonly bytes: number }[];
  /** Every node has it from the start. Absent: false. */
  readonly cached?: boolean;
  /** The registry does not have it. Absent: false. */
  readonly missing?: boolean;
  readonly request: RequestBehaviour;
  /** Never becomes ready. */
  readonly neverReady: boolean;
  /** What it uses without requests: millicores and bytes. Absent: nothing. */
  readonly usage?: { readonly cpu: number; readonly memory: number };
  /** Exits by itself after this long with `exitCode`; absent: runs until stopped. */
  readonly crash?: { readonly after: DistributionSpec; readonly exitCode: number };
  /** Absent: it never meets its memory limit. */
  readonly memory?: MemorySpec;
  /** Ephemeral storage of a container (writable layer, logs), bytes at its start and more each second. Absent: none. */
  readonly storage?: { readonly base: number; readonly growPerSecond: number };
  /** Inodes and process ids of a container, at its start and more each second. Absent: not counted. */
  readonly inodes?: { readonly base: number; readonly growPerSecond: number };
  readonly processes?: { readonly base: number; readonly growPerSecond: number };
}

export interface RequestBehaviour {
  readonly time: DistributionSpec;
  /** Requests in service at once in one pod; more wait in its queue. */
  readonly concurrency: number;
  /** Requests that may wait; more are refused. */
  readonly queue: number;
  /** Processor time of a request. Absent: all of its service time. */
  readonly cpu?: Duration;
  /** Bytes of an answer, which share the link of the pod's machine. Absent: they take no time. */
  readonly answer?: number;
  /** Bytes of a request, which share the links into and out of its entry node and into the machine of its pod. Absent: they take no time. */
  readonly upload?: number;
  /** Probability that a request is answered with an error of the application. */
  readonly errors: number;
  /** Service times are longer by this factor; absent: 1. */
  readonly slower?: number;
  readonly warmUp?: WarmUpSpec;
  readonly overload?: OverloadSpec;
  /** Absent: service takes time but no processor. */
  readonly processor?: ProcessorSpec;
  /** Calls that a request makes after its own work, before it is answered: stage after stage, those of a stage side by side. Absent: none. */
  readonly calls?: readonly (readonly CallSpec[])[];
}

/** Users of a Service: a stream of requests. */
export interface TrafficSpec {
  readonly service: { readonly namespace: string; readonly name: string };
  /** Requests a second: of the Poisson stream, or the mean of what `arrivals` says. */
  readonly rate: number;
  /** Absent: an open Poisson stream. */
  readonly arrivals?: ArrivalSpec;
  readonly start: Time;
  /** Absent: until the end of the run. */
  readonly end?: Time;
  readonly timeout: Duration;
  /** Share of the requests whose header or cookie matches the rules of A/B tests, 0..1; absent: none does. */
  readonly cohort?: number;
  /** Absent: random. */
  readonly balancing?: BalancingPolicy;
  readonly retries?: RetrySpec;
  readonly hedge?: HedgeSpec;
  readonly breaker?: BreakerSpec;
  /** The server is told when nobody waits for an answer any more, and stops working on it. Absent: it works on. */
  readonly cancels?: boolean;
  /** The requests go to a server outside the cluster, by this name; `service` only names the statistics. */
  readonly host?: string;
  /** The requests go to an Ingress; `service` has its name. */
  readonly ingress?: IngressTarget;
  /** Absent: users outside are sent to a random ready node. */
  readonly via?: ServiceEntry;
  /** With `via: loadBalancer`. */
  readonly healthCheck?: HealthCheckSpec;
  /** Pods that send the requests. Absent: users outside, or with `via: clusterIP` somebody on each node. */
  readonly client?: ClientSpec;
  /** Distinct clients, of which each request is of a random one; absent: not told apart. */
  readonly clients?: number;
  /** Share of the requests answered by another version than their client's request before that fail; absent: none does. */
  readonly mixedVersionErrors?: number;
  /** Absent: clients know the address (the Service's variables in their environment, or a constant). */
  readonly lookup?: LookupSpec;
  /** Clients are pods that find the Service by their environment. Absent: they know its address. */
  readonly discovery?: 'environment';
  /** Absent: connections cost nothing and are not kept. */
  readonly connections?: ConnectionSpec;
}

/** A metric of the custom or external metrics API, as a series of steps. */
export interface MetricSeries {
  readonly name: string;
  readonly namespace: string;
  /** Pods metrics: every pod has the value (true), or an equal share of it (false). */
  readonly perPod: boolean;
  /** Labels of the series, for selectors of metrics; a metric can have several series. */
  readonly labels?: Readonly<Record<string, string>>;
  /** What an Object metric is of; absent: of any object. */
  readonly object?: { readonly kind: string; readonly name: string };
  /** In order of time; each value holds until the next one. Before the first there is none. */
  readonly values: readonly { readonly at: Time; readonly value: number }[];
}

/** A program that uses the API beside the cluster's own components. */
export interface ApiClientSpec {
  readonly name: string;
  /** Whom it authenticates as. */
  readonly user: string;
  /** Of its objects. */
  readonly namespace: string;
  /** list: of all objects; get and update: of objects that it creates first. */
  readonly verb: 'list' | 'get' | 'create' | 'update';
  readonly resource: string;
  /** Mean requests a second, Poisson. */
  readonly rate: number;
  /** Requests in flight at most. */
  readonly concurrency: number;
  /** Client-side limits; 0: none. */
  readonly qps: number;
  readonly burst: number;
  readonly source?: 'consistent' | 'etcd';
  /** Objects of a page. */
  readonly limit?: number;
  readonly start: Time;
  readonly end?: Time;
}

/** Pods that come and go as a recorded trace says. */
export interface PodTraceSpec {
  readonly namespace: string;
  /** In order of arrival. */
  readonly pods: readonly TracePod[];
  /** What the pods of the trace are like, each different one once. */
  readonly shapes: readonly TraceShape[];
}

export interface TracePod {
  readonly name: string;
  readonly arrival: Time;
  /** From its binding to a node until its owner deletes it; Infinity: it stays. */
  readonly lifetime: Duration;
  /** Number of its shape. */
  readonly shape: number;
}

export interface TraceShape {
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly spec: PodSpec;
  /** Label that its nodes must have with one of these values; null: any node. */
  readonly nodeLabel: { readonly label: string; readonly values: readonly string[] } | null;
  /** Share of the trace's pods that are like this. */
  readonly popularity: number;
}
