import type { Uniform } from '../random/stream.js';
import type { Moment } from './batch.js';
import { ClusterObjects } from './cache/cluster-objects.js';
import type { PodInfo } from './cache/pod-info.js';
import { SchedulerCache } from './cache/scheduler-cache.js';
import { defaultConfiguration, type SchedulerConfiguration } from './config/configuration.js';
import type { Cycle } from './framework/cycle.js';
import { featuresOf, type KubernetesVersion } from './framework/features.js';
import type { Framework } from './framework/framework.js';
import { WaitingPods } from './framework/waiting-pods.js';
import type { Handle, PostFilterResult } from './framework/plugin.js';
import { DefaultPreemption } from './plugins/default-preemption.js';
import { createFramework, type PluginFactory } from './profile.js';
import { Nominator } from './queue/nominator.js';
import { SchedulingQueue } from './queue/scheduling-queue.js';
import { type ScheduleResult, SchedulingAlgorithm } from './schedule-pod.js';

/** What one scheduling cycle decided. */
export interface Decision {
  readonly result: ScheduleResult;
  /** Outcome of PostFilter for a pod that fits nowhere; null when it did not run. */
  readonly postFilter: PostFilterResult | null;
  readonly cycle: Cycle;
  /** Steps of the dry run of preemption. */
  readonly dryRunSteps: number;
}

/** The scheduler without a clock: cache, queue, profiles and algorithm; the same for simulation, conformance and explanation. */
export class SchedulerCore {
  readonly cache = new SchedulerCache();
  readonly objects = new ClusterObjects();
  readonly nominator = new Nominator();
  readonly algorithm = new SchedulingAlgorithm();
  readonly frameworks: Map<string, Framework>;
  readonly queue: SchedulingQueue;
  readonly handle: Handle;

  /**
   * @param draws random numbers of preemption: where its search starts
   * @param additional makes the plugins that a user adds
   */
  constructor(
    version: KubernetesVersion,
    draws: Uniform,
    configuration: SchedulerConfiguration = defaultConfiguration(version),
    additional?: PluginFactory,
  ) {
    this.handle = {
      nodes: this.cache.nodes,
      objects: this.objects,
      nominator: this.nominator,
      features: featuresOf(version),
      waitingPods: new WaitingPods(),
    };
    this.frameworks = new Map();
    for (const profile of configuration.profiles) {
      this.frameworks.set(profile.schedulerName, createFramework(profile, this.handle, draws, additional));
    }
    this.algorithm.percentageOfNodesToScore = configuration.percentageOfNodesToScore;
    this.queue = new SchedulingQueue(
      this.frameworks,
      this.nominator,
      configuration.initialBackoff,
      configuration.maximumBackoff,
    );
  }

  /** Decides on a pod by one profile; nothing is assumed yet. A plugin that throws makes a PluginError. */
  decide(framework: Framework, pod: PodInfo, draws: Uniform, moment: Moment | null = null): Decision {
    const cycle = framework.startCycle(pod);
    try {
      return this.decideCycle(framework, cycle, draws, moment);
    } catch (error) {
      throw framework.failure(null, cycle, error);
    }
  }

  private decideCycle(framework: Framework, cycle: Cycle, draws: Uniform, moment: Moment | null): Decision {
    const result = this.algorithm.schedulePod(framework, cycle, draws, moment);
    if (result.chosen >= 0 || result.error !== '' || !framework.hasPostFilter)
      return { result, postFilter: null, cycle, dryRunSteps: 0 };
    const postFilter = framework.postFilter(cycle, result.diagnosis);
    result.diagnosis.postFilterMessage = postFilter.status?.message ?? '';
    return { result, postFilter, cycle, dryRunSteps: preemptionOf(framework)?.lastDryRun.steps ?? 0 };
  }
}

/** The preemption plugin of a profile, if it has one. */
export function preemptionOf(framework: Framework): DefaultPreemption | undefined {
  return framework.plugins.postFilter.find((plugin) => plugin instanceof DefaultPreemption);
}
