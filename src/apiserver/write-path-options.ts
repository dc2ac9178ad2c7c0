import type { KubernetesObject } from '../api/meta.js';
import type { EtcdClient } from '../etcd/types.js';
import type { Simulation } from '../kernel/simulation.js';
import type { Duration } from '../kernel/time.js';
import type { Stream } from '../random/stream.js';
import type { WebhookServers } from './admission/webhook-calls.js';
import type { CallTable } from './call.js';
import type { RequestMetrics } from './metrics.js';
import type { NamespaceIndex } from './namespace-index.js';
import type { RegistryContext } from './registry.js';
import type { ApiResponse } from './request.js';
import type { RequestKind } from './request-kind.js';
import type { WatchCache } from './watch-cache.js';

/** The server that a write path belongs to. */
export interface WriteOwner {
  readonly metrics: RequestMetrics;
  cache(resource: string): WatchCache;
  /** The watch cache of the resource of requests of a kind. */
  cacheOf(kind: RequestKind): WatchCache;
  /** PodDisruptionBudgets of a namespace. */
  budgetsIn(namespace: string): Iterable<KubernetesObject>;
  /** Answers a call. */
  respond(slot: number, response: ApiResponse): void;
}

export interface WritePathOptions {
  readonly simulation: Simulation;
  readonly target: number;
  /** Opcode of the server under which pauses end. */
  readonly resumeOpcode: number;
  readonly calls: CallTable;
  readonly etcd: EtcdClient;
  readonly registry: RegistryContext;
  readonly owner: WriteOwner;
  /** Number of the server, and how long its events live (0: for ever). */
  readonly index: number;
  readonly eventTtl: Duration;
  /** For pauses with jitter. */
  readonly jitter: Stream;
  readonly kubernetesVersion: string;
  /** null: no plugins, no webhooks, no quotas. */
  readonly admission: { readonly view: NamespaceIndex; readonly webhooks: WebhookServers; readonly disabled: ReadonlySet<string> } | null;
}
