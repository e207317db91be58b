/** One run of a command, watched for what it leaves behind. */
export interface WatchedRun {
  /** For everything that the run starts. */
  env: { TMPDIR: string; CULVERT_RUN: string };
  /** What was left behind, each by its kind and name. The run's temporary folder is gone then. */
  end(): Promise<string[]>;
}

export function watchRun(name: string): WatchedRun;
