import type { KubernetesObject } from '../api/meta.js';
import { nearestName } from '../api/nearest.js';
import { infoOfKind } from '../api/resources.js';
import type { References } from './references.js';
import type { Path } from './source.js';
import type { DeleteOptions, DrainOptions, KubectlCommand, KubectlTarget } from './types.js';
import { parseDuration } from './units.js';

/** Reads kubectl command lines of timelines, strictly: an unknown verb or flag is an error that names the nearest right one. */

/** Flags by verb: whether they take a value, with short names. */
const NAMESPACE = { namespace: true, n: 'namespace' } as const;
/** Flags of every command. */
const EVERYWHERE: Readonly<Record<string, boolean>> = { as: true, 'as-group': true };
const FILES = { ...NAMESPACE, filename: true, f: 'filename' } as const;
const FLAGS: Readonly<Record<string, Readonly<Record<string, boolean | string>>>> = {
  create: FILES,
  apply: FILES,
  get: { ...NAMESPACE, watch: false, w: 'watch', 'all-namespaces': false, A: 'all-namespaces' },
  'rollout status': { ...NAMESPACE, timeout: true },
  'rollout undo': { ...NAMESPACE, 'to-revision': true },
  scale: { ...NAMESPACE, replicas: true },
  'set image': NAMESPACE,
  delete: { ...FILES, all: false, 'all-namespaces': false, A: 'all-namespaces', wait: false, cascade: true, 'grace-period': true },
  'argo rollouts promote': { ...NAMESPACE, full: false },
  'argo rollouts abort': NAMESPACE,
  'argo rollouts retry': NAMESPACE,
  cordon: {},
  uncordon: {},
  drain: {
    force: false,
    'ignore-daemonsets': false,
    'delete-emptydir-data': false,
    'disable-eviction': false,
    'grace-period': true,
    timeout: true,
  },
};

/** Flags that the real commands have and these have not, and why. */
const NO_MANAGED_FIELDS = 'objects have no managedFields here, so that nothing could tell whose fields conflict; without it the command is a client-side apply: GET, then POST or PATCH';
const NOT_MODELLED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  apply: {
    'server-side': NO_MANAGED_FIELDS,
    'force-conflicts': NO_MANAGED_FIELDS,
    prune: 'what is no longer in the files stays; delete it with a line of its own',
    'dry-run': 'a timeline changes the cluster',
  },
  create: { 'dry-run': 'a timeline changes the cluster' },
  delete: { 'dry-run': 'a timeline changes the cluster', force: 'give --grace-period=0' },
  drain: { 'dry-run': 'a timeline changes the cluster' },
};

/** Verbs that timelines may use. */
export const KUBECTL_VERBS = Object.keys(FLAGS);

/** Kinds that a verb works on; absent: all. */
const ROLLOUT_KINDS = ['deployments', 'daemonsets', 'statefulsets'];
const KINDS: Readonly<Record<string, readonly string[]>> = {
  'rollout status': ROLLOUT_KINDS,
  'rollout undo': ROLLOUT_KINDS,
  'set image': ROLLOUT_KINDS,
  scale: ['deployments', 'replicasets', 'statefulsets', 'replicationcontrollers'],
};

/** A command line cut into verb, arguments and flags. */
export interface KubectlLine {
  readonly verb: string;
  readonly args: readonly string[];
  readonly flags: ReadonlyMap<string, string>;
  /** Values of -f, in order. */
  readonly files: readonly string[];
}

/** What is wrong with a command line. */
export class KubectlProblem {
  readonly message: string;
  readonly suggestion: string | undefined;

  constructor(message: string, wrong?: string, names: readonly string[] = []) {
    this.suggestion = wrong === undefined ? undefined : nearestName(wrong, names);
    const hint = this.suggestion === undefined ? (names.length === 0 ? '' : `; expected one of ${names.join(', ')}`) : `; did you mean "${this.suggestion}"?`;
    this.message = `${message}${hint}`;
  }
}

