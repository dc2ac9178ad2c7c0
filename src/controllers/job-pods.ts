import type { Job } from '../api/batch.js';
import type { Pod } from '../api/core.js';
import type { Labels, LabelSelector } from '../api/meta.js';
import { COMPLETION_INDEX, INDEX_FAILURES, INDEX_IGNORED_FAILURES, JOB_FINALIZER } from './job-failures.js';
import type { JobPodCreation } from './job-policy.js';
import { podFromTemplate } from './pod-control.js';

const CONTROLLER_UID = 'batch.kubernetes.io/controller-uid';

/** What a Job selects its pods by: its own uid, unless the user gave a selector (registry/batch/job/strategy.go generateSelector). */
export function selectorOf({ metadata, spec }: Job): LabelSelector {
  return spec.manualSelector === true ? (spec.selector ?? {}) : { matchLabels: { [CONTROLLER_UID]: metadata.uid } };
}

/** A pod of a Job, with its index when the Job is indexed. */
export function jobPod(job: Job, { index, failures }: JobPodCreation): Pod {
  const { name, uid } = job.metadata;
  const generated: Labels = { [CONTROLLER_UID]: uid, 'batch.kubernetes.io/job-name': name, 'controller-uid': uid, 'job-name': name };
  const labels: Labels = {
    ...(job.spec.manualSelector === true ? {} : generated),
    ...(index === undefined ? {} : { [COMPLETION_INDEX]: String(index) }),
  };
  const annotations: Labels = {
    ...(index === undefined ? {} : { [COMPLETION_INDEX]: String(index) }),
    ...(index === undefined || job.spec.backoffLimitPerIndex === undefined ? {} : { [INDEX_FAILURES]: String(failures.counted) }),
    ...(failures.ignored === 0 ? {} : { [INDEX_IGNORED_FAILURES]: String(failures.ignored) }),
  };
  const pod = podFromTemplate(job, job.spec.template, {
    generateName: index === undefined ? `${name}-` : `${name}-${index}-`,
    labels,
    ...(index === undefined ? {} : { annotations }),
    finalizers: [...(job.spec.template.metadata.finalizers ?? []), JOB_FINALIZER],
  });
  return index === undefined ? pod : { ...pod, spec: { ...pod.spec, hostname: `${name}-${index}` } };
}
