import type { CostProfile } from '../scenario/types.js';
import { type LoadOperation, type LoadPoint, type LoadResult, runLoad } from './etcd-load.js';

/** A figure that etcd's own pages publish. */
export interface PublishedRow {
  readonly name: string;
  readonly operation: LoadOperation;
  readonly clients: number;
  readonly target: 'leader' | 'all';
  /** Requests a second. */
  readonly throughput: number;
}

/** etcd 3.2.0 on GCE, 3 members of 8 vCPU with a 50 GB SSD persistent disk (op-guide/performance.md): 8-byte keys, 256-byte values. */
export const PERFORMANCE_PAGE: readonly PublishedRow[] = [
  { name: 'put, leader, 1 client', operation: 'put', clients: 1, target: 'leader', throughput: 583 },
  { name: 'put, leader, 1,000 clients', operation: 'put', clients: 1000, target: 'leader', throughput: 44_341 },
  { name: 'put, all members, 1,000 clients', operation: 'put', clients: 1000, target: 'all', throughput: 50_104 },
  { name: 'linearizable get, 1 client', operation: 'get-l', clients: 1, target: 'leader', throughput: 1353 },
  { name: 'linearizable get, 1,000 clients', operation: 'get-l', clients: 1000, target: 'leader', throughput: 141_578 },
  { name: 'serializable get, 1 client', operation: 'get-s', clients: 1, target: 'leader', throughput: 2909 },
  { name: 'serializable get, 1,000 clients', operation: 'get-s', clients: 1000, target: 'leader', throughput: 185_758 },
];

/** etcd 2.2.0, 3 members of 2 vCPU (benchmarks/etcd-2-2-0-benchmarks.md): writes of 64 bytes. */
export const ETCD_2_2: readonly PublishedRow[] = [
  { name: 'write, leader, 1 client', operation: 'put', clients: 1, target: 'leader', throughput: 55 },
  { name: 'write, leader, 64 clients', operation: 'put', clients: 64, target: 'leader', throughput: 2139 },
  { name: 'write, leader, 256 clients', operation: 'put', clients: 256, target: 'leader', throughput: 4581 },
];

/** One published figure beside the model's. */
export interface PublishedComparison {
  readonly row: PublishedRow;
  readonly predicted: LoadResult;
  /** Predicted over published throughput, minus 1. For one client this is its latency too (clients / throughput). */
  readonly error: number;
}

/** Runs the loads of published figures against three members with the costs of a profile, client on its own machine. */
export function comparePublished(profile: CostProfile, rows: readonly PublishedRow[]): PublishedComparison[] {
  return rows.map((row) => {
    const model = {
      members: 3,
      cores: profile.etcd.cores,
      costs: profile.etcd,
      clientCpu: 0,
      sharedMachine: false,
      wake: 0,
      background: 0,
      clientRtt: profile.network.sameZone,
      peerRtt: profile.network.sameZone,
      target: row.target,
    } as const;
    const { operation, clients } = row;
    const point: LoadPoint = { operation, clients, rate: 0, seed: row.name, requests: clients > 1 ? 40_000 : 3000 };
    const predicted = runLoad(model, point);
    return { row, predicted, error: predicted.throughput / row.throughput - 1 };
  });
}
