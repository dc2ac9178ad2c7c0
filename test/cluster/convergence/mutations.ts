import type { Mutation } from '../../raft/mutant.js';

/** Mistakes that controllers could make; several are those of their own past. None may survive the plans. */
export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'a ReplicaSet does not wait for the pods it has made and deleted',
    file: 'controllers/replicaset-sync.js',
    from: 'this.mayManage = controller.expectations.satisfied(this.key, this.simulation.now);',
    to: 'this.mayManage = true;',
  },
  {
    name: 'a DaemonSet does not wait for the pods it has made and deleted',
    file: 'controllers/daemonset-sync.js',
    from: 'if (this.controller.expectations.satisfied(this.key, this.simulation.now))',
    to: 'if (this.key !== "")',
  },
  {
    name: 'creations are not expected',
    file: 'controllers/expectations.js',
    from: 'this.byKey.set(key, { adds: count, deletions: new Set(), since: now });',
    to: '',
  },
  {
    name: 'deletions are not expected',
    file: 'controllers/expectations.js',
    from: 'this.byKey.set(key, { adds: 0, deletions: new Set(names), since: now });',
    to: '',
  },
  {
    name: 'syncs that failed are not tried again',
    file: 'controllers/controller.js',
    from: 'if (this.queue.retries(key) < this.maxRetries)\n                this.queue.addRateLimited(key);\n            else\n                this.queue.forget(key);',
    to: 'this.queue.forget(key);',
  },
  {
    name: 'a ReplicaSet counts terminating pods',
    file: 'controllers/replicaset-sync.js',
    from: 'podsToChange(set.spec.replicas, this.counts.active)',
    to: 'podsToChange(set.spec.replicas, this.counts.active + (counts.terminating > 1 ? 1 : 0))',
  },
  {
    name: 'the surge is one too many',
    file: 'controllers/deployment-rollout.js',
    from: 'return own + Math.min(limit - current, replicas - own);',
    to: 'return own + Math.min(limit + 1 - current, replicas - own);',
  },
  {
    name: 'the new ReplicaSet grows at once',
    file: 'controllers/deployment-rollout.js',
    from: 'if (current >= limit)\n        return own;\n    return own + Math.min(limit - current, replicas - own);',
    to: 'return replicas;',
  },
  {
    name: 'old pods go although too few new ones are available',
    file: 'controllers/deployment-rollout.js',
    from: 'let left = availableReplicas(ordered) + (newSet.status.availableReplicas ?? 0) - floor;',
    to: 'let left = availableReplicas(ordered) + (newSet.status.availableReplicas ?? 0) - floor + 1;',
  },
  {
    name: 'new pods that are not available yet count as available',
    file: 'controllers/deployment-rollout.js',
    from: 'let left = availableReplicas(ordered) + (newSet.status.availableReplicas ?? 0) - floor;',
    to: 'let left = availableReplicas(ordered) + newSet.spec.replicas - floor;',
  },
  {
    name: 'no progress deadline ever passes',
    file: 'controllers/deployment-status.js',
    from: 'deployment.spec.progressDeadlineSeconds * SECOND < now;',
    to: 'deployment.spec.progressDeadlineSeconds * SECOND < 0;',
  },
  {
    name: 'a StatefulSet makes the next pod before the one below is ready',
    file: 'controllers/stateful-set-policy.js',
    from: 'if (monotonic && (isTerminating(pod) || !isRunningAndReady(pod) || !isAvailable(pod, set, view.now)))\n            return true;',
    to: '',
  },
  {
    name: 'a StatefulSet renews a pod while another is not ready',
    file: 'controllers/stateful-set-policy.js',
    from: 'if (monotonic && (isTerminating(pod) || !isRunningAndReady(pod) || !isAvailable(pod, set, view.now)))\n            return true;',
    to: 'if (monotonic && isTerminating(pod))\n            return true;',
  },
  {
    name: 'a StatefulSet renews the lowest ordinal first',
    file: 'controllers/stateful-set-policy.js',
    from: 'for (let i = replicas.length - 1; i >= partitionOf(set) && removed < allowed; i--) {',
    to: 'for (let i = partitionOf(set); i < replicas.length && removed < allowed; i++) {',
  },
  {
    name: 'a DaemonSet renews one pod more than it may',
    file: 'controllers/daemon-set-policy.js',
    from: 'const budget = Math.max(0, maximum - unavailable);',
    to: 'const budget = Math.max(0, maximum + 1 - unavailable);',
  },
  {
    name: 'a DaemonSet takes pods that are not available for available',
    file: 'controllers/daemon-set-policy.js',
    from: 'if (!isPodAvailable(fresh, minimum, now))\n                unavailable++;',
    to: '',
  },
  {
    name: 'a Job makes a pod more than is left to do',
    file: 'controllers/job-policy.js',
    from: 'Math.min(Math.max(0, completions - succeeded), parallelism);',
    to: 'parallelism;',
  },
  {
    name: 'a Job takes finalizers off before it has counted',
    file: 'controllers/job-sync.js',
    from: 'const succeededCount = (rest.succeeded ?? 0) + ok.filter((uid) => gone.has(uid)).length;',
    to: 'const succeededCount = (rest.succeeded ?? 0) + ok.filter((uid) => gone.has(uid)).length - (ok.length > 1 ? 1 : 0);',
  },
  {
    name: 'a budget allows one disruption more',
    file: 'controllers/disruption-policy.js',
    from: 'Math.max(0, counts.healthy - counts.desiredHealthy);',
    to: 'Math.max(0, counts.healthy + 1 - counts.desiredHealthy);',
  },
  {
    name: 'the status of a ReplicaSet is written once',
    file: 'controllers/replica-set-policy.js',
    from: 'return !equal(set.status, status);',
    to: 'return set.status.observedGeneration === undefined && !equal(set.status, status);',
  },
];
