import type { KubernetesObject } from '../api/meta.js';
import type { Process } from '../client/process.js';
import type { Time } from '../kernel/time.js';
import type { Scenario } from '../scenario/types.js';
import { Measurements } from '../strategies/analysis/measurements.js';
import { AnalysisController } from '../strategies/argo/analysis-controller.js';
import { RolloutController } from '../strategies/argo/rollout-controller.js';
import { CanaryController } from '../strategies/flagger/canary-controller.js';
import { Mesh } from '../strategies/mesh.js';
import type { Workload } from '../workload/workload.js';

/** --qps and --burst of the Argo Rollouts controller; -kubeconfig-qps and -kubeconfig-burst of Flagger. */
const ARGO_QPS = 40;
const ARGO_BURST = 80;
const FLAGGER_QPS = 100;
const FLAGGER_BURST = 250;

/** Argo Rollouts, Flagger and the mesh that divides traffic for them: those that the objects of a scenario need. */
export class RolloutControllers {
  readonly measurements: Measurements;
  readonly argo: Process | null;
  readonly flagger: Process | null;
  readonly mesh: Process | null;

  constructor(scenario: Scenario, workload: Workload, process: (name: string, qps: number, burst: number) => Process) {
    const kinds = kindsOf(scenario);
    this.measurements = new Measurements(workload, scenario.rollout?.measurements ?? [], scenario.rollout?.webhooks ?? []);
    this.argo = kinds.has('Rollout') ? process('argo-rollouts', ARGO_QPS, ARGO_BURST) : null;
    if (this.argo !== null) {
      const client = this.argo.client('argo-rollouts', ARGO_QPS, ARGO_BURST);
      new RolloutController(this.argo, client);
      new AnalysisController(this.argo, client, this.measurements);
    }
    this.flagger = kinds.has('Canary') ? process('flagger', FLAGGER_QPS, FLAGGER_BURST) : null;
    if (this.flagger !== null) new CanaryController(this.flagger, this.flagger.client('flagger', FLAGGER_QPS, FLAGGER_BURST), this.measurements);
    const routed = scenario.rollout?.strategies.some((strategy) => strategy.kind === 'canary' && strategy.routing !== undefined) === true;
    const routes = routed || ['HTTPRoute', 'VirtualService', 'TrafficSplit'].some((kind) => kinds.has(kind));
    this.mesh = routes || this.argo !== null || this.flagger !== null ? process('mesh', 0, 0) : null;
    if (this.mesh !== null) new Mesh(this.mesh, workload.splits);
  }

  /** Time 0 of the scenario. */
  begin(origin: Time): void {
    this.measurements.origin = origin;
  }

  start(): void {
    this.argo?.start();
    this.flagger?.start();
    this.mesh?.start();
  }

  setLimited(limited: boolean): void {
    this.argo?.setLimited(limited);
    this.flagger?.setLimited(limited);
  }

  /** Whether these controllers have brought everything up that they answer for. */
  static settled(rollouts: Iterable<KubernetesObject>, canaries: Iterable<KubernetesObject>): boolean {
    for (const object of rollouts) {
      const { metadata, status } = object as KubernetesObject & { readonly status?: { readonly phase?: string; readonly observedGeneration?: string; readonly message?: string } };
      const refused = status?.phase === 'Degraded' && status.message?.startsWith('InvalidSpec') === true;
      if ((status?.phase !== 'Healthy' && !refused) || status?.observedGeneration !== String(metadata.generation)) return false;
    }
    for (const object of canaries) {
      const { status } = object as KubernetesObject & { readonly status?: { readonly phase?: string } };
      if (status?.phase !== 'Initialized' && status?.phase !== 'Succeeded') return false;
    }
    return true;
  }
}

function kindsOf(scenario: Scenario): ReadonlySet<string> {
  const kinds = new Set(scenario.objects.map(({ kind }) => kind));
  for (const action of scenario.timeline) {
    if (action.action === 'apply') for (const { kind } of action.objects) kinds.add(kind);
  }
  return kinds;
}
