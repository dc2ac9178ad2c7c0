/** Runs one benchmark program in a process of its own, so that no program profits or suffers from another's compiled code. Prints JSON. */
import {
  EXPONENTIAL,
  Hold,
  type Increments,
  LibraryHold,
  load,
  MIXED,
  Mm1Component,
  Mm1Processes,
  Phold,
  type Program,
  TIES,
} from './programs.js';

const [root = '.', name = 'hold', file = 'exponential', size = '100', warm = '0', events = '1000000', rounds = '3'] =
  process.argv.slice(2);
const files: Record<string, Increments> = { exponential: EXPONENTIAL, ties: TIES, mixed: MIXED };

function nanoseconds(work: () => void): number {
  const start = process.hrtime.bigint();
  work();
  return Number(process.hrtime.bigint() - start);
}

function best(work: () => void, count: number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < Number(rounds); round++) least = Math.min(least, nanoseconds(work) / count);
  return least;
}

function measure(program: Program): void {
  if (Number(warm) > 0) program.run(Number(warm));
  const ns = best(() => program.run(Number(events)), Number(events));
  console.log(JSON.stringify({ ns, clock: program.clock, hash: program.hash }));
}

function measureMm1(program: Mm1Processes | Mm1Component): void {
  program.run(20_000);
  let mean = 0;
  const ns = best(() => {
    mean = program.run(Number(events));
  }, Number(events));
  console.log(JSON.stringify({ ns, clock: mean }));
}

const increments = load(root, files[file]!);
if (name === 'hold') measure(new Hold(Number(size), increments, { hash: false }));
else if (name === 'hold-heap') measure(new Hold(Number(size), increments, { hash: false, eventList: 'heap' }));
else if (name === 'hold-library') measure(new LibraryHold(Number(size), increments));
else if (name === 'phold') measure(new Phold(increments, files[file]!.scale, { hash: false }));
else if (name === 'phold-hash') measure(new Phold(increments, files[file]!.scale));
else if (name === 'mm1-process') measureMm1(new Mm1Processes());
else if (name === 'mm1-component') measureMm1(new Mm1Component());
else throw new Error(`no program ${name}`);
