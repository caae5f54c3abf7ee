/** restic's field names, so that people's scripts carry over. */
export interface ProgressStatus {
  readonly message_type: "status";
  readonly seconds_elapsed: number;
  readonly seconds_remaining?: number;
  readonly percent_done?: number;
  readonly total_files?: number;
  readonly files_done?: number;
  readonly total_bytes?: number;
  readonly bytes_done?: number;
  readonly error_count?: number;
  readonly current_files?: readonly string[];
  /** Lifeboat's own: the step in words, e.g. "listing", "reading", "checking packs". */
  readonly phase?: string;
}
export type ProgressListener = (status: ProgressStatus) => void;
