import type { Container, PodSpec, Probe, ResourceRequirements } from './core.js';
import type { FieldError } from './fields.js';
import { duplicate, forbidden, invalid, required } from './fields.js';
import type { LabelSelector, Labels } from './meta.js';
import { dns1123Label, dns1123Subdomain, labelValueProblems, portName, qualifiedName } from './names.js';
import { resourceText } from './quantity.js';

/** What the API server refuses in a pod spec (kubernetes pkg/apis/core/validation). */

const NOT_NEGATIVE = 'must be greater than or equal to 0';
const PORT_RANGE = 'must be between 1 and 65535, inclusive';

export function validateLabels(labels: Labels | undefined, path: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const key in labels) {
    for (const problem of qualifiedName(key)) errors.push(invalid(path, key, problem));
    for (const problem of labelValueProblems(labels[key]!)) errors.push(invalid(path, labels[key], problem));
  }
  return errors;
}

export function validateSelector(selector: LabelSelector, path: string): FieldError[] {
  const errors = validateLabels(selector.matchLabels, `${path}.matchLabels`);
  selector.matchExpressions?.forEach(({ key, operator, values }, i) => {
    const at = `${path}.matchExpressions[${i}]`;
    const count = values?.length ?? 0;
    if ((operator === 'In' || operator === 'NotIn') && count === 0) {
      errors.push(required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
    }
    if ((operator === 'Exists' || operator === 'DoesNotExist') && count > 0) {
      errors.push(forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
    }
    for (const problem of qualifiedName(key)) errors.push(invalid(`${at}.key`, key, problem));
    for (const value of values ?? []) {
      for (const problem of labelValueProblems(value)) errors.push(invalid(`${at}.values`, value, problem));
    }
  });
  return errors;
}

/** `negative` when the number is below zero. */
export function notNegative(value: number | undefined, path: string): FieldError[] {
  return value !== undefined && value < 0 ? [invalid(path, value, NOT_NEGATIVE)] : [];
}

/** `claims`: names of volumes that the controller adds (a StatefulSet's claim templates). */
export function validatePodSpec(spec: PodSpec, path: string, claims: readonly string[] = []): FieldError[] {
  const errors: FieldError[] = [];
  const volumes = new Set<string>();
  spec.volumes?.forEach((volume, i) => {
    const at = `${path}.volumes[${i}].name`;
    if (volume.name === '') errors.push(required(at));
    else for (const problem of dns1123Label(volume.name)) errors.push(invalid(at, volume.name, problem));
    if (volumes.has(volume.name)) errors.push(duplicate(at, volume.name));
    volumes.add(volume.name);
  });
  for (const claim of claims) volumes.add(claim);
  const names = new Set<string>();
  if (spec.containers.length === 0) errors.push(required(`${path}.containers`));
  validateContainers(spec.containers, `${path}.containers`, names, volumes, false, errors);
  validateContainers(spec.initContainers ?? [], `${path}.initContainers`, names, volumes, true, errors);
  errors.push(...notNegative(spec.terminationGracePeriodSeconds, `${path}.terminationGracePeriodSeconds`));
  if (spec.activeDeadlineSeconds !== undefined && spec.activeDeadlineSeconds < 1) {
    errors.push(
      invalid(
        `${path}.activeDeadlineSeconds`,
        spec.activeDeadlineSeconds,
        'must be between 1 and 2147483647, inclusive',
      ),
    );
  }
  errors.push(...validateLabels(spec.nodeSelector, `${path}.nodeSelector`));
  if (spec.nodeName !== undefined) {
    for (const problem of dns1123Subdomain(spec.nodeName))
      errors.push(invalid(`${path}.nodeName`, spec.nodeName, problem));
  }
  validateTolerations(spec, path, errors);
  validateSpread(spec, path, errors);
  validateAffinity(spec, path, errors);
  return errors;
}

function validateContainers(
  containers: readonly Container[],
  path: string,
  names: Set<string>,
  volumes: ReadonlySet<string>,
  init: boolean,
  errors: FieldError[],
): void {
  containers.forEach((container, i) => {
    const at = `${path}[${i}]`;
    if (container.name === '') errors.push(required(`${at}.name`));
    else
      for (const problem of dns1123Label(container.name)) errors.push(invalid(`${at}.name`, container.name, problem));
    if (names.has(container.name)) errors.push(duplicate(`${at}.name`, container.name));
    names.add(container.name);
    if (container.image === '') errors.push(required(`${at}.image`));
    if (init && container.restartPolicy !== 'Always') {
      for (const probe of ['livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
        if (container[probe] !== undefined) {
          errors.push(forbidden(`${at}.${probe}`, 'may not be set for init containers without restartPolicy=Always'));
        }
      }
    }
    if (!init && container.restartPolicy !== undefined) {
      errors.push(forbidden(`${at}.restartPolicy`, 'may not be set for non-init containers'));
    }
    validatePorts(container, at, errors);
    container.env?.forEach((variable, k) => {
      if (variable.name === '') errors.push(required(`${at}.env[${k}].name`));
      if (variable.value !== undefined && variable.value !== '' && variable.valueFrom !== undefined) {
        errors.push(invalid(`${at}.env[${k}].valueFrom`, '', 'may not be specified when `value` is not empty'));
      }
    });
    container.volumeMounts?.forEach((mount, k) => {
      const field = `${at}.volumeMounts[${k}]`;
      if (mount.name === '') errors.push(required(`${field}.name`));
      else if (!volumes.has(mount.name))
        errors.push({ field: `${field}.name`, type: 'Not found', value: mount.name, detail: '' });
      if (mount.mountPath === '') errors.push(required(`${field}.mountPath`));
    });
    for (const probe of ['livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
      validateProbe(container[probe], `${at}.${probe}`, probe !== 'readinessProbe', errors);
    }
    validateResources(container.resources, `${at}.resources`, errors);
  });
}

function validatePorts(container: Container, path: string, errors: FieldError[]): void {
  const names = new Set<string>();
  container.ports?.forEach((port, i) => {
    const at = `${path}.ports[${i}]`;
    if (port.name !== undefined && port.name !== '') {
      for (const problem of portName(port.name)) errors.push(invalid(`${at}.name`, port.name, problem));
      if (names.has(port.name)) errors.push(duplicate(`${at}.name`, port.name));
      names.add(port.name);
    }
    if (port.containerPort === 0) errors.push(required(`${at}.containerPort`));
    else if (port.containerPort < 1 || port.containerPort > 65535) {
      errors.push(invalid(`${at}.containerPort`, port.containerPort, PORT_RANGE));
    }
    if (port.hostPort !== undefined && (port.hostPort < 1 || port.hostPort > 65535)) {
      errors.push(invalid(`${at}.hostPort`, port.hostPort, PORT_RANGE));
    }
  });
}

function validateProbe(probe: Probe | undefined, path: string, onceOnly: boolean, errors: FieldError[]): void {
  if (probe === undefined) return;
  for (const key of [
    'initialDelaySeconds',
    'timeoutSeconds',
    'periodSeconds',
    'successThreshold',
    'failureThreshold',
  ] as const) {
    errors.push(...notNegative(probe[key], `${path}.${key}`));
  }
  if (onceOnly && probe.successThreshold !== 1)
    errors.push(invalid(`${path}.successThreshold`, probe.successThreshold, 'must be 1'));
  if (probe.handler === 'exec') return;
  const at = `${path}.${probe.handler}.port`;
  if (probe.port === undefined) errors.push(required(at));
  else if (typeof probe.port === 'number') {
    if (probe.port < 1 || probe.port > 65535) errors.push(invalid(at, probe.port, PORT_RANGE));
  } else for (const problem of portName(probe.port)) errors.push(invalid(at, probe.port, problem));
}

function validateResources(resources: ResourceRequirements | undefined, path: string, errors: FieldError[]): void {
  if (resources === undefined) return;
  const { requests, limits } = resources;
  for (const [key, list] of [
    ['limits', limits],
    ['requests', requests],
  ] as const) {
    for (const name in list) {
      const at = `${path}.${key}[${name}]`;
      for (const problem of qualifiedName(name)) errors.push(invalid(at, name, problem));
      if (list[name]! < 0) errors.push(invalid(at, resourceText(name, list[name]!), NOT_NEGATIVE));
    }
  }
  for (const name in requests) {
    const limit = limits?.[name];
    if (limit === undefined) {
      if (isExtended(name))
        errors.push(required(`${path}.limits`, 'Limit must be set for non overcommitable resources'));
      continue;
    }
    const found = resourceText(name, requests[name]!);
    const bound = `${name} limit of ${resourceText(name, limit)}`;
    if (isExtended(name) && requests[name] !== limit)
      errors.push(invalid(`${path}.requests`, found, `must be equal to ${bound}`));
    else if (requests[name]! > limit)
      errors.push(invalid(`${path}.requests`, found, `must be less than or equal to ${bound}`));
  }
}

/** Resources that cannot be overcommitted: extended ones (`vendor.example/device`) and huge pages. */
function isExtended(resource: string): boolean {
  return resource.startsWith('hugepages-') || (resource.includes('/') && !resource.includes('kubernetes.io/'));
}

function validateTolerations(spec: PodSpec, path: string, errors: FieldError[]): void {
  spec.tolerations?.forEach((toleration, i) => {
    const at = `${path}.tolerations[${i}]`;
    const { key, operator, value, effect, tolerationSeconds } = toleration;
    if (key !== undefined && key !== '') {
      for (const problem of qualifiedName(key)) errors.push(invalid(`${at}.key`, key, problem));
    } else if (operator !== 'Exists') {
      errors.push(
        invalid(
          `${at}.operator`,
          operator ?? '',
          'operator must be Exists when `key` is empty, which means "match all values and all keys"',
        ),
      );
    }
    if (operator === 'Exists' && value !== undefined && value !== '') {
      errors.push(invalid(`${at}.operator`, value, "value must be empty when `operator` is 'Exists'"));
    }
    if (tolerationSeconds !== undefined && effect !== 'NoExecute') {
      errors.push(invalid(`${at}.effect`, effect ?? '', "effect must be 'NoExecute' when `tolerationSeconds` is set"));
    }
  });
}

function validateSpread(spec: PodSpec, path: string, errors: FieldError[]): void {
  spec.topologySpreadConstraints?.forEach((constraint, i) => {
    const at = `${path}.topologySpreadConstraints[${i}]`;
    if (constraint.maxSkew <= 0) errors.push(invalid(`${at}.maxSkew`, constraint.maxSkew, 'must be greater than zero'));
    if (constraint.topologyKey === '') errors.push(required(`${at}.topologyKey`, 'can not be empty'));
    if (constraint.minDomains !== undefined && constraint.minDomains <= 0) {
      errors.push(invalid(`${at}.minDomains`, constraint.minDomains, 'must be greater than zero'));
    }
    if (constraint.minDomains !== undefined && constraint.whenUnsatisfiable === 'ScheduleAnyway') {
      errors.push(
        invalid(
          `${at}.minDomains`,
          constraint.minDomains,
          'can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway',
        ),
      );
    }
    if (constraint.labelSelector !== undefined)
      errors.push(...validateSelector(constraint.labelSelector, `${at}.labelSelector`));
  });
}

function validateAffinity(spec: PodSpec, path: string, errors: FieldError[]): void {
  const { nodeAffinity, podAffinity, podAntiAffinity } = spec.affinity ?? {};
  const nodePath = `${path}.affinity.nodeAffinity`;
  const requiredTerms = nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (requiredTerms !== undefined && requiredTerms.nodeSelectorTerms.length === 0) {
    errors.push(
      required(
        `${nodePath}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms`,
        'must have at least one node selector term',
      ),
    );
  }
  nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution?.forEach(({ weight }, i) => {
    weightError(weight, `${nodePath}.preferredDuringSchedulingIgnoredDuringExecution[${i}].weight`, errors);
  });
  for (const [key, affinity] of [
    ['podAffinity', podAffinity],
    ['podAntiAffinity', podAntiAffinity],
  ] as const) {
    affinity?.requiredDuringSchedulingIgnoredDuringExecution?.forEach(({ topologyKey }, i) => {
      const at = `${path}.affinity.${key}.requiredDuringSchedulingIgnoredDuringExecution[${i}]`;
      if (topologyKey === '') errors.push(required(`${at}.topologyKey`, 'can not be empty'));
    });
    affinity?.preferredDuringSchedulingIgnoredDuringExecution?.forEach(({ weight, podAffinityTerm }, i) => {
      const at = `${path}.affinity.${key}.preferredDuringSchedulingIgnoredDuringExecution[${i}]`;
      weightError(weight, `${at}.weight`, errors);
      if (podAffinityTerm.topologyKey === '')
        errors.push(required(`${at}.podAffinityTerm.topologyKey`, 'can not be empty'));
    });
  }
}

function weightError(weight: number, path: string, errors: FieldError[]): void {
  if (weight <= 0 || weight > 100) errors.push(invalid(path, weight, 'must be in the range 1-100'));
}
