import type { ColumnSink } from '../metrics/column-sink.js';
import type { TableSpec } from '../metrics/recorder.js';
import type { OutputDirectory, OutputFile } from './output-directory.js';
import { type ColumnChunk, ParquetStream } from './parquet.js';

/** Writes chunks of tables to Parquet files of an output directory while the run goes on: a chunk is a row group. */
export class ParquetSink implements ColumnSink {
  private readonly directory: OutputDirectory;
  private readonly prefix: string;
  private readonly files = new Map<string, { readonly stream: ParquetStream; readonly file: OutputFile }>();

  /** @param prefix put in front of the names of the files, such as `canary.` */
  constructor(directory: OutputDirectory, prefix = '') {
    this.directory = directory;
    this.prefix = prefix;
  }

  write(spec: TableSpec, columns: ColumnChunk): void {
    let entry = this.files.get(spec.name);
    if (entry === undefined) {
      entry = { stream: new ParquetStream(spec), file: this.directory.open(`${this.prefix}${spec.name}.parquet`) };
      this.files.set(spec.name, entry);
    }
    entry.file.append(entry.stream.write(columns));
  }

  /** Ends all files; call before the directory is committed. */
  finish(): void {
    for (const { stream, file } of this.files.values()) {
      file.append(stream.finish());
      file.close();
    }
    this.files.clear();
  }
}
