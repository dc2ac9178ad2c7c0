import type { Container, Pod } from '../api/core.js';
import type { ContainerBehaviour, ContainerLife, ImageFacts } from '../node/behaviour.js';
import type { Duration } from '../kernel/time.js';
import { SECOND } from '../kernel/time.js';
import { DrawCursor } from '../node/draws.js';
import { podDrawKey } from '../node/ordinals.js';
import { EXIT_CODE_SIGKILL } from '../node/termination-policy.js';
import type { DistributionSpec } from '../random/distribution.js';
import type { Randomness } from '../random/stream.js';
import type { ImageBehaviour } from '../scenario/types.js';
import { imageMatches } from './image-pattern.js';

/** Draws per container and life: startup, shutdown and crash each have 64, lives follow one another. */
const DRAWS_PER_SAMPLE = 64;
const SAMPLES_PER_LIFE = 4;
const LIVES = 65536;

/** From the start of a process until it leaks to its memory limit; Infinity: never. */
function timeToLimit({ memory }: ImageBehaviour, container: Container): Duration {
  const limit = container.resources?.limits?.['memory'];
  if (memory === undefined || limit === undefined) return Number.POSITIVE_INFINITY;
  if (memory.base >= limit) return 0;
  if (memory.leakPerSecond === 0) return Number.POSITIVE_INFINITY;
  return Math.round(((limit - memory.base) / memory.leakPerSecond) * SECOND);
}

/** What a process uses; a behaviour that says nothing of it uses nothing. */
function useOf({ memory, usage, storage, inodes, processes }: ImageBehaviour): Pick<ContainerLife, 'memory' | 'storage' | 'inodes' | 'pids'> {
  const held = usage?.memory ?? 0;
  return {
    ...(memory !== undefined ? { memory: { base: memory.base, perSecond: memory.leakPerSecond } } : held > 0 ? { memory: { base: held, perSecond: 0 } } : {}),
    ...(storage === undefined ? {} : { storage: { base: storage.base, perSecond: storage.growPerSecond } }),
    ...(inodes === undefined ? {} : { inodes: { base: inodes.base, perSecond: inodes.growPerSecond } }),
    ...(processes === undefined ? {} : { pids: { base: processes.base, perSecond: processes.growPerSecond } }),
  };
}

/** What is known of an image that was met. */
interface Met {
  readonly behaviour: ImageBehaviour;
  readonly use: ReturnType<typeof useOf>;
  /** The life that all its containers lead, if nothing of it is drawn or depends on their limits; null: each leads its own. */
  readonly life: ContainerLife | null;
}

/** Whether a distribution has one value. */
function isFixed({ kind, stall }: DistributionSpec): boolean {
  return kind === 'constant' && stall === undefined;
}

/** What containers do, by the scenario's behaviours: the first whose pattern matches the image holds. */
export class ScenarioBehaviour implements ContainerBehaviour {
  private readonly behaviours: readonly ImageBehaviour[];
  private readonly draws: DrawCursor;
  private readonly byImage = new Map<string, Met>();

  constructor(behaviours: readonly ImageBehaviour[], randomness: Randomness) {
    this.behaviours = behaviours;
    this.draws = new DrawCursor(randomness.keyed('behaviour'));
  }

  /** The behaviour of an image. Throws for an image that no pattern matches. */
  of(image: string): ImageBehaviour {
    return this.met(image).behaviour;
  }

  private met(image: string): Met {
    let met = this.byImage.get(image);
    if (met === undefined) {
      const behaviour = this.behaviours.find((candidate) => imageMatches(candidate.image, image));
      if (behaviour === undefined) {
        throw new Error(
          `no behaviour matches image ${image}: add one under \`behaviour:\` whose \`image\` pattern matches it`,
        );
      }
      const use = useOf(behaviour);
      const { crash, memory, startup, shutdown } = behaviour;
      const alike = crash === undefined && memory === undefined && isFixed(startup) && isFixed(shutdown);
      met = { behaviour, use, life: alike ? this.draw(behaviour, use, Number.POSITIVE_INFINITY, 0, 0) : null };
      this.byImage.set(image, met);
    }
    return met;
  }

  /** Keyed by owner, ordinal, container and restart: the same in every run of a comparison. */
  life(pod: Pod, container: Container, restart: number, ordinal: number): ContainerLife {
    const { behaviour, use, life } = this.met(container.image);
    if (life !== null) return life;
    const key = podDrawKey(pod, ordinal);
    const place = pod.spec.containers.findIndex((other) => other.name === container.name) + 1;
    const first = ((restart % LIVES) * 8 + (place & 7)) * SAMPLES_PER_LIFE * DRAWS_PER_SAMPLE;
    return this.draw(behaviour, use, timeToLimit(behaviour, container), key, first);
  }

  /** A life that leaks to its memory limit after `memory`, from the draws of a key from one on. */
  private draw(behaviour: ImageBehaviour, use: Met['use'], memory: Duration, key: number, first: number): ContainerLife {
    const startup = this.draws.sample(behaviour.startup, key, first);
    const shutdown = this.draws.sample(behaviour.shutdown, key, first + DRAWS_PER_SAMPLE);
    const { crash } = behaviour;
    const runtime =
      crash === undefined ? Number.POSITIVE_INFINITY : this.draws.sample(crash.after, key, first + 2 * DRAWS_PER_SAMPLE);
    const outOfMemory = memory < runtime;
    return {
      startup: behaviour.neverReady ? Number.POSITIVE_INFINITY : startup,
      runtime: outOfMemory ? memory : runtime,
      exitCode: outOfMemory ? EXIT_CODE_SIGKILL : (crash?.exitCode ?? 0),
      ...(outOfMemory ? { outOfMemory } : {}),
      ...use,
      shutdown,
      stopListening: behaviour.servesWhileDraining ? shutdown : 0,
      finishesRequests: behaviour.servesWhileDraining,
    };
  }

  /** An image that a behaviour describes exists in the registry, unless it says otherwise. */
  image(name: string): ImageFacts {
    const { imageBytes: bytes, layers, missing } = this.of(name);
    return layers === undefined ? { bytes, exists: missing !== true } : { bytes, exists: missing !== true, layers };
  }
}
