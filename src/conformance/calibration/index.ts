import { resolve } from 'node:path';
import { finishProfile, readProfile } from '../../scenario/profile.js';
import { InputError } from '../../scenario/input-error.js';
import type { PhaseFigures } from './figures.js';
import { calibrationPhases, corrected, profileOf } from './profile.js';
import { readCalibration, type RecordedCalibration } from './recording.js';
import { CalibrationRun } from './simulation.js';
import { compare, inRange, OTHER_RANGES, OWN_RANGES, type Row, tableLines } from './table.js';

export interface CalibrationConformance {
  readonly rows: readonly Row[];
  readonly lines: readonly string[];
  readonly exitCode: number;
}

/** The profile that the costs of a run are laid over. */
const BASE = 'two-cores';

/** How often the costs of requests are corrected by a simulation of the phases that they are taken from. */
const CORRECTIONS = 4;

/** Simulations of a run, with seeds of their own, of which each row shows the median; a run of that many nodes and pods gets one. */
const REPETITIONS = 5;
const LARGE = 10_000;

/**
 * What a client's limiter makes wait, and how often, hangs on which of two controllers writes first, a millisecond apart: one
 * simulation is one of several courses.
 */
function repetitions({ nodes, pods }: RecordedCalibration): number {
  const affordable = Math.max(1, Math.min(REPETITIONS, Math.floor(LARGE / (nodes + pods))));
  return affordable % 2 === 0 ? affordable - 1 : affordable;
}

/** A cost profile taken from a run's `nodes` and `create` metrics. */
function takeProfile(recording: RecordedCalibration): ReturnType<typeof profileOf> {
  const complain = (message: string): never => {
    throw new InputError({ file: recording.directory, message });
  };
  const phases = calibrationPhases(recording);
  let profile = profileOf(recording, finishProfile(readProfile(BASE, '', complain), undefined, complain));
  for (let i = 0; i < CORRECTIONS; i++) profile = corrected(profile, recording, new CalibrationRun(recording, profile, phases).run());
  return profile;
}

/**
 * Simulates a recorded run of a control plane with KWOK nodes, with costs taken from one run (by default the same), and compares
 * durations, requests, latencies and waits at client limiters phase by phase. Throws InputError for a folder that is no such run.
 */
export function compareCalibration(directory: string, from: string = directory): CalibrationConformance {
  const recording = readCalibration(directory);
  const own = resolve(from) === resolve(directory);
  const source = own ? recording : readCalibration(from);
  const profile = takeProfile(source);
  const simulated: (readonly PhaseFigures[])[] = [];
  for (let i = 0; i < repetitions(recording); i++) simulated.push(new CalibrationRun(recording, profile, recording.phases, `calibration-${i}`).run());
  const ranges = own ? OWN_RANGES : OTHER_RANGES;
  const rows = recording.phases.flatMap((phase, i) => compare(phase, simulated.map((phases) => phases[i]!), ranges));
  const notes = own ? recording.notes : [...recording.notes, ...source.notes.map((note) => `profile: ${note}`)];
  return { rows, lines: [...notes, ...tableLines(rows)], exitCode: rows.length > 0 && rows.every(inRange) ? 0 : 1 };
}
