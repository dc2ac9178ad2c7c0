import { type InputError, inputErrorsOf } from './input-error.js';
import { extendProfile, finishProfile, type ProfileStack, readProfile } from './profile.js';
import type { RawScenario } from './schema.js';
import type { Path, SourceItem } from './source.js';
import type { CostProfile } from './types.js';

/** The cost profile that a scenario names or states, with the disk classes it chooses; what is wrong goes to `errors`. */
export class ScenarioProfile {
  /** The costs of the scenario, with the disks of the main etcd cluster; undefined after an error. */
  readonly profile: CostProfile | undefined;
  private readonly raw: RawScenario;
  private readonly item: SourceItem;
  private readonly folder: string;
  private readonly errors: InputError[];
  private readonly files: string[];
  private readonly stack: ProfileStack | undefined;

  constructor(raw: RawScenario, item: SourceItem, folder: string, errors: InputError[], files: string[]) {
    this.raw = raw;
    this.item = item;
    this.folder = folder;
    this.errors = errors;
    this.files = files;
    this.stack = this.readStack();
    this.profile = this.stack && this.withDefaultDisk(this.stack);
  }

  /** Costs of an etcd cluster with a disk class of its own (absent: as the main cluster); errors are said at `path`. */
  etcd(disk: string | undefined, path: Path): CostProfile['etcd'] | undefined {
    if (disk === undefined || this.stack === undefined) return this.profile?.etcd;
    return this.withDisk(this.stack, disk, path)?.etcd;
  }

  private readStack(): ProfileStack | undefined {
    const { profile = 'default' } = this.raw;
    const complain = (message: string, suggestion?: string): InputError =>
      this.item.error(['profile'], { message, ...(suggestion === undefined ? {} : { suggestion }) });
    try {
      const stack: ProfileStack =
        typeof profile === 'string'
          ? readProfile(profile, this.folder, complain)
          : extendProfile({ extends: 'default', ...profile }, profile.extends ?? 'default', this.folder, complain);
      this.files.push(...stack.files);
      return stack;
    } catch (error) {
      this.errors.push(...inputErrorsOf(error));
      return undefined;
    }
  }

  private withDefaultDisk(stack: ProfileStack): CostProfile | undefined {
    const disk = this.raw.cluster?.etcd?.disk;
    const profile = this.withDisk(stack, disk, disk === undefined ? ['profile'] : ['cluster', 'etcd', 'disk']);
    return profile && this.withOwnDisk(profile, this.raw.profile ?? 'default');
  }

  /** The profile with a disk class for etcd; what is wrong with the class is said at `path`. */
  private withDisk(stack: ProfileStack, disk: string | undefined, path: Path): CostProfile | undefined {
    try {
      return finishProfile(stack, disk, (message, suggestion) =>
        this.item.error(path, { message, ...(suggestion === undefined ? {} : { suggestion }) }),
      );
    } catch (error) {
      this.errors.push(...inputErrorsOf(error));
      return undefined;
    }
  }

  /** Costs that the scenario itself states hold over those of a disk class. */
  private withOwnDisk(profile: CostProfile, own: NonNullable<RawScenario['profile']>): CostProfile {
    if (typeof own === 'string' || own.etcd === undefined) return profile;
    const stack = extendProfile({ extends: 'default', ...own }, profile.name, this.folder, (message) =>
      this.item.error(['profile'], { message }),
    );
    const plain = finishProfile(stack, undefined, (message) => this.item.error(['profile'], { message }));
    return {
      ...profile,
      etcd: {
        ...profile.etcd,
        ...(own.etcd.fsync === undefined ? {} : { fsync: plain.etcd.fsync }),
        ...(own.etcd.backendCommit === undefined ? {} : { backendCommit: plain.etcd.backendCommit }),
      },
    };
  }
}
