/** What a plugin of a user's own needs: `import { unschedulable, type Handle, type Plugin } from 'towtank/scheduler'`. */
export type { Node, Pod } from '../api/core.js';
export type { ApiRequest } from '../apiserver/request.js';
export type { NodeTable } from './cache/node-table.js';
export { CPU, EPHEMERAL_STORAGE, MEMORY } from './cache/node-table.js';
export type { PodInfo } from './cache/pod-info.js';
export type { Cycle } from './framework/cycle.js';
export type { Diagnosis } from './framework/diagnosis.js';
export { type ClusterEvent, type EventInterest, EventKind } from './framework/events.js';
export type { Features, KubernetesVersion } from './framework/features.js';
export type { Framework } from './framework/framework.js';
export {
  defaultNormalize,
  type Handle,
  MAX_NODE_SCORE,
  type Plugin,
  type PostFilterResult,
  type QueuedPodView,
} from './framework/plugin.js';
export { Code, type CodeValue, Status, skip, unresolvable, unschedulable, wait } from './framework/status.js';
export type { WaitingPod, WaitingPods } from './framework/waiting-pods.js';
export type { PluginConstructor } from './profile.js';
