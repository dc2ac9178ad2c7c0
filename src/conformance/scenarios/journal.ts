import type { KubernetesObject } from '../../api/meta.js';
import { Serializer } from '../../api/serialize.js';
import type { ChangeObserver } from '../../apiserver/connections.js';
import type { WatchRecord } from '../../apiserver/watch-cache.js';
import type { Simulation } from '../../kernel/simulation.js';
import type { Time } from '../../kernel/time.js';
import type { RecordedChange, Recording, RecordingHeader } from '../controllers-recording.js';

type Json = Record<string, unknown>;

/** Kinds that recordings hold. */
const RECORDED = new Set([
  'deployments',
  'replicasets',
  'statefulsets',
  'daemonsets',
  'controllerrevisions',
  'pods',
  'events',
  'jobs',
  'cronjobs',
  'horizontalpodautoscalers',
  'poddisruptionbudgets',
  'resourcequotas',
  'nodes',
  'leases',
]);
const TYPES = { ADDED: 'A', MODIFIED: 'M', DELETED: 'D' } as const;

/** Writes down what a simulated cluster does in one namespace, in the form of a recording of a real one. */
export class Journal implements ChangeObserver {
  readonly changes: RecordedChange[] = [];
  /** Objects of the namespace by `Kind/name`, as last seen. */
  readonly current = new Map<string, KubernetesObject>();
  /** Told after each change; null: nobody. */
  listener: { journalChanged(): void } | null = null;
  private readonly finals = new Map<string, RecordedChange>();
  private readonly header: RecordingHeader;
  private readonly simulation: Simulation;
  private readonly serializer: Serializer;
  private readonly nodes: ReadonlySet<string>;
  /** Simulated time of the scenario's start. */
  private readonly origin: Time;

  /** @param nodes nodes whose changes are recorded */
  constructor(simulation: Simulation, header: RecordingHeader, origin: Time, nodes: ReadonlySet<string>) {
    this.simulation = simulation;
    this.header = header;
    this.origin = origin;
    this.nodes = nodes;
    this.serializer = new Serializer(header.startUnixMs - origin / 1e6);
  }

  changed({ type, resource, object, revision }: WatchRecord): void {
    if (!RECORDED.has(resource)) return;
    const { namespace, name } = object.metadata;
    if (resource === 'nodes' || resource === 'leases' ? !this.nodes.has(name) : namespace !== this.header.id) return;
    const key = `${object.kind}/${name}`;
    if (type === 'DELETED') this.current.delete(key);
    else this.current.set(key, object);
    const change: RecordedChange = {
      time: this.simulation.now - this.origin,
      revision,
      type: TYPES[type],
      kind: object.kind,
      name,
      object: prune(this.serializer.object(object)),
    };
    this.changes.push(change);
    if (type === 'DELETED') this.finals.delete(key);
    else this.finals.set(key, { ...change, time: 0, type: 'FINAL' });
    this.listener?.journalChanged();
  }

  /** What was written down, with the commands that were given. */
  recording(commands: readonly RecordedChange[]): Recording {
    return { header: this.header, changes: this.changes, commands, final: [...this.finals.values()] };
  }
}

/** Recordings hold of a pod template its image only. */
function prune(object: Json): Json {
  const spec = object['spec'] as Json | undefined;
  const template = spec?.['template'] as { readonly spec?: { readonly containers?: readonly { readonly image: string }[] } } | undefined;
  const image = template?.spec?.containers?.[0]?.image;
  return spec === undefined || image === undefined ? object : { ...object, spec: { ...spec, template: { image } } };
}