/** Cuts a line; a problem says what is wrong with it. */
export function splitKubectl(text: string): KubectlLine | KubectlProblem {
  const words = [...text.matchAll(/"([^"]*)"|'([^']*)'|\S+/g)].map((match) => match[1] ?? match[2] ?? match[0].replaceAll(/["']/g, ''));
  if (words[0] === 'kubectl') words.shift();
  if (words.length === 0) return new KubectlProblem('expected a kubectl command such as "rollout undo deployment/frontend"');
  // A plugin of kubectl: `argo rollouts VERB`.
  const first = words[0] === 'argo' ? words.splice(0, 2).join(' ') : words.shift()!;
  const pairs = KUBECTL_VERBS.filter((verb) => verb.startsWith(`${first} `));
  let verb = first;
  if (pairs.length > 0) {
    verb = `${first} ${words.shift() ?? ''}`.trim();
    if (!pairs.includes(verb)) return new KubectlProblem(`unknown kubectl command "${verb}"`, verb, pairs);
  } else if (FLAGS[verb] === undefined) {
    const two = `${first} ${words[0] ?? ''}`.trim();
    const wrong = nearestName(first, KUBECTL_VERBS) === undefined && nearestName(two, KUBECTL_VERBS) !== undefined ? two : first;
    return new KubectlProblem(`unknown kubectl command "${wrong}"`, wrong, KUBECTL_VERBS);
  }
  return splitFlags(verb, words);
}

function splitFlags(verb: string, words: readonly string[]): KubectlLine | KubectlProblem {
  const known: Readonly<Record<string, boolean | string>> = { ...FLAGS[verb], ...EVERYWHERE };
  const args: string[] = [];
  const files: string[] = [];
  const flags = new Map<string, string>();
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const match = /^(--?)([A-Za-z][A-Za-z-]*)(?:=(.*))?$/.exec(word);
    if (match === null) {
      args.push(word);
      continue;
    }
    const given = match[2]!;
    const entry = known[given];
    if (entry === undefined || (typeof entry === 'string') !== (match[1] === '-')) {
      const why = NOT_MODELLED[verb]?.[given];
      if (why !== undefined) return new KubectlProblem(`kubectl ${verb} --${given} is not modelled: ${why}`);
      const names = Object.keys(known).filter((name) => typeof known[name] !== 'string').map((name) => `--${name}`);
      return new KubectlProblem(`kubectl ${verb} has no flag "${match[1]}${given}"`, `--${given}`, names);
    }
    const name = typeof entry === 'string' ? entry : given;
    let value = match[3];
    if (known[name] === true && value === undefined) {
      value = words[++i];
      if (value === undefined) return new KubectlProblem(`the flag --${name} needs a value`);
    }
    if (known[name] === false && value !== undefined && value !== 'true' && value !== 'false') {
      return new KubectlProblem(`the flag --${name} is true or false, found "${value}"`);
    }
    if (name === 'filename') files.push(value!);
    else if (name === 'as-group') flags.set(name, flags.has(name) ? `${flags.get(name)},${value}` : value!);
    else flags.set(name, value ?? 'true');
  }
  return { verb, args, flags, files };
}

/** What the loader gives for reading a command. */
export interface KubectlContext {
  readonly references: References;
  readonly nodes: ReadonlySet<string>;
  complain(message: string, suggestion?: string): undefined;
  /** Objects of the files that -f names. */
  readonly objects: readonly KubernetesObject[];
  /** Told of each image that a command brings in. */
  image(image: string): void;
}

/** Checks a cut line against the scenario; undefined after errors. */
export function toKubectl(text: string, line: KubectlLine, path: Path, context: KubectlContext): KubectlCommand | undefined {
  const user = line.flags.get('as');
  const groups = line.flags.get('as-group')?.split(',') ?? [];
  if (user === undefined && groups.length > 0) return context.complain('--as-group needs --as');
  const command = toCommand(text, line, path, context);
  return user === undefined ? command : command && { ...command, as: { user, groups } };
}

