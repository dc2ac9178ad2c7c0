import { toFaultTarget } from './fault-targets.js';
import { toInstant } from './instants.js';
import type { References } from './references.js';
import type { RawRandomFault } from './schema-faults.js';
import { toDistribution } from './schema-values.js';
import type { Path } from './source.js';
import type { ClusterSpec, RandomFaultSpec } from './types.js';
import { duration, share } from './units.js';

/** Faults in a chain, the first not counted, unless told. */
const CHAIN = 5;

/** Faults at random; undefined after an error. */
export function toRandomFault(raw: RawRandomFault, path: Path, cluster: ClusterSpec, references: References, rolloutAt: string | undefined): RandomFaultSpec | undefined {
  const complain = (at: Path, message: string): undefined => references.complain(at, message);
  const target = toFaultTarget(raw.fail, [...path, 'fail'], cluster, references);
  const from = toInstant(raw.from ?? '0s', rolloutAt, [...path, 'from'], complain);
  const every = toDistribution(raw.every);
  if (every.kind === 'constant' && every.value === 0) return complain([...path, 'every'], 'expected more than no time between two faults');
  if (target === undefined || from === undefined) return undefined;
  const { cascade } = raw;
  return {
    every,
    from: from.at,
    ...(from.progress === undefined ? {} : { progress: from.progress }),
    ...(raw.until === undefined ? {} : { until: duration(raw.until) }),
    ...(raw.most === undefined ? {} : { most: raw.most }),
    target,
    ...(raw.repair === undefined ? {} : { repair: toDistribution(raw.repair) }),
    ...(cascade === undefined ? {} : { cascade: { chance: share(cascade.chance), after: toDistribution(cascade.after), most: cascade.most ?? CHAIN } }),
  };
}
