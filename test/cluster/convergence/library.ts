import { Process } from '../../../src/client/process.js';
import { ClusterFaults } from '../../../src/cluster/cluster-faults.js';
import { SimulatedCluster } from '../../../src/cluster/simulated-cluster.js';
import { ControllerWorkers } from '../../../src/controllers/controller.js';

/** The cluster that plans happen to: the real one, or one whose controllers make a mistake. */
export interface ClusterLibrary {
  readonly SimulatedCluster: typeof SimulatedCluster;
  readonly ClusterFaults: typeof ClusterFaults;
  readonly Process: typeof Process;
  readonly ControllerWorkers: typeof ControllerWorkers;
}

export const REAL: ClusterLibrary = { SimulatedCluster, ClusterFaults, Process, ControllerWorkers };

/** Modules that make up a library. */
export const MODULES = ['cluster/simulated-cluster.js', 'cluster/cluster-faults.js', 'client/process.js', 'controllers/controller.js'] as const;
