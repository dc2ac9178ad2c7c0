import type { LimitRange, LimitRangeItem } from '../../api/admission-kinds.js';
import type { PersistentVolumeClaim } from '../../api/apps.js';
import type { Container, PodSpec, ResourceList } from '../../api/core.js';
import { podLimits, podRequests } from '../../api/pod-resources.js';
import { resourceText } from '../../api/quantity.js';

/** Plugin LimitRanger (plugin/pkg/admission/limitranger/admission.go). */

/** A pod spec with the limits of its namespace filled in, and the text of the annotation that says so; empty: nothing was. */
export interface Limited {
  readonly spec: PodSpec;
  readonly annotation: string;
}

export const LIMIT_RANGER_ANNOTATION = 'kubernetes.io/limit-ranger';

/** Gives containers the default requests and limits of their namespace (PodMutateLimitFunc). */
export function applyLimitRanges(spec: PodSpec, ranges: readonly LimitRange[]): Limited {
  let containers = spec.containers;
  let initContainers = spec.initContainers;
  const notes: string[] = [];
  for (const { spec: range } of ranges) {
    const requests: Record<string, number> = {};
    const limits: Record<string, number> = {};
    for (const item of range.limits) {
      if (item.type !== 'Container') continue;
      Object.assign(requests, item.defaultRequest);
      Object.assign(limits, item.default);
    }
    containers = containers.map((container) => fill(container, requests, limits, 'container', notes));
    initContainers = initContainers?.map((container) => fill(container, requests, limits, 'init container', notes));
  }
  if (notes.length === 0) return { spec, annotation: '' };
  return {
    spec: { ...spec, containers, ...(initContainers === undefined ? {} : { initContainers }) },
    annotation: `LimitRanger plugin set: ${notes.join('; ')}`,
  };
}

function fill(container: Container, requests: ResourceList, limits: ResourceList, what: string, notes: string[]): Container {
  const current = container.resources ?? {};
  const setRequests = missing(requests, current.requests);
  const setLimits = missing(limits, current.limits);
  if (setRequests.length > 0) notes.push(`${setRequests.join(', ')} request for ${what} ${container.name}`);
  if (setLimits.length > 0) notes.push(`${setLimits.join(', ')} limit for ${what} ${container.name}`);
  if (setRequests.length === 0 && setLimits.length === 0) return container;
  const resources = {
    ...current,
    ...(setRequests.length === 0 ? {} : { requests: { ...requests, ...current.requests } }),
    ...(setLimits.length === 0 ? {} : { limits: { ...limits, ...current.limits } }),
  };
  return { ...container, resources };
}

function missing(wanted: ResourceList, given: ResourceList | undefined): string[] {
  return Object.keys(wanted)
    .filter((name) => given === undefined || !Object.hasOwn(given, name))
    .sort();
}

/** What a pod breaks of the ranges of its namespace, in the plugin's words (PodValidateLimitFunc). */
export function podProblems(spec: PodSpec, ranges: readonly LimitRange[]): string[] {
  const problems: string[] = [];
  for (const range of ranges) {
    for (const item of range.spec.limits) {
      if (item.type === 'Container') {
        for (const { resources } of [...spec.containers, ...(spec.initContainers ?? [])]) {
          check(item, resources?.requests ?? {}, resources?.limits ?? {}, problems);
        }
      } else if (item.type === 'Pod') check(item, podRequests(spec), podLimits(spec), problems);
    }
  }
  return problems;
}

/** What a claim breaks of the ranges of its namespace (PersistentVolumeClaimValidateLimitFunc). */
export function claimProblems(claim: PersistentVolumeClaim, ranges: readonly LimitRange[]): string[] {
  const problems: string[] = [];
  const requests = claim.spec.resources?.requests ?? {};
  for (const range of ranges) {
    for (const item of range.spec.limits) {
      if (item.type !== 'PersistentVolumeClaim') continue;
      for (const name in item.min) minimum(item, name, item.min[name]!, requests, {}, problems);
      for (const name in item.max) {
        const text = `maximum ${name} usage per ${item.type} is ${resourceText(name, item.max[name]!)}`;
        if (requests[name] === undefined) problems.push(`${text}.  No request is specified`);
        else if (requests[name] > item.max[name]!) problems.push(`${text}, but request is ${resourceText(name, requests[name])}`);
      }
    }
  }
  return problems;
}

function check(item: LimitRangeItem, requests: ResourceList, limits: ResourceList, problems: string[]): void {
  for (const name in item.min) minimum(item, name, item.min[name]!, requests, limits, problems);
  for (const name in item.max) maximum(item, name, item.max[name]!, requests, limits, problems);
  for (const name in item.maxLimitRequestRatio) ratio(item, name, item.maxLimitRequestRatio[name]!, requests, limits, problems);
}

function minimum({ type }: LimitRangeItem, name: string, least: number, requests: ResourceList, limits: ResourceList, problems: string[]): void {
  const text = `minimum ${name} usage per ${type} is ${resourceText(name, least)}`;
  if (requests[name] === undefined) problems.push(`${text}.  No request is specified`);
  else if (requests[name] < least) problems.push(`${text}, but request is ${resourceText(name, requests[name])}`);
  else if (limits[name] !== undefined && limits[name] < least) problems.push(`${text}, but limit is ${resourceText(name, limits[name])}`);
}

function maximum({ type }: LimitRangeItem, name: string, most: number, requests: ResourceList, limits: ResourceList, problems: string[]): void {
  const text = `maximum ${name} usage per ${type} is ${resourceText(name, most)}`;
  if (limits[name] === undefined) problems.push(`${text}.  No limit is specified`);
  else if (limits[name] > most) problems.push(`${text}, but limit is ${resourceText(name, limits[name])}`);
  else if (requests[name] !== undefined && requests[name] > most) problems.push(`${text}, but request is ${resourceText(name, requests[name])}`);
}

/** `most` in thousandths. */
function ratio({ type }: LimitRangeItem, name: string, most: number, requests: ResourceList, limits: ResourceList, problems: string[]): void {
  const text = `${name} max limit to request ratio per ${type} is ${resourceText('cpu', most)}`;
  const request = requests[name] ?? 0;
  const limit = limits[name] ?? 0;
  if (request === 0) problems.push(`${text}, but no request is specified or request is 0`);
  else if (limit === 0) problems.push(`${text}, but no limit is specified or limit is 0`);
  else if ((limit / request) * 1000 > most) problems.push(`${text}, but provided ratio is ${(limit / request).toFixed(6)}`);
}