function toCommand(text: string, line: KubectlLine, path: Path, context: KubectlContext): KubectlCommand | undefined {
  const { verb, flags } = line;
  switch (verb) {
    case 'create':
    case 'apply':
      if (line.args.length > 0 || line.files.length === 0) return context.complain(`kubectl ${verb} needs files: ${verb} -f FILE`);
      return { text, verb, objects: context.objects };
    case 'cordon':
    case 'uncordon':
    case 'drain': {
      const node = nodeOf(line, path, context);
      if (node === undefined || verb !== 'drain') return node === undefined ? undefined : { text, verb: verb as 'cordon' | 'uncordon', node };
      const options = drainOptions(flags, context);
      return options && { text, verb, node, options };
    }
    case 'get':
      return get(text, line, path, context);
    case 'delete':
      return deleteCommand(text, line, path, context);
    case 'rollout status': {
      const found = target(line, line.args, path, context);
      const timeout = duration(flags, context);
      return found && timeout === undefined ? undefined : found && { text, verb, target: found, timeout: timeout! };
    }
    case 'rollout undo': {
      const found = target(line, line.args, path, context);
      const toRevision = wholeNumber(flags, 'to-revision', context, 0);
      return found && toRevision !== undefined ? { text, verb, target: found, toRevision } : undefined;
    }
    case 'argo rollouts promote':
    case 'argo rollouts abort':
    case 'argo rollouts retry': {
      const name = line.args.at(-1);
      if (name === undefined) return context.complain(`kubectl ${verb} needs the name of a Rollout`);
      const found = context.references.target(`rollout/${name}`, flags.get('namespace'), path, context.nodes);
      return found && { text, verb, target: found, full: flags.get('full') === 'true' };
    }
    case 'scale': {
      const found = target(line, line.args, path, context);
      const replicas = wholeNumber(flags, 'replicas', context);
      return found && replicas !== undefined ? { text, verb, target: found, replicas } : undefined;
    }
    default:
      return setImage(text, line, path, context);
  }
}

/** `KIND/NAME`, or `KIND NAME`. */
function target(line: KubectlLine, args: readonly string[], path: Path, context: KubectlContext): KubectlTarget | undefined {
  const reference = args.length === 2 && !args[0]!.includes('/') ? `${args[0]}/${args[1]}` : args[0];
  if (reference === undefined || args.length > 2 || (args.length === 2 && args[0]!.includes('/'))) {
    return context.complain(`kubectl ${line.verb} needs one object such as deployment/frontend, found ${args.length === 0 ? 'none' : `"${args.join(' ')}"`}`);
  }
  const found = context.references.target(reference, line.flags.get('namespace'), path, context.nodes);
  const kinds = KINDS[line.verb];
  if (found !== undefined && kinds !== undefined && !kinds.includes(found.resource)) {
    return context.complain(`kubectl ${line.verb} works on ${kinds.join(', ')}, not on ${found.resource}`);
  }
  return found;
}

const CASCADES: Readonly<Record<string, DeleteOptions['propagationPolicy']>> = { background: 'Background', foreground: 'Foreground', orphan: 'Orphan' };

function deleteCommand(text: string, line: KubectlLine, path: Path, context: KubectlContext): KubectlCommand | undefined {
  const { flags, args, files } = line;
  const grace = wholeNumber(flags, 'grace-period', context, -1);
  const cascade = flags.get('cascade') ?? 'background';
  const propagationPolicy = CASCADES[cascade];
  if (propagationPolicy === undefined) return context.complain(`--cascade: expected background, foreground or orphan, found "${cascade}"`);
  const targets = deleteTargets(line, path, context);
  if (grace === undefined || targets === undefined) return undefined;
  const options = { wait: flags.get('wait') !== 'false', propagationPolicy, ...(grace < 0 ? {} : { gracePeriodSeconds: grace }) };
  return { text, verb: 'delete', targets, files: files.length > 0 && args.length === 0, options };
}

