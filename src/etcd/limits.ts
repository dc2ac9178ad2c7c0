import { type Duration, SECOND } from '../kernel/time.js';
import type { EtcdSpec } from '../scenario/types.js';

/** embed/config.go: an election timeout must be at least five heartbeats and at most 50 s. */
const LEAST_ELECTION_HEARTBEATS = 5;
const GREATEST_ELECTION_TIMEOUT: Duration = 50 * SECOND;
/** Sizes that a simulated cluster may have. */
export const MOST_MEMBERS = 9;

/** What is wrong, or unwise, with a cluster's settings. */
export interface SpecProblem {
  readonly severity: 'error' | 'warning';
  /** The setting it is about. */
  readonly field: keyof EtcdSpec;
  readonly message: string;
}

/** Checks a cluster's settings as etcd does at its start; `dataBytes`: what it will hold from the beginning. */
export function checkEtcdSpec(spec: EtcdSpec, dataBytes = 0): SpecProblem[] {
  const problems: SpecProblem[] = [];
  const { members, heartbeatInterval, electionTimeout, quotaBackendBytes } = spec;
  if (!Number.isInteger(members) || members < 1 || members > MOST_MEMBERS) {
    problems.push({
      severity: 'error',
      field: 'members',
      message: `an etcd cluster has 1 to ${MOST_MEMBERS} members, not ${members}`,
    });
  } else if (members % 2 === 0) {
    const message = `${members} members tolerate no more failures than ${members - 1}, and each one can make the quorum fail`;
    problems.push({ severity: 'warning', field: 'members', message });
  }
  if (!(heartbeatInterval > 0)) {
    problems.push({
      severity: 'error',
      field: 'heartbeatInterval',
      message: 'the heartbeat interval must be above zero',
    });
  }
  if (electionTimeout < LEAST_ELECTION_HEARTBEATS * heartbeatInterval) {
    const message = `the election timeout must be at least ${LEAST_ELECTION_HEARTBEATS} times the heartbeat interval`;
    problems.push({ severity: 'error', field: 'electionTimeout', message });
  }
  if (electionTimeout > GREATEST_ELECTION_TIMEOUT) {
    problems.push({
      severity: 'error',
      field: 'electionTimeout',
      message: 'the election timeout must not exceed 50 s',
    });
  }
  if (quotaBackendBytes < dataBytes) {
    const message = `the quota of ${quotaBackendBytes} bytes is below the ${dataBytes} bytes of the start state`;
    problems.push({ severity: 'error', field: 'quotaBackendBytes', message });
  }
  return problems;
}
