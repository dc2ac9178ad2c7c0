import type { Checker } from './checker.js';
import { Durability } from './durability.js';
import { ElectionSafety } from './election-safety.js';
import { LeaderAppendOnly } from './leader-append-only.js';
import { LeaderCompleteness } from './leader-completeness.js';
import { Linearizability } from './linearizability.js';
import { LogMatching } from './log-matching.js';
import { MonotonicState } from './monotonic-state.js';
import { Revisions } from './revisions.js';
import { StateMachineSafety } from './state-machine-safety.js';

/** One of each, fresh. Liveness is apart: the schedule's last phase drives the group and asks it. */
export function allCheckers(): Checker[] {
  return [
    new ElectionSafety(),
    new LeaderAppendOnly(),
    new LogMatching(),
    new LeaderCompleteness(),
    new StateMachineSafety(),
    new MonotonicState(),
    new Durability(),
    new Revisions(),
    new Linearizability(),
  ];
}