function deleteTargets(line: KubectlLine, path: Path, context: KubectlContext): readonly KubectlTarget[] | undefined {
  const { args, files, flags } = line;
  const all = flags.get('all') === 'true';
  if (files.length > 0) {
    if (args.length > 0 || all) return context.complain('kubectl delete takes files, or names, or a kind with --all');
    return context.objects.map(({ apiVersion, kind, metadata: { namespace, name } }) => ({ resource: infoOfKind(apiVersion, kind)!.resource, object: { namespace, name } }));
  }
  if (all && args.length === 1 && !args[0]!.includes('/')) {
    const found = everyObject(args[0]!, line, path, context);
    return found && [found];
  }
  if (all) return context.complain('kubectl delete --all needs a kind and no name, such as "delete pods --all"');
  const found = target(line, args, path, context);
  return found && [found];
}

/** All objects of a kind: in the namespace, or with -A in all. */
function everyObject(kind: string, { flags }: KubectlLine, path: Path, context: KubectlContext): KubectlTarget | undefined {
  const found = context.references.kind(kind, path);
  if (found === undefined) return undefined;
  const everywhere = flags.get('all-namespaces') === 'true' || !found.namespaced;
  return { resource: found.resource, object: { namespace: everywhere ? '' : (flags.get('namespace') ?? context.references.defaultNamespace), name: '' } };
}

function get(text: string, line: KubectlLine, path: Path, context: KubectlContext): KubectlCommand | undefined {
  const watch = line.flags.get('watch') === 'true';
  const { args } = line;
  if (args.length !== 1 || args[0]!.includes('/')) {
    const found = target(line, args, path, context);
    return found && { text, verb: 'get', target: found, watch };
  }
  const found = everyObject(args[0]!, line, path, context);
  return found && { text, verb: 'get', target: found, watch };
}

function setImage(text: string, line: KubectlLine, path: Path, context: KubectlContext): KubectlCommand | undefined {
  const names = line.args.filter((arg) => !arg.includes('='));
  const pairs = line.args.filter((arg) => arg.includes('='));
  const found = target(line, names, path, context);
  if (pairs.length === 0) return context.complain('kubectl set image needs CONTAINER=IMAGE');
  const images: Record<string, string> = {};
  for (const pair of pairs) {
    const container = pair.slice(0, pair.indexOf('='));
    images[container] = pair.slice(pair.indexOf('=') + 1);
    context.image(images[container]);
    if (found?.resource !== 'deployments' || container === '*') continue;
    const { namespace, name } = found.object;
    if (context.references.container({ deployment: name, namespace, container }, path) === undefined) return undefined;
  }
  return found && { text, verb: 'set image', target: found, images };
}

function nodeOf(line: KubectlLine, path: Path, context: KubectlContext): string | undefined {
  const [name] = line.args;
  if (name === undefined || line.args.length > 1) return context.complain(`kubectl ${line.verb} needs the name of one node`);
  const reference = name.includes('/') ? name : `node/${name}`;
  return context.references.target(reference, undefined, path, context.nodes)?.object.name;
}

function drainOptions(flags: ReadonlyMap<string, string>, context: KubectlContext): DrainOptions | undefined {
  const timeout = duration(flags, context);
  const grace = wholeNumber(flags, 'grace-period', context, -1);
  if (timeout === undefined || grace === undefined) return undefined;
  const on = (name: string) => flags.get(name) === 'true';
  return {
    force: on('force'),
    ignoreDaemonSets: on('ignore-daemonsets'),
    deleteEmptyDirData: on('delete-emptydir-data'),
    disableEviction: on('disable-eviction'),
    ...(grace < 0 ? {} : { gracePeriodSeconds: grace }),
    timeout,
  };
}

function duration(flags: ReadonlyMap<string, string>, context: KubectlContext): number | undefined {
  const value = flags.get('timeout');
  if (value === undefined) return 0;
  return parseDuration(value) ?? context.complain(`--timeout: expected a duration such as 5m, found "${value}"`);
}

function wholeNumber(flags: ReadonlyMap<string, string>, name: string, context: KubectlContext, absent?: number): number | undefined {
  const value = flags.get(name);
  if (value === undefined) return absent ?? context.complain(`the flag --${name} is missing`);
  return /^\d{1,9}$/.test(value) ? Number(value) : context.complain(`--${name}: expected a whole number, found "${value}"`);
}
