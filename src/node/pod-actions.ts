import { shouldRestart } from './restart-policy.js';

/** Which containers a sync of a pod must start (kuberuntime_manager.go computePodActions). Pure. */

/** What a decision needs of one container: its state as the kubelet has seen it. */
export interface ActionView {
  readonly sidecar: boolean;
  /** `waiting`: never started in this sandbox; `exited`: seen to have ended. */
  readonly state: 'waiting' | 'running' | 'exited';
  readonly exitCode: number;
  /** Started in the sense of its startup probe. */
  readonly started: boolean;
  /** A liveness or startup probe failed: kill and start again. */
  readonly condemned: boolean;
}

/**
 * Indexes to start in order; init containers first. `init` are places in the list of init containers, `main` in that of the
 * main ones. Init containers run one by one; a sidecar must be started (not ready) before the next; main containers start
 * when all init containers are done.
 */
export function containersToStart(
  restartPolicy: 'Always' | 'OnFailure' | 'Never',
  init: readonly ActionView[],
  main: readonly ActionView[],
): { readonly init: number[]; readonly main: number[] } {
  const actions = { init: [] as number[], main: [] as number[] };
  const initialized = main.some((container) => container.state !== 'waiting');
  let pastInit = true;
  for (let i = 0; i < init.length; i++) {
    const container = init[i]!;
    if (container.sidecar) {
      if (container.state !== 'running' || container.condemned) actions.init.push(i);
      if (!initialized && !(container.state === 'running' && container.started)) {
        pastInit = false;
        break;
      }
      continue;
    }
    if (initialized || (container.state === 'exited' && container.exitCode === 0)) continue;
    pastInit = false;
    const retry = container.state === 'exited' && restartPolicy !== 'Never';
    if (container.state === 'waiting' || container.condemned || retry) actions.init.push(i);
    break;
  }
  if (!pastInit) return actions;
  for (let i = 0; i < main.length; i++) {
    const container = main[i]!;
    if (
      container.state === 'waiting' ||
      container.condemned ||
      (container.state === 'exited' && shouldRestart(restartPolicy, container.exitCode))
    ) {
      actions.main.push(i);
    }
  }
  return actions;
}
