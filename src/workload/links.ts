import type { Duration } from '../kernel/time.js';
import type { Network } from '../network/network.js';
import type { RequestTable } from './request-table.js';

/** The way of a request's bytes, as hosts of the network. */
export interface UploadWay {
  /** Entry node, if the controller of an Ingress is on another machine; negative: there is none, or it is on the entry node. */
  readonly relay: number;
  /** Machine from which the pod is connected: the entry node, or the controller's. */
  readonly entry: number;
  /** The pod's machine. */
  readonly host: number;
  /** Whether the sender is outside the cluster; else it is on the machine at which the request enters. */
  readonly outside: boolean;
  /** The controller reads a request as a whole before it sends it on. */
  readonly buffered: boolean;
}

/** How long links are busy with the bytes of a request, which takes its turn on them now. A relay passes on what it has while more comes. */
export function uploadTime(network: Network, bytes: number, { relay, entry, host, outside, buffered }: UploadWay): Duration {
  let entered = outside ? network.receive(relay < 0 ? entry : relay, bytes) : 0;
  if (relay >= 0) entered = Math.max(entered, network.occupy(relay, bytes), network.receive(entry, bytes));
  const onward = entry === host ? 0 : Math.max(network.occupy(entry, bytes), network.receive(host, bytes));
  return buffered ? entered + onward : Math.max(entered, onward);
}

/** As `uploadTime`, of the bytes of an answer that leaves the machine of its pod. */
export function answerTime(network: Network, bytes: number, requests: RequestTable, request: number, host: number): Duration {
  const leaves = requests.leaves[request]!;
  const relay = requests.relay[request]!;
  let slowest = network.occupy(host, bytes);
  if (leaves > 1) slowest = Math.max(slowest, network.occupy(leaves - 2, bytes));
  if (relay > 0) slowest = Math.max(slowest, network.occupy(relay - 1, bytes));
  return slowest;
}
