import type { Fleet } from './fleet.js';
import * as op from './fleet.js';

/** What an event of the fleet does. */
export function dispatch(fleet: Fleet, opcode: number, argument: number): void {
  const { workers, runtime } = fleet;
  // The most frequent ones first: they are compared one after the other.
  switch (opcode) {
    case op.OP_LEASE:
      fleet.heartbeats.renew(argument);
      return;
    case op.OP_STATUS:
      fleet.statuses.send(fleet.nodes[argument]!);
      return;
    case op.OP_RELIST:
      fleet.pleg.relisted(fleet.nodes[argument]!);
      return;
    case op.OP_CREATED:
      runtime.created(fleet.containers.get(argument));
      return;
    case op.OP_STARTED:
      runtime.started(fleet.containers.get(argument));
      return;
    case op.OP_LISTENING:
      runtime.listens(fleet.containers.get(argument));
      return;
    case op.OP_PREPARED:
      workers.prepared(fleet.pods.get(argument));
      return;
    case op.OP_SANDBOX:
      workers.sandboxUp(fleet.pods.get(argument));
      return;
    case op.OP_PULLED:
      workers.puller.pulled(fleet.pulls.get(argument));
      return;
    case op.OP_STOPPED:
      runtime.stopped(fleet.containers.get(argument));
      return;
    case op.OP_SANDBOX_STOPPED:
      workers.termination.sandboxStopped(fleet.pods.get(argument));
      return;
    case op.OP_TERMINATED:
      workers.termination.terminatedSynced(fleet.pods.get(argument));
      return;
    case op.OP_NODE_STATUS:
      fleet.heartbeats.report(fleet.nodes[argument]!);
      return;
    case op.OP_SYNC:
      workers.sync(fleet.pods.get(argument));
      return;
    case op.OP_PROBE:
      fleet.prober.probed(fleet.probes.get(argument));
      return;
    case op.OP_RELIST_POD:
      fleet.pleg.podRelisted(fleet.pods.get(argument));
      return;
    case op.OP_DEADLINE:
      workers.deadlineOver(fleet.pods.get(argument));
      return;
    case op.OP_RESYNC:
      workers.resync(fleet.pods.get(argument));
      return;
    case op.OP_PULL_BEGIN:
      workers.puller.answered(fleet.pulls.get(argument));
      return;
    case op.OP_KUBELET_STOP:
      fleet.restarts.stopKubelet(fleet.nodes[argument]!);
      return;
    case op.OP_REGISTER:
      fleet.registration.attempt(fleet.nodes[argument]!);
      return;
    case op.OP_KUBELET_START:
      fleet.restarts.startKubelet(fleet.nodes[argument]!);
      return;
    case op.OP_RUNTIME_STOP:
      fleet.restarts.stopRuntime(fleet.nodes[argument]!);
      return;
    case op.OP_RUNTIME_START:
      fleet.restarts.startRuntime(fleet.nodes[argument]!);
      return;
    case op.OP_RUNTIME_NOT_READY:
      fleet.restarts.runtimeSilent(fleet.nodes[argument]!);
      return;
    case op.OP_REGISTRY:
      workers.puller.registries[argument]!.flowed();
      return;
    case op.OP_IMAGE_GC:
      fleet.images.collect(fleet.nodes[argument]!);
      return;
    case op.OP_EVICTION:
      fleet.evictions.round(fleet.nodes[argument]!);
      return;
    case op.OP_SHUTDOWN:
      fleet.shutdowns.timeOver(fleet.nodes[argument]!);
      return;
    case op.OP_SYSTEM_OOM:
      fleet.evictions.systemOutOfMemory(fleet.nodes[argument]!);
      return;
    case op.OP_POST_STARTED:
      runtime.ready(fleet.containers.get(argument));
      return;
    case op.OP_DEAF:
      runtime.closes(fleet.containers.get(argument));
      return;
    case op.OP_HOOK_DONE:
      runtime.hookEnded(fleet.containers.get(argument));
      return;
    case op.OP_EXIT: {
      const container = fleet.containers.get(argument);
      container.work.exitEvent = 0;
      const { exitCode, outOfMemory } = runtime.lifeOf(container);
      runtime.exited(container, exitCode, outOfMemory === true);
      return;
    }
    case op.OP_TURN:
      runtime.terminate(fleet.containers.get(argument));
      return;
    case op.OP_BATCH:
      fleet.statuses.batch(fleet.nodes[argument]!);
      return;
    default:
      throw new Error(`kubelets: unknown opcode ${opcode}`);
  }
}
