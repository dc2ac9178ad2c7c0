import type { ProfileConfiguration, SchedulerConfiguration } from './configuration.js';

/** What keeps configurations from being taken together. */
export interface JoinProblem {
  /** Which configuration. */
  readonly index: number;
  /** Field of it. */
  readonly field: string;
  readonly message: string;
}

const SETTINGS = {
  percentageOfNodesToScore: 'percentageOfNodesToScore',
  initialBackoff: 'podInitialBackoffSeconds',
  maximumBackoff: 'podMaxBackoffSeconds',
  parallelism: 'parallelism',
} as const;

/**
 * The profiles of several configurations under one scheduler. Names of profiles must differ, and what holds for the whole
 * process must be the same in all.
 */
export function joinConfigurations(configurations: readonly SchedulerConfiguration[]): {
  readonly configuration: SchedulerConfiguration | undefined;
  readonly problems: readonly JoinProblem[];
} {
  const [first] = configurations;
  const problems: JoinProblem[] = [];
  const profiles: ProfileConfiguration[] = [];
  const names = new Set<string>();
  configurations.forEach((configuration, index) => {
    configuration.profiles.forEach((profile, i) => {
      const { schedulerName } = profile;
      if (names.has(schedulerName)) {
        const message = `an earlier document of this file has a profile "${schedulerName}" already; put alternatives into files of their own`;
        problems.push({ index, field: `profiles[${i}].schedulerName`, message });
      }
      names.add(schedulerName);
      profiles.push(profile);
    });
    for (const [key, field] of Object.entries(SETTINGS) as [keyof typeof SETTINGS, string][]) {
      if (configuration[key] === first![key]) continue;
      problems.push({ index, field, message: 'differs from the first document of this file' });
    }
  });
  return { configuration: first === undefined ? undefined : { ...first, profiles }, problems };
}
