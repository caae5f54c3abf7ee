import { formatDuration, type ProgressListener, type ProgressStatus } from "@lifeboat/model";
import type { Session } from "../session/session.ts";
import { countOf, formatBytes, formatCount } from "./format-size.ts";

const jsonEveryMs = 1000;
/** The rate is that of the last seconds, not of the whole run: it has to show that something is stuck. */
const rateWindowMs = 5000;

/**
 * On a terminal one line that moves, with rate and time left; with --json a line a second as restic writes them; otherwise nothing:
 * logs of cron stay short.
 */
export function showProgress(session: Session, label: string): ProgressListener {
  const { output, clock, json, quiet } = session;
  const points: { atMs: number; bytes: number }[] = [];
  let nextMs = 0;
  return (status) => {
    const now = clock.now();
    if (json) {
      if (quiet || now < nextMs) return;
      nextMs = now + jsonEveryMs;
      void output.line(JSON.stringify(status)).catch(() => {});
      return;
    }
    if (quiet) return;
    points.push({ atMs: now, bytes: status.bytes_done ?? 0 });
    while (points.length > 2 && points[0]!.atMs < now - rateWindowMs) points.shift();
    output.status(progressText(label, status, rateOf(points)));
  };
}

function rateOf(points: readonly { readonly atMs: number; readonly bytes: number }[]): number | undefined {
  const first = points[0];
  const last = points.at(-1);
  if (first === undefined || last === undefined || last.atMs - first.atMs < 500) return undefined;
  return Math.max(0, ((last.bytes - first.bytes) * 1000) / (last.atMs - first.atMs));
}

/** "web1/uploads  63%  18.4 of 29.2 GiB · 41 233 of 58 110 files · 38 MiB/s · 4m 50s left" */
export function progressText(label: string, status: ProgressStatus, bytesPerSecond: number | undefined): string {
  const { percent_done, bytes_done, total_bytes, files_done, total_files, seconds_remaining, error_count, phase, current_files } =
    status;
  const percent = percent_done === undefined ? "" : `${Math.floor(percent_done * 100)}%`;
  const head = [label, percent || phase].filter(Boolean).join("  ");
  const parts = [
    bytes_done === undefined
      ? ""
      : total_bytes
        ? `${formatBytes(bytes_done)} of ${formatBytes(total_bytes)}`
        : formatBytes(bytes_done),
    files_done === undefined
      ? ""
      : total_files
        ? `${formatCount(files_done)} of ${countOf(total_files, "file")}`
        : countOf(files_done, "file"),
    bytesPerSecond === undefined || bytes_done === undefined ? "" : `${formatBytes(bytesPerSecond)}/s`,
    seconds_remaining === undefined ? "" : `${formatDuration(seconds_remaining)} left`,
    error_count ? `${countOf(error_count, "problem")}` : "",
    current_files?.[0] ?? "",
  ].filter(Boolean);
  return `${head}  ${parts.join(" · ")}`;
}
