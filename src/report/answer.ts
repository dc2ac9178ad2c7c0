import { TELLING } from '../analysis/measures.js';
import type { RunResult } from '../analysis/result.js';
import type { Study, StudyMeasure } from '../analysis/study.js';
import { describeVerdict, formatMeasure, list } from './format.js';
import { startupReason } from './node-columns.js';

/** The answer to the question of a scenario, for the terminal and the head of the report. */
export interface Answer {
  /** `all`: every run meets its objectives; `some`; `none`; `unjudged`: there are no objectives. */
  readonly outcome: 'all' | 'some' | 'none' | 'unjudged';
  /** One sentence. */
  readonly headline: string;
  /** One line a run that misses an objective, saying which and by what. */
  readonly misses: readonly string[];
}

/** Says which runs met their objectives and why the others did not. */
export function answer(results: readonly RunResult[]): Answer {
  const judged = results.filter((result) => result.summary.verdicts.length > 0);
  if (judged.length === 0) {
    const what = results.length === 1 ? 'The run' : `All ${results.length} runs`;
    return { outcome: 'unjudged', headline: `${what} finished; the scenario states no objectives.`, misses: [] };
  }
  const met = judged.filter((result) => result.summary.met);
  const missed = judged.filter((result) => !result.summary.met);
  const misses = missed.map((result) => {
    const reasons = result.summary.verdicts
      .filter((verdict) => !verdict.met)
      .map((verdict) => `${describeVerdict(verdict)}${verdict.metric === 'podStartup' ? startupReason(result.summary.metrics) : ''}`);
    return `${result.name} misses ${list(reasons)}`;
  });
  const outcome = missed.length === 0 ? 'all' : met.length === 0 ? 'none' : 'some';
  return { outcome, headline: headline(met.map(nameOf), missed.map(nameOf), judged), misses };
}

/** What a comparison over several seeds says. */
export interface StudyAnswer {
  readonly headline: string;
  /** One line a measure that has a best strategy beyond doubt: by how much it is better than the next. */
  readonly findings: readonly string[];
}

/**
 * Says how often the objectives were met and which strategy is the best in a measure, the latter only where every other is
 * significantly worse; never more than the intervals allow.
 */
export function studyAnswer(study: Study): StudyAnswer {
  const met = Object.entries(study.met);
  const always = met.filter(([, seeds]) => seeds === study.seeds).map(([name]) => name);
  const others = met.filter(([, seeds]) => seeds < study.seeds).map(([name, seeds]) => `${name} with ${seeds}`);
  return { headline: studyHeadline(study, always, others), findings: study.measures.flatMap(finding) };
}

function studyHeadline(study: Study, always: readonly string[], others: readonly string[]): string {
  const seeds = `${study.seeds} seeds`;
  if (always.length + others.length === 0) return `Compared over ${seeds}; the scenario states no objectives.`;
  const rest = others.length === 0 ? '' : `; ${list(others)}`;
  if (always.length === 0) return `None meets all objectives with each of ${seeds}${rest}.`;
  return `${capitalize(list(always))} ${always.length === 1 ? 'meets' : 'meet'} all objectives with each of ${seeds}${rest}.`;
}

function finding(measure: StudyMeasure): string[] {
  const [best, next] = measure.rows;
  if (!TELLING.has(measure.name) || best === undefined || next === undefined) return [];
  // A run that does not give the measure may be better or worse.
  if (measure.absent.length > 0 || measure.rows.some((row) => row !== best && row.tied)) return [];
  const { difference } = next;
  if (difference === null) return [];
  const [low, high] = [Math.abs(difference.low), Math.abs(difference.high)].sort((a, b) => a - b) as [number, number];
  const amount = (value: number): string => formatMeasure(value, measure.unit);
  const range = `${amount(low)} to ${amount(high)}`;
  return [`${measure.name}: ${best.name} is best, ${amount(Math.abs(difference.estimate))} (${range}) before ${next.name}`];
}

function headline(met: readonly string[], missed: readonly string[], judged: readonly RunResult[]): string {
  const count = judged[0]!.summary.verdicts.length;
  const objectives = count === 1 ? 'the objective' : `all ${count} objectives`;
  if (judged.length === 1) {
    const met0 = judged[0]!.summary.verdicts.filter((verdict) => verdict.met).length;
    return met.length === 1 ? `${met[0]} meets ${objectives}.` : `${missed[0]} meets ${met0} of ${count} objectives.`;
  }
  if (met.length === 0)
    return `No ${judged[0]!.summary.strategy === null ? 'variant' : 'strategy'} meets ${objectives}.`;
  const first = `${capitalize(list(met))} ${met.length === 1 ? 'meets' : 'meet'} ${objectives}`;
  return missed.length === 0 ? `${first}.` : `${first}; ${list(missed)} ${missed.length === 1 ? 'does' : 'do'} not.`;
}

function nameOf(result: RunResult): string {
  return result.name;
}

function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
