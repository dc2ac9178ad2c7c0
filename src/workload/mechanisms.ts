import { APPLICATION, CAUSES, CIRCUIT_OPEN, CONNECTION_REFUSED, CONNECTION_RESET, DEPENDENCY, MIXED_VERSION, NAME_RESOLUTION, NO_ENDPOINT, NO_ROUTE, NODE_UNREACHABLE, NOT_IN_ENVIRONMENT, OUT_OF_MEMORY, OVERLOAD, TIMEOUT } from './causes.js';

/**
 * Why a request failed, finer than its cause: what users see as one "connection refused" comes from a pod that terminates, from one that
 * has crashed, or from one that does not listen yet. Every failed request has exactly one. Order and names are those of outputs.
 */
export const MECHANISMS = [
  '',
  'no-ready-pod',
  'proxy-without-endpoints',
  'no-local-endpoint',
  'terminating-pod',
  'ended-pod',
  'starting-pod',
  'stopped-in-flight',
  'ended-in-flight',
  'out-of-memory-in-flight',
  'node-lost-in-flight',
  'unreachable-pod',
  'unreachable-entry',
  'queue-full',
  'timeout-in-queue',
  'timeout-in-service',
  'timeout-on-the-way',
  'version-error',
  'load-error',
  'circuit-open',
  'name-resolution',
  'no-route',
  'failed-dependency',
  'last-resort-pod',
  'service-after-client',
  'stale-environment',
  'stale-record',
  'no-load-balancer',
  'mixed-version',
  'timeout-in-lookup',
] as const;
/** No pod behind the Service is ready. */
export const NO_READY_POD = 1;
/** There are ready pods, but the proxy of the entry node does not know any yet. */
export const PROXY_WITHOUT_ENDPOINTS = 2;
/** A policy Local keeps the node from pods elsewhere. */
export const NO_LOCAL_ENDPOINT = 3;
/** Sent to a pod that had been told to stop and no longer listened: the proxy had not synced. */
export const TERMINATING_POD = 4;
/** Sent to a pod whose process had ended by itself or was stopped by its kubelet. */
export const ENDED_POD = 5;
/** Sent to a pod that did not listen yet: nothing probed whether it was ready. */
export const STARTING_POD = 6;
/** Held by a pod that had been told to stop, and ended before it answered. */
export const STOPPED_IN_FLIGHT = 7;
/** Held by a pod whose process ended. */
export const ENDED_IN_FLIGHT = 8;
/** Held by a pod whose process was killed at its memory limit. */
export const OUT_OF_MEMORY_IN_FLIGHT = 9;
/** Held by a pod whose machine was lost. */
export const NODE_LOST_IN_FLIGHT = 10;
/** Sent to a pod whose machine is down, or cut off from the entry node. */
export const UNREACHABLE_POD = 11;
/** Sent to an entry node that is down, or there was none. */
export const UNREACHABLE_ENTRY = 12;
/** Refused by a pod whose queue was full. */
export const QUEUE_FULL = 13;
/** Its user gave up; it had waited in a pod's queue for longer than it had been in service. */
export const TIMEOUT_IN_QUEUE = 14;
/** Its user gave up; most of the time at the pod it had been in service. */
export const TIMEOUT_IN_SERVICE = 15;
/** Its user gave up before it had reached a pod. */
export const TIMEOUT_ON_THE_WAY = 16;
/** Answered with an error that the version always gives with some probability. */
export const VERSION_ERROR = 17;
/** Answered with an error that the version gives only under load. */
export const LOAD_ERROR = 18;
/** No pod was ready: proxies sent it to one that terminates and still served by its last probe, but listened no more. */
export const LAST_RESORT_POD = 23;
/** The Service was created after the client's container, which looks for it in its environment. */
export const SERVICE_AFTER_CLIENT = 24;
/** The Service was created anew: the client's environment has the address that it had before. */
export const STALE_ENVIRONMENT = 25;
/** Sent to a pod of a headless Service that is ready no more: the client, or a DNS cache, had kept its address. */
export const STALE_RECORD = 26;
/** The cloud has not made the load balancer yet, or it has found no node good. */
export const NO_LOAD_BALANCER = 27;
/** Answered by another version than the request of its client before, which does not know what that one gave. */
export const MIXED_VERSIONS = 28;
/** Its user gave up while its client waited for the address of a name. */
export const TIMEOUT_IN_LOOKUP = 29;
const CIRCUIT = 19;
const NAME = 20;
const ROUTE = 21;
const FAILED_DEPENDENCY = 22;

/** Where nobody says more: the mechanism that a cause has by itself. */
const BY_CAUSE: readonly number[] = bySelf();

function bySelf(): number[] {
  const table = new Array<number>(CAUSES.length).fill(0);
  table[NO_ENDPOINT] = NO_READY_POD;
  table[CONNECTION_REFUSED] = STARTING_POD;
  table[TIMEOUT] = TIMEOUT_ON_THE_WAY;
  table[OVERLOAD] = QUEUE_FULL;
  table[APPLICATION] = VERSION_ERROR;
  table[CONNECTION_RESET] = ENDED_IN_FLIGHT;
  table[NODE_UNREACHABLE] = UNREACHABLE_POD;
  table[CIRCUIT_OPEN] = CIRCUIT;
  table[OUT_OF_MEMORY] = OUT_OF_MEMORY_IN_FLIGHT;
  table[NAME_RESOLUTION] = NAME;
  table[NO_ROUTE] = ROUTE;
  table[NOT_IN_ENVIRONMENT] = SERVICE_AFTER_CLIENT;
  table[DEPENDENCY] = FAILED_DEPENDENCY;
  table[MIXED_VERSION] = MIXED_VERSIONS;
  return table;
}

/** The mechanism of a failed request: `known`, or what its cause says by itself when nobody told (0). */
export function mechanismOf(cause: number, known: number): number {
  return known !== 0 ? known : BY_CAUSE[cause]!;
}
