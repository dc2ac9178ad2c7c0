import { finishProfile, readProfile } from '../../scenario/profile.js';
import { InputError } from '../../scenario/input-error.js';
import { calibrationPhases, corrected, profileOf } from './profile.js';
import { readCalibration, type RecordedCalibration } from './recording.js';
import { CalibrationRun } from './simulation.js';
import { compare, inRange, OTHER_RANGES, OWN_RANGES, type Row, tableLines } from './table.js';

export interface CalibrationConformance {
  readonly rows: readonly Row[];
  readonly lines: readonly string[];
  readonly exitCode: number;
}

/** How often the costs of requests are corrected by a simulation of the phases that they are taken from. */
const CORRECTIONS = 4;

/** A cost profile taken from a run's `nodes` and `create` metrics. Throws InputError when it has neither. */
function takeProfile(recording: RecordedCalibration): ReturnType<typeof profileOf> {
  const complain = (message: string): never => {
    throw new InputError({ file: recording.directory, message });
  };
  const phases = calibrationPhases(recording);
  if (phases.length === 0) complain('a profile is taken from the phases "nodes" and "create", and the run has neither');
  let profile = profileOf(recording, finishProfile(readProfile('default', '', complain), undefined, complain));
  for (let i = 0; i < CORRECTIONS; i++) profile = corrected(profile, recording, new CalibrationRun(recording, profile, phases).run());
  return profile;
}

/**
 * Simulates a recorded run of a control plane with KWOK nodes, with costs taken from one run (by default the same), and compares
 * durations, requests, latencies and waits at client limiters phase by phase. Throws InputError for a folder that is no such run.
 */
export function compareCalibration(directory: string, from: string = directory): CalibrationConformance {
  const recording = readCalibration(directory);
  const own = from === directory;
  const source = own ? recording : readCalibration(from);
  const profile = takeProfile(source);
  const simulated = new CalibrationRun(recording, profile, recording.phases).run();
  const ranges = own ? OWN_RANGES : OTHER_RANGES;
  const rows = recording.phases.flatMap((phase, i) => compare(phase, simulated[i]!, ranges));
  return { rows, lines: tableLines(rows), exitCode: rows.every(inRange) ? 0 : 1 };
}
