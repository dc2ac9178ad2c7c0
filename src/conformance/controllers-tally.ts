import type { PodTemplateSpec } from '../api/core.js';

/** States back that are tried: one Deployment or ReplicaSet change each, or one pod change each. */
export const LAG = 4;
export const POD_LAG = 16;

/** Counts decisions and keeps what differed. */
export class Tally {
  passed = 0;
  total = 0;
  readonly differences: string[] = [];
  private readonly id: string;

  constructor(id: string) {
    this.id = id;
  }

  check(ok: boolean, what: string, real: string, model: string): void {
    this.total++;
    if (ok) this.passed++;
    else this.differences.push(`${this.id}: ${what}\n  real:  ${real}\n  model: ${model}`);
  }
}

/** A recorded template: only its image is recorded. */
export function templateOf(image: string): PodTemplateSpec {
  return {
    metadata: {},
    spec: {
      containers: [{ name: 'app', image, imagePullPolicy: 'IfNotPresent' }],
      schedulerName: 'default-scheduler',
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 30,
    },
  };
}
