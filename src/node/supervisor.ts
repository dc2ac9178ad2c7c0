import type { RuntimeName } from '../api/container-runtimes.js';
import { type Duration, SECOND, type Time } from '../kernel/time.js';

/** What the supervisor of a machine (systemd) does with a process that has ended. Pure. */

/** `Restart=`, `RestartSec=`, `StartLimitIntervalSec=` and `StartLimitBurst=` of a unit; an interval of 0: no limit. */
export interface SupervisedUnit {
  readonly unit: string;
  readonly restartDelay: Duration;
  readonly limitInterval: Duration;
  readonly limitBurst: number;
}

/** kubelet.service as the packages of Kubernetes bring it (kubernetes/release): Restart=always, StartLimitInterval=0, RestartSec=10. */
export const KUBELET_UNIT: SupervisedUnit = { unit: 'kubelet.service', restartDelay: 10 * SECOND, limitInterval: 0, limitBurst: 0 };

/** systemd's own limit of starts (DefaultStartLimitIntervalSec, DefaultStartLimitBurst). */
const DEFAULT_LIMIT = { limitInterval: 10 * SECOND, limitBurst: 5 } as const;

/** containerd.service and crio.service of their projects, docker.service of moby: what each restarts after, and how often. */
export const RUNTIME_UNITS: Readonly<Record<RuntimeName, SupervisedUnit>> = {
  containerd: { unit: 'containerd.service', restartDelay: 5 * SECOND, ...DEFAULT_LIMIT },
  'cri-o': { unit: 'crio.service', restartDelay: 10 * SECOND, ...DEFAULT_LIMIT },
  docker: { unit: 'docker.service', restartDelay: 2 * SECOND, limitInterval: 60 * SECOND, limitBurst: 3 },
};

/** Starts of a unit in the running interval (systemd's ratelimit). */
export interface StartCount {
  since: Time;
  starts: number;
}

/** When a unit that has ended at `now` starts again, counted in `count`; Infinity: its starts are used up, and it has failed. */
export function restartAt(unit: SupervisedUnit, count: StartCount, now: Time): Time {
  const at = now + unit.restartDelay;
  if (unit.limitInterval === 0) return at;
  if (at - count.since > unit.limitInterval) {
    count.since = at;
    count.starts = 1;
    return at;
  }
  if (count.starts >= unit.limitBurst) return Number.POSITIVE_INFINITY;
  count.starts++;
  return at;
}
