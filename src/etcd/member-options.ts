import type { Simulation } from '../kernel/simulation.js';
import type { Network } from '../network/network.js';
import type { Randomness } from '../random/stream.js';
import type { CostProfile, EtcdSpec } from '../scenario/types.js';
import type { Disk } from './disk.js';
import type { KeySpace } from './key-space.js';
import type { Peers } from './peers.js';
import type { ProcessorShare } from './processor.js';

/** What a member is made of and with. */
export interface MemberOptions {
  /** etcd always has it on; studies of elections may switch it off. */
  readonly checkQuorum: boolean;
  readonly name: string;
  readonly simulation: Simulation;
  readonly network: Network;
  readonly randomness: Randomness;
  readonly host: number;
  readonly index: number;
  readonly spec: EtcdSpec;
  readonly costs: CostProfile['etcd'];
  readonly processor: ProcessorShare;
  /** Where the log is written, and where the backend is: often one and the same. */
  readonly logDisk: Disk;
  readonly dataDisk: Disk;
  readonly peers: Peers;
  /** What the stores of the cluster's members share. */
  readonly keys: KeySpace;
}
