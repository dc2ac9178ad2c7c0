import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { OutputError } from '../export/output-directory.js';
import type { LoadOptions } from '../scenario/index.js';
import { isInputError } from '../scenario/input-error.js';
import { VERSION } from '../version.js';
import { compare } from './compare.js';
import { addConformance } from './conformance.js';
import { runOne } from './run.js';
import { dryRun } from './dry-run.js';
import { report as rebuild } from './report.js';
import { type ExplainFlags, explainPod } from './explain-pod.js';
import { type ScheduleFlags, schedule } from './schedule.js';
import { schema } from './schema.js';
import { EXIT_FAILED, EXIT_INPUT, EXIT_INTERRUPTED, EXIT_OK, Interrupted, type Terminal, UsageError } from './terminal.js';
import { type ValidateFlags, validate } from './validate.js';

/** Options that all commands which simulate share. */
export interface RunFlags {
  readonly seed?: string;
  readonly out?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly eventList?: string;
  readonly strategy?: string;
  readonly variant?: string;
  /** How often a comparison is repeated with other seeds. */
  readonly replications?: number;
  /** Relative precision at which replications end. */
  readonly precision?: number;
  /** Worker threads of replications. */
  readonly workers?: number;
  /** Everything that is measured, not only what matters most. */
  readonly measures?: boolean;
  readonly shuffleTies?: number;
  readonly explain?: string;
  readonly checkDeterminism?: boolean;
  readonly allowMissingPlugins?: boolean;
}

/** What commands that read scenarios make of their flags. */
export function loadOptions(flags: Pick<RunFlags, 'seed' | 'allowMissingPlugins'>): LoadOptions {
  return {
    ...(flags.seed === undefined ? {} : { seed: flags.seed }),
    ...(flags.allowMissingPlugins === true ? { allowMissingPlugins: true } : {}),
  };
}

const ALLOW_MISSING = 'leave out scheduler plugins that are known but not modelled';

/** Parses arguments, runs the command, turns every failure into a message and an exit code. */
export async function runCommandLine(args: readonly string[], terminal: Terminal): Promise<number> {
  let exitCode = EXIT_OK;
  const program = buildProgram(terminal, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    return report(error, terminal);
  }
}

function report(error: unknown, terminal: Terminal): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_INPUT;
  if (error instanceof Interrupted) {
    terminal.stderr.write(`${error.message}\n`);
    return EXIT_INTERRUPTED;
  }
  if (isInputError(error) || error instanceof UsageError) {
    terminal.stderr.write(`${error.toString().replace(/^Error: /, '')}\n`);
    return EXIT_INPUT;
  }
  if (error instanceof OutputError) {
    terminal.stderr.write(`towtank: ${error.message}\n`);
    return EXIT_FAILED;
  }
  const message = error instanceof Error ? (process.env['TOWTANK_DEBUG'] === undefined ? error.message : error.stack) : String(error);
  terminal.stderr.write(`towtank: the run failed: ${message}\n`);
  return EXIT_FAILED;
}

function seedArgument(value: string): string {
  if (value === '') throw new InvalidArgumentError('a seed is a number or any text that is not empty');
  return value;
}

function shuffleArgument(value: string): number {
  if (!/^[1-9][0-9]{0,8}$/.test(value)) throw new InvalidArgumentError('expected a whole number from 1 to 999999999');
  return Number(value);
}

function countArgument(least: number, most: number): (value: string) => number {
  return (value) => {
    const count = Number(value);
    if (!/^[0-9]+$/.test(value) || count < least || count > most) {
      throw new InvalidArgumentError(`expected a whole number from ${least} to ${most}`);
    }
    return count;
  };
}

function precisionArgument(value: string): number {
  const match = /^([0-9]+(?:\.[0-9]+)?)(%?)$/.exec(value);
  const share = match === null ? Number.NaN : Number(match[1]) / (match[2] === '%' ? 100 : 1);
  if (!(share > 0 && share < 1)) throw new InvalidArgumentError('expected a share such as 5% or 0.05');
  return share;
}

function attemptArgument(value: string): number {
  if (!/^[1-9][0-9]{0,8}$/.test(value)) throw new InvalidArgumentError('expected a whole number from 1 on');
  return Number(value);
}

function withRunFlags(command: Command): Command {
  return command
    .option('--seed <seed>', 'seed of all random streams; the same seed gives the same bytes', seedArgument)
    .option('--out <directory>', 'where to write the results (default: reports/<name of the scenario>)')
    .option('--json', 'print summary.json instead of the table')
    .option('--quiet', 'no progress bar, no messages')
    .option('--allow-missing-plugins', ALLOW_MISSING)
    .addOption(
      new Option('--shuffle-ties <seed>', 'permute events of one instant and phase: finds accidental order').argParser(shuffleArgument),
    )
    .addOption(
      new Option('--event-list <name>', 'order of events: same results, other speed').choices(['ladder', 'heap', 'fastpriorityqueue']),
    );
}

