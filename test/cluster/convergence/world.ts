import { join } from 'node:path';
import type { Job } from '../../../src/api/batch.js';
import type { KubernetesObject } from '../../../src/api/meta.js';
import type { Deployment } from '../../../src/api/workloads.js';
import type { Patch, ResponseReceiver } from '../../../src/apiserver/request.js';
import type { Kubectl } from '../../../src/client/kubectl/kubectl.js';
import type { KubectlOutput } from '../../../src/client/kubectl/run.js';
import type { ApiClient } from '../../../src/client/types.js';
import type { SimulatedCluster } from '../../../src/cluster/simulated-cluster.js';
import { loadScenario } from '../../../src/scenario/index.js';
import type { KubectlCommand, Scenario } from '../../../src/scenario/types.js';
import { root } from '../scenario.js';
import { type ClusterLibrary, REAL } from './library.js';
import { type Action, DEPLOYMENTS, IMAGES, NODES, STRATEGIES, type Step } from './plan.js';
import { Watchman } from './watchman.js';

const SECOND = 1e9;
/** Until the workloads of the start are up. */
const START = 8 * SECOND;
/** Everything is in its declared state, or says why not, at the latest this long after the last action, fault or heal. */
export const SETTLING = 180 * SECOND;

const scenario = loadScenario(join(root, 'test', 'data', 'cluster', 'convergence', 'cluster.yaml'));

/** Sets `spec.paused`, or an annotation that is new each time. */
class EditPatch implements Patch {
  readonly bytes = 100;
  private readonly paused: boolean | undefined;
  private readonly mark: string;

  constructor(paused: boolean | undefined, mark = '') {
    this.paused = paused;
    this.mark = mark;
  }

  apply(current: KubernetesObject): KubernetesObject {
    if (this.paused !== undefined) return { ...current, spec: { ...(current as Deployment).spec, paused: this.paused } } as KubernetesObject;
    return { ...current, metadata: { ...current.metadata, annotations: { ...current.metadata.annotations, mark: this.mark } } };
  }
}

/** A small cluster that a plan happens to. */
export class World implements ResponseReceiver, KubectlOutput {
  readonly cluster: SimulatedCluster;
  readonly watchman: Watchman;
  readonly log: string[] = [];
  private readonly client: ApiClient;
  private readonly library: ClusterLibrary;
  private readonly kubectl: Kubectl;
  private readonly template: Deployment;
  private jobs = 0;
  private readonly later: { readonly time: number; readonly run: () => void }[] = [];

  /** @param eventCpu time that each informer takes for a change: how far caches are behind */
  constructor(seed: string, library: ClusterLibrary = REAL, eventCpu?: number) {
    this.library = library;
    const objects = scenario.objects.filter(({ metadata }) => metadata.name !== 'web');
    this.template = scenario.objects.find(({ metadata }) => metadata.name === 'web') as Deployment;
    const client = eventCpu === undefined ? scenario.profile.client : { eventCpu };
    const spec: Scenario = { ...scenario, seed, objects, profile: { ...scenario.profile, client } };
    this.watchman = new Watchman(library);
    this.cluster = this.watchman.guarding(() => new library.SimulatedCluster(spec));
    this.client = this.cluster.kubectl.client('kubectl', 50, 300);
    this.kubectl = this.cluster.newKubectl();
    this.watchman.watch(this.cluster);
  }

  receive(): void {}

  note(phase: string, message: string): void {
    this.log.push(`${(this.cluster.simulation.now / SECOND).toFixed(2)} ${phase}: ${message}`);
  }

  /** Carries out a plan, then lets the cluster settle. */
  run(steps: readonly Step[]): void {
    this.watchman.guarding(() => this.carryOut(steps));
  }

  private carryOut(steps: readonly Step[]): void {
    const { simulation } = this.cluster;
    this.cluster.start();
    this.until(START);
    for (const { after, action } of steps) {
      this.until(simulation.now + after * SECOND);
      this.note('action', JSON.stringify(action));
      this.act(action);
    }
    while (this.later.length > 0) this.until(this.later[0]!.time);
    for (let node = 0; node < NODES; node++) this.command({ text: 'uncordon', verb: 'uncordon', node: this.nodeName(node) });
    this.until(simulation.now + SETTLING);
  }

  /** Simulates up to an instant, with what is due before. */
  private until(time: number): void {
    while (this.later.length > 0 && this.later[0]!.time <= time) {
      const { time: due, run } = this.later.shift()!;
      this.cluster.simulation.run(due);
      run();
    }
    this.cluster.simulation.run(time);
  }

  private after(seconds: number, run: () => void): void {
    this.later.push({ time: this.cluster.simulation.now + seconds * SECOND, run });
    this.later.sort((a, b) => a.time - b.time);
  }

  private nodeName(node: number): string {
    return this.cluster.nodeNames[node]!;
  }

  private command(command: KubectlCommand): void {
    this.kubectl.run(command, this);
  }

