import type { ProcessContext } from '../client/context.js';
import { DeploymentController } from './deployment.js';
import { EndpointSliceController } from './endpointslice.js';
import { ReplicaSetController } from './replicaset.js';

/** Every controller by the name of its client's service account (kube-controller-manager --controllers). */
export const CONTROLLER_NAMES = ['deployment', 'replicaset', 'endpointslice'] as const;
export type ControllerName = (typeof CONTROLLER_NAMES)[number];

/** A running controller. */
export type Controller = DeploymentController | ReplicaSetController | EndpointSliceController;

function start(name: ControllerName, context: ProcessContext, qps: number, burst: number): Controller {
  switch (name) {
    case 'deployment':
      return new DeploymentController(context, context.client('deployment-controller', qps, burst));
    case 'replicaset':
      return new ReplicaSetController(context, context.client('replicaset-controller', qps, burst));
    case 'endpointslice':
      return new EndpointSliceController(context, context.client('endpointslice-controller', qps, burst));
  }
}

/** Starts controllers (all when no names are given), each with a client of its own, as kube-controller-manager does. */
export function startControllers(context: ProcessContext, names: readonly ControllerName[] = CONTROLLER_NAMES): Map<ControllerName, Controller> {
  const { qps, burst } = context.scenario.cluster.controllerManager;
  const started = new Map<ControllerName, Controller>();
  for (const name of names) started.set(name, start(name, context, qps, burst));
  return started;
}
