import type { PodTemplateSpec } from '../api/core.js';
import { nearestName } from '../api/nearest.js';
import { resourceAmount } from '../api/quantity.js';
import { MILLISECOND } from '../kernel/time.js';
import { globMatches } from './glob.js';
import type { InputError } from './input-error.js';
import type { LoadedObject } from './manifests.js';
import { isActedOn } from './modelled.js';
import type { RawBehaviour } from './schema.js';
import { toDistribution } from './schema-values.js';
import type { Path, SourceItem } from './source.js';
import type { CostProfile, Finding, ImageBehaviour, RequestBehaviour } from './types.js';
import { bytes, duration, share } from './units.js';

/** Assumed behaviour of an application that says nothing of itself: a small compiled server. */
const DEFAULTS = {
  startup: { kind: 'lognormal', median: 150 * MILLISECOND, sigma: 0.4 },
  shutdown: { kind: 'lognormal', median: 1500 * MILLISECOND, sigma: 0.6 },
  service: { kind: 'exponential', mean: 20 * MILLISECOND },
  concurrency: 8,
  queue: 128,
  exitCode: 1,
} as const;

/** A behaviour of the scenario file as the models read it. */
export function toBehaviour(raw: RawBehaviour, profile: CostProfile, calls?: RequestBehaviour['calls']): ImageBehaviour {
  const { request, usage } = raw;
  return {
    image: raw.image,
    startup: raw.start === undefined ? DEFAULTS.startup : toDistribution(raw.start),
    shutdown: raw.stop === undefined ? DEFAULTS.shutdown : toDistribution(raw.stop),
    servesWhileDraining: raw.drains ?? false,
    imageBytes: imageBytes(raw, profile),
    ...(raw.layers === undefined ? {} : { layers: Object.entries(raw.layers).map(([name, size]) => ({ name, bytes: bytes(size) })) }),
    ...(raw.cached === undefined ? {} : { cached: raw.cached }),
    ...(raw.missing === undefined ? {} : { missing: raw.missing }),
    neverReady: raw.ready === false,
    request: {
      time: request?.time === undefined ? DEFAULTS.service : toDistribution(request.time),
      concurrency: request?.concurrency ?? DEFAULTS.concurrency,
      queue: request?.queue ?? DEFAULTS.queue,
      ...(request?.cpu === undefined ? {} : { cpu: duration(request.cpu) }),
      ...(request?.answer === undefined ? {} : { answer: bytes(request.answer) }),
      ...(request?.upload === undefined ? {} : { upload: bytes(request.upload) }),
      errors: request?.errors === undefined ? 0 : share(request.errors),
      ...(request?.slower === undefined ? {} : { slower: request.slower }),
      ...(request?.warmUp === undefined
        ? {}
        : { warmUp: { factor: request.warmUp.factor, time: duration(request.warmUp.time) } }),
      ...(request?.overload === undefined
        ? {}
        : { overload: { above: request.overload.above, errors: share(request.overload.errors) } }),
      ...(request?.processor === undefined
        ? {}
        : { processor: request.processor.cores === undefined ? {} : { cores: request.processor.cores } }),
      ...(calls === undefined ? {} : { calls }),
    },
    ...(usage === undefined
      ? {}
      : { usage: { cpu: resourceAmount('cpu', usage.cpu ?? 0), memory: usage.memory === undefined ? 0 : bytes(usage.memory) } }),
    ...(raw.memory === undefined
      ? {}
      : { memory: { base: bytes(raw.memory.base), leakPerSecond: bytes(raw.memory.leakPerSecond) } }),
    ...(raw.storage === undefined
      ? {}
      : { storage: { base: bytes(raw.storage.base ?? 0), growPerSecond: bytes(raw.storage.growPerSecond ?? 0) } }),
    ...(raw.inodes === undefined ? {} : { inodes: { base: raw.inodes.base ?? 0, growPerSecond: raw.inodes.growPerSecond ?? 0 } }),
    ...(raw.processes === undefined ? {} : { processes: { base: raw.processes.base ?? 0, growPerSecond: raw.processes.growPerSecond ?? 0 } }),
    ...(raw.exit === undefined
      ? {}
      : { crash: { after: toDistribution(raw.exit.after), exitCode: raw.exit.code ?? DEFAULTS.exitCode } }),
  };
}

/** Compressed size of an image. */
function imageBytes({ layers, size }: RawBehaviour, profile: CostProfile): number {
  if (layers !== undefined) return Object.values(layers).reduce<number>((sum, layer) => sum + bytes(layer), 0);
  return size === undefined ? profile.requests.imageBytes : bytes(size);
}

/** A use of an image, with the place that names it. */
export interface ImageUse {
  readonly image: string;
  readonly item: SourceItem;
  readonly path: Path;
}

/** Images that the objects would run. */
export function imagesOf(loaded: readonly LoadedObject[]): ImageUse[] {
  const uses: ImageUse[] = [];
  for (const { object, item } of loaded) {
    if (!isActedOn(object.apiVersion, object.kind)) continue;
    const spec = (object as { spec?: { template?: PodTemplateSpec; containers?: unknown; replicas?: number } }).spec;
    const template = spec?.template;
    const pod = template?.spec ?? (object.kind === 'Pod' ? (spec as PodTemplateSpec['spec']) : undefined);
    if (pod === undefined || spec?.replicas === 0) continue;
    const base = template === undefined ? ['spec'] : ['spec', 'template', 'spec'];
    for (const list of ['containers', 'initContainers'] as const) {
      pod[list]?.forEach((container, i) => {
        uses.push({ image: container.image, item, path: [...base, list, i, 'image'] });
      });
    }
  }
  return uses;
}

/** Errors for images without behaviour, and findings for behaviours that match no image. */
export function matchImages(
  uses: readonly ImageUse[],
  behaviours: readonly RawBehaviour[],
  errors: InputError[],
  unused: (index: number, message: string) => Finding,
): Finding[] {
  const used = new Set<number>();
  const seen = new Set<string>();
  for (const { image, item, path } of uses) {
    if (seen.has(image)) continue;
    seen.add(image);
    const index = behaviours.findIndex((behaviour) => globMatches(behaviour.image, image));
    if (index >= 0) {
      used.add(index);
      continue;
    }
    const nearest = nearestName(
      suggestedPattern(image),
      behaviours.map((behaviour) => behaviour.image),
    );
    const hint =
      nearest === undefined
        ? `add one to "behaviour", such as { image: "${suggestedPattern(image)}" }`
        : `did you mean "${suggestedPattern(image)}" where "behaviour" has "${nearest}"?`;
    errors.push(
      item.error(path, {
        message: `no behaviour for the image ${image}; ${hint}`,
        found: image,
        ...(nearest === undefined ? {} : { suggestion: nearest }),
      }),
    );
  }
  const findings: Finding[] = [];
  behaviours.forEach((behaviour, i) => {
    if (!used.has(i))
      findings.push(unused(i, `the behaviour of "${behaviour.image}" matches no image of this scenario`));
  });
  return findings;
}

/** A pattern for all versions of an image. */
function suggestedPattern(image: string): string {
  const name = image.slice(image.lastIndexOf('/') + 1).split('@')[0]!;
  const colon = name.indexOf(':');
  return `${image.includes('/') ? '*/' : ''}${colon < 0 ? name : `${name.slice(0, colon)}:*`}`;
}