  private act(action: Action): void {
    switch (action.do) {
      case 'apply':
        this.command({ text: 'apply', verb: 'apply', objects: [this.deployment(action)] });
        return;
      case 'drain': {
        const options = { force: true, ignoreDaemonSets: true, deleteEmptyDirData: true, disableEviction: false, timeout: action.seconds * SECOND };
        const node = this.nodeName(action.node);
        this.command({ text: 'drain', verb: 'drain', node, options });
        this.after(action.seconds, () => this.command({ text: 'uncordon', verb: 'uncordon', node }));
        return;
      }
      case 'scaleSet':
        this.command({ text: 'scale', verb: 'scale', target: target('statefulsets', 'db'), replicas: action.replicas });
        return;
      case 'imageDaemon':
        this.command({ text: 'set image', verb: 'set image', target: target('daemonsets', 'agent'), images: { app: IMAGES[action.image]! } });
        return;
      case 'job':
        this.newJob(action);
        return;
      case 'imageSet':
        this.command({ text: 'set image', verb: 'set image', target: target('statefulsets', 'db'), images: { app: IMAGES[action.image]! } });
        return;
      case 'apiServer':
      case 'etcdLeader':
      case 'dropWatches':
      case 'restartControllers':
        this.breakSomething(action);
        return;
      default:
        this.change(action);
    }
  }

  private change(action: Extract<Action, { readonly on: number }>): void {
    const name = DEPLOYMENTS[action.on]!;
    const on = target('deployments', name);
    switch (action.do) {
      case 'scale':
        this.command({ text: 'scale', verb: 'scale', target: on, replicas: action.replicas });
        return;
      case 'image':
        this.command({ text: 'set image', verb: 'set image', target: on, images: { app: IMAGES[action.image]! } });
        return;
      case 'undo':
        this.command({ text: 'rollout undo', verb: 'rollout undo', target: on, toRevision: 0 });
        return;
      case 'delete':
      case 'orphan': {
        // Without its Deployment, a ReplicaSet goes on by itself, until a Deployment comes that selects it.
        const propagationPolicy = action.do === 'orphan' ? 'Orphan' : 'Background';
        this.command({ text: action.do, verb: 'delete', targets: [on], files: false, options: { wait: true, propagationPolicy } });
        return;
      }
      case 'pause':
      case 'resume':
        this.patch('deployments', name, new EditPatch(action.do === 'pause'));
        return;
      case 'conflict':
        // Somebody else writes the same objects, again and again: what controllers have read is old.
        for (let i = 0; i < 20; i++) this.after(0.02 * i, () => this.touch(name, i));
        return;
      case 'apply':
        return;
    }
  }

  private newJob({ completions, parallelism, indexed }: Extract<Action, { readonly do: 'job' }>): void {
    const batch = scenario.objects.find(({ kind, metadata }) => kind === 'Job' && metadata.name === 'batch') as Job;
    const name = `work-${++this.jobs}`;
    const completionMode = indexed ? 'Indexed' : 'NonIndexed';
    // A Job has failures enough to outlive every drain.
    const job: Job = { ...batch, metadata: { ...batch.metadata, name }, spec: { ...batch.spec, completions, parallelism, completionMode, backoffLimit: 100 } };
    this.command({ text: 'apply', verb: 'apply', objects: [job] });
  }

  private touch(name: string, i: number): void {
    this.patch('deployments', name, new EditPatch(undefined, String(i)));
    for (const { metadata } of this.cluster.connections.current('replicasets')) {
      if (metadata.name.startsWith(`${name}-`)) this.patch('replicasets', metadata.name, new EditPatch(undefined, String(i)));
    }
  }

  private patch(resource: string, name: string, patch: Patch): void {
    this.client.request({ verb: 'patch', resource, namespace: 'default', name, patch }, this, 0);
  }

  private breakSomething(action: Extract<Action, { readonly do: 'apiServer' | 'etcdLeader' | 'dropWatches' | 'restartControllers' }>): void {
    const { cluster } = this;
    const faults = new this.library.ClusterFaults(cluster);
    if (action.do === 'apiServer') {
      faults.setApiServer(action.index, false);
      this.after(action.seconds, () => faults.setApiServer(action.index, true));
    } else if (action.do === 'etcdLeader') {
      const { leader } = cluster.etcd;
      if (leader === undefined) return;
      const { index } = leader;
      faults.setEtcdMember(index, false);
      this.after(action.seconds, () => faults.setEtcdMember(index, true));
    } else if (action.do === 'dropWatches') {
      const server = cluster.servers[action.index]!;
      if (!server.up) return;
      for (const resource of ['deployments', 'replicasets', 'pods', 'jobs', 'statefulsets', 'daemonsets']) cluster.connections.resourceRelisted(server, resource);
    } else {
      const elector = cluster.controlPlane[0]!.electors[0]!;
      elector.stop(false);
      this.after(action.seconds, () => elector.start());
    }
  }

  private deployment({ on, replicas, image, strategy }: Extract<Action, { readonly do: 'apply' }>): Deployment {
    const name = DEPLOYMENTS[on]!;
    const labels = { app: name };
    const { template } = this.template.spec;
    const container = { ...template.spec.containers[0]!, image: IMAGES[image]! };
    const rollingUpdate = STRATEGIES[strategy]!;
    return {
      ...this.template,
      metadata: { ...this.template.metadata, name },
      spec: {
        ...this.template.spec,
        replicas,
        selector: { matchLabels: labels },
        template: { ...template, metadata: { ...template.metadata, labels }, spec: { ...template.spec, containers: [container] } },
        strategy: rollingUpdate === null ? { type: 'Recreate' } : { type: 'RollingUpdate', rollingUpdate },
      },
    } as Deployment;
  }
}

function target(resource: string, name: string) {
  return { resource, object: { namespace: 'default', name } };
}