function buildProgram(terminal: Terminal, exit: (code: number) => void): Command {
  const program = new Command('towtank');
  program
    .description('A deterministic discrete-event performance simulator of the whole Kubernetes control plane.')
    .version(VERSION)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
    })
    .showHelpAfterError('(towtank --help shows all commands)')
    .addHelpText(
      'after',
      `
Examples:
  towtank compare scenarios/strategies.yaml            which rollout strategy meets the objectives?
  towtank run scenarios/strategies.yaml --strategy ramped
  towtank validate my-manifests.yaml                   would towtank (and the API server) take this file?
  towtank schema > scenario.schema.json                completion and checks in your editor
  towtank conformance raft DIRECTORY                   does the model do what etcd's raft library did?

Exit codes: 0 fine, 1 an objective was missed or the run failed, 2 bad input, 130 interrupted.`,
    );
  withRunFlags(program.command('run').argument('<scenario>', 'scenario file (YAML)'))
    .description('Simulate one scenario and judge it by its objectives.')
    .option('--strategy <name>', 'which strategy of the scenario to roll out with (default: the first)')
    .option('--variant <name>', 'which variant of the scenario to run (default: the scenario without any)')
    .option('--explain <what>', 'walk back from an effect to its causes: a pod (namespace/name) or the number of an event')
    .option('--check-determinism', 'run twice in lockstep and stop at the first differing event or random draw')
    .addHelpText('after', '\nExample:\n  towtank run scenarios/strategies.yaml --strategy canary --seed 2 --out /tmp/canary')
    .action(async (file: string, flags: RunFlags) => exit(await runOne(file, flags, terminal)));
  withRunFlags(program.command('compare').argument('<scenario>', 'scenario file with strategies of a rollout, or with variants'))
    .description('Run every strategy of the rollout, or every variant of the scenario, with the same seed and random streams, and compare.')
    .option('--measures', 'a second table: everything that is measured')
    .option('--replications <n>', 'repeat with n seeds and give intervals; with --precision the most that are made', countArgument(2, 100_000))
    .option('--precision <share>', 'replicate until means are known to this relative precision with 95 % confidence (5%)', precisionArgument)
    .option('--workers <n>', 'worker threads of replications (default: one per core); changes no byte of the results', countArgument(1, 1024))
    .addHelpText(
      'after',
      '\nExamples:\n  towtank compare scenarios/strategies.yaml --json | jq .met\n  towtank compare scenarios/strategies.yaml --replications 30   is the difference more than luck?\n  towtank compare scenarios/etcd/disk.yaml             what do faster disks do for API writes?',
    )
    .action(async (file: string, flags: RunFlags) => exit(await compare(file, flags, terminal)));
  program
    .command('validate')
    .argument('<file...>', 'scenario files, scheduler configurations, or Kubernetes manifests, Lists and dumps')
    .option('--allow-missing-plugins', ALLOW_MISSING)
    .description('Check files without simulating anything.')
    .addHelpText('after', '\nExample:\n  kubectl get deploy,svc -o yaml > dump.yaml && towtank validate dump.yaml')
    .action((files: string[], flags: ValidateFlags) => exit(validate(files, flags, terminal)));
  program
    .command('schema')
    .description('Print the JSON Schema of scenario files, for editors.')
    .action(() => exit(schema(terminal)));
  program
    .command('schedule')
    .requiredOption('--nodes <file>', 'nodes: manifests, a List or a dump (bound pods belong to --pods)')
    .requiredOption('--pods <file>', 'pods: those with a node are there already, the others are placed')
    .option('--config <file...>', 'KubeSchedulerConfiguration files (v1), to compare; none: the defaults')
    .option('--allow-missing-plugins', ALLOW_MISSING)
    .option('--plugin <name=file...>', 'scheduler plugins of your own, which the configurations may enable')
    .option('--explain <pod>', 'why a pod went where it went: filters, scores, ties')
    .addOption(
      new Option('--kubernetes-version <version>', 'whose scheduler').choices(['1.34', '1.35', '1.36']).default('1.34'),
    )
    .option('--seed <seed>', 'seed of the tie breaks', seedArgument)
    .option('--json', 'print placements and explanations as JSON')
    .description('Place pods on a snapshot of nodes as kube-scheduler would; several configurations side by side.')
    .addHelpText('after', '\nExample:\n  towtank schedule --nodes nodes.yaml --pods pods.yaml --config default.yaml packed.yaml --explain web-0')
    .action((flags: ScheduleFlags) => exit(schedule(flags, terminal)));
  program
    .command('explain')
    .description('Why something in a finished run is as it is.')
    .command('pod')
    .argument('<name>', 'name of the pod, or namespace/name')
    .option('--from <directory>', 'results of the run (default: the latest in reports/)')
    .option('--run <name>', 'which run, when the results hold several')
    .option('--namespace <namespace>', 'namespace of the pod', 'default')
    .option('--attempt <number>', 'which attempt of the scheduler (default: the last)', attemptArgument)
    .option('--all', 'every node in the lists')
    .option('--quiet', 'no progress bar')
    .option('--json', 'print the explanation as JSON')
    .description('Why kube-scheduler put a pod where it is: what each plugin said of each node, raw, normalised and weighted scores, ties.')
    .addHelpText('after', '\nExample:\n  towtank run scenarios/hello/hello.yaml && towtank explain pod hello-5d4f8-x2x7z')
    .action(async (name: string, flags: ExplainFlags) => exit(await explainPod(name, flags, terminal)));
  program
    .command('dry-run')
    .argument('<directory>', 'results of a finished run or comparison')
    .argument('<file>', 'manifest with AnalysisTemplates of Argo Rollouts or Canaries of Flagger')
    .description('Say what thresholds would have decided about finished rollouts.')
    .addHelpText('after', '\nExample:\n  towtank dry-run reports/strategies success-rate.yaml')
    .action(async (directory: string, file: string) => exit(await dryRun(directory, file, terminal)));
  program
    .command('report')
    .argument('<directory...>', 'results of one run, or of several to lay side by side')
    .option('--out <file>', 'where to write the page (default: report.html in the first directory)')
    .description('Rebuild the HTML report from summary.json and the Parquet files of finished runs.')
    .addHelpText('after', '\nExample:\n  towtank report reports/monday reports/tuesday --out compare.html')
    .action(async (directories: string[], flags: { out?: string }) => exit(await rebuild(directories, flags.out, terminal)));
  addConformance(program, terminal, exit);
  return program;
}
