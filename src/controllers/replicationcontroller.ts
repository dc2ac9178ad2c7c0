import type { ProcessContext } from '../client/context.js';
import type { ApiClient } from '../client/types.js';
import { ReplicaSetController, type ReplicaKind } from './replicaset.js';

/** ReplicationControllers by the code of ReplicaSets (pkg/controller/replication/replication_controller.go is an adapter too). */
export const REPLICATION_CONTROLLER: ReplicaKind = {
  name: 'replicationcontroller',
  recorder: 'replication-controller',
  resource: 'replicationcontrollers',
  kind: 'ReplicationController',
};

/** Starts the ReplicationController controller. */
export function replicationController(context: ProcessContext, client: ApiClient): ReplicaSetController {
  return new ReplicaSetController(context, client, REPLICATION_CONTROLLER);
}
